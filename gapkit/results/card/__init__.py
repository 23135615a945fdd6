"""The card that a notebook shows for a result: verdict, ladder and table as one piece of HTML.

It is made of the summary alone.
"""

from gapkit.results.card.page import card
from gapkit.results.card.repr import one_line

__all__ = ["card", "one_line"]
