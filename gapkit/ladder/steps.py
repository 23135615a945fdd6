"""What ladders are made of: rungs, the gaps between them, and what a table holds beside them."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["TOTAL", "Further", "Gap", "Part", "Rung", "Step"]

Part = Literal["family", "encoder", "other", "total"]


class Step:
    """What rungs and gaps have in common."""

    name: str
    label: str
    words: str
    meaning: str


@dataclass(frozen=True)
class Rung(Step):
    """A bound of the ladder.

    Attributes:
        name: of its column, such as ``elbo_star``; its error is in ``elbo_star_se``.
        label: what it is called everywhere, such as ``L[q*]``.
        words: a few words beside the label.
        meaning: a sentence or two.
        shortfall: for a rung that is found by optimisation the column of what is left to gain on it; else empty.
        brief: fewer words beside the label, on a terminal; empty for the same.
    """

    name: str
    label: str
    words: str = ""
    meaning: str = ""
    shortfall: str = ""
    brief: str = ""


@dataclass(frozen=True)
class Gap(Step):
    """What is lost from a rung to the next lower one.

    Attributes:
        name: of its column, such as ``amortization_gap``.
        label: what it is called everywhere, such as ``amortization gap``.
        part: whose it is: ``family``, ``encoder``, or ``other``; ``total`` for the sum of all.
        whose: the same in words, as in "1.5 nats are ...".
        words: a few words beside the label.
        meaning: a sentence or two.
        brief: what heads a narrow column; empty for the label.
    """

    name: str
    label: str
    part: Part
    whose: str = ""
    words: str = ""
    meaning: str = ""
    brief: str = ""

    @property
    def short(self) -> str:
        """The label without the word gap."""
        return self.label.removesuffix(" gap")

    @property
    def labelled(self) -> str:
        """The label and, of the family's and the encoder's gap, whose it is: ``amortization gap (encoder)``."""
        return f"{self.label} ({self.part})" if self.part in ("family", "encoder") else self.label


TOTAL = Gap(
    "total_gap",
    "total gap",
    "total",
    "everybody's",
    "the sum of the two",
    "What the encoder's bound loses altogether: log p(x) minus L[q]. It is the sum of the next two.",
)


@dataclass(frozen=True)
class Further:
    """An estimate or a family of one's own: what a table that holds it must say, also where nobody else knows it.

    Attributes:
        kind: ``estimate`` or ``family``.
        name: of the estimate's column, or of the family.
        label: what it is called in tables.
        meaning: of an estimate a sentence or two; of a family what its members are called, such as
            ``factorised Laplace posterior``.
        side: of log p(x) on which an estimate lies on average: ``lower``, ``exact`` or ``upper``; empty where that is
            not known, and for families.
    """

    kind: Literal["estimate", "family"]
    name: str
    label: str
    meaning: str = ""
    side: str = ""
