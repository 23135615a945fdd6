"""What a study of amortization found, as values and in words: which inference function is needed, and what it loses."""

from gapkit.results.amortization.found import Amortization
from gapkit.results.amortization.study import Candidate, Polish, Repeats, Study

__all__ = ["Amortization", "Candidate", "Polish", "Repeats", "Study"]
