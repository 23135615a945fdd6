"""The ladder of bounds as a value: its rungs from the top down, and the gap below each of them.

    log p(x)
      |  approximation gap     the family cannot reach the posterior
    L[q*]
      |  amortization gap      the encoder does not reach the family's optimum
    L[q]

Source: Cremer, Li, Duvenaud, "Inference Suboptimality in Variational Autoencoders" (2018),
https://arxiv.org/abs/1801.03558, section 3. Any other ordered list of rungs works the same way: whatever reads a run
asks its ladder which rungs and gaps there are, whose a gap is, and what all of them are called.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import combinations
from typing import Any

from gapkit.core.errors import InputError
from gapkit.ladder.steps import TOTAL, Further, Gap, Part, Rung, Step

__all__ = ["NUMBERS", "STANDARD", "TOTAL", "Gap", "Ladder", "Part", "Rung", "Step"]

_PARTS = ("family", "encoder", "other")
NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


@dataclass(frozen=True)
class Ladder:
    """Rungs from the top down and the gaps between neighbours.

    Attributes:
        rungs: at least two; the first stands for log p(x), the last is what the encoder's q reaches.
        gaps: one fewer, each below the rung of the same place.
        total: the gap from the first rung to the last; if none is given, in words that count its parts.
        further: estimates and families of one's own that a table holds beside the rungs.

    Raises:
        InputError: not one gap between each two neighbours, or a name that comes twice or is none of a column.

    Example:
        >>> [part.label for part in STANDARD.steps()]
        ['log p(x)', 'approximation gap', 'L[q*]', 'amortization gap', 'L[q]']
        >>> Ladder.of(STANDARD.to_dict()) == STANDARD
        True
    """

    rungs: tuple[Rung, ...]
    gaps: tuple[Gap, ...]
    total: Gap = field(default=TOTAL)
    further: tuple[Further, ...] = ()

    def __post_init__(self) -> None:
        if len(self.rungs) < 2 or len(self.gaps) != len(self.rungs) - 1:
            found = f"{len(self.rungs)} rungs and {len(self.gaps)} gaps"
            raise InputError("a ladder", found, "give two rungs or more, and a gap between each two neighbours")
        names = [*self.names, *(part.name for part in self.further if part.kind == "estimate")]
        if len(set(names)) < len(names):
            raise InputError("a ladder", f"the names {', '.join(names)}", "use each name once")
        odd = [name for name in names if not name.isidentifier()]
        if odd:
            raise InputError("a ladder", f"the name {odd[0]!r:.60}", "use letters, digits and underscores")
        unknown = [gap.part for gap in self.gaps if gap.part not in _PARTS]
        if unknown:
            raise InputError(f"a gap of part {unknown[0]!r}", "no such part", f"use one of {', '.join(_PARTS)}")
        if self.rungs[-1].shortfall:
            raise InputError("a ladder", "a fitted rung at the bottom", "put the encoder's rung below it")
        if self.total == TOTAL and len(self.gaps) != 2:
            object.__setattr__(self, "total", _counted(self))

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Ladder":
        """What :meth:`to_dict` gave; of nothing, as in runs of before there were ladders, the usual one."""
        if not stored:
            return STANDARD
        return cls(
            tuple(Rung(**_known(Rung, rung)) for rung in stored["rungs"]),
            tuple(Gap(**_known(Gap, gap)) for gap in stored["gaps"]),
            Gap(**_known(Gap, stored["total"])),
            tuple(Further(**_known(Further, part)) for part in stored.get("further", ())),
        )

    def to_dict(self) -> dict[str, Any]:
        """As it is stored, in what JSON has."""
        parts = {"rungs": [*map(asdict, self.rungs)], "gaps": [*map(asdict, self.gaps)], "total": asdict(self.total)}
        return {**parts, **({"further": [*map(asdict, self.further)]} if self.further else {})}

    @property
    def top(self) -> Rung:
        """The rung that stands for log p(x)."""
        return self.rungs[0]

    @property
    def bottom(self) -> Rung:
        """The rung of the encoder's q."""
        return self.rungs[-1]

    @property
    def all_gaps(self) -> tuple[Gap, ...]:
        """The gaps from the top down, and their sum."""
        return (*self.gaps, self.total)

    @property
    def told(self) -> tuple[Gap, ...]:
        """The total gap and then its parts from the bottom up: the order in which they are told."""
        return (self.total, *reversed(self.gaps))

    @property
    def names(self) -> tuple[str, ...]:
        """Of all rungs, gaps, and the total gap: the columns without which there is no ladder."""
        return (*(rung.name for rung in self.rungs), *(gap.name for gap in self.all_gaps))

    def steps(self) -> tuple[Rung | Gap, ...]:
        """Rungs and the gaps between them, from the top down."""
        below = [part for rung, gap in zip(self.rungs, self.gaps, strict=False) for part in (rung, gap)]
        return (*below, self.bottom)

    def ends(self, gap: Gap) -> tuple[Rung, Rung]:
        """The upper and the lower rung of a gap."""
        if gap == self.total:
            return self.top, self.bottom
        place = self.gaps.index(gap)
        return self.rungs[place], self.rungs[place + 1]

    def gap_of(self, part: Part) -> Gap | None:
        """The first gap of a part; None where no gap is its."""
        return next((gap for gap in self.gaps if gap.part == part), None)

    def own(self, kind: str, name: str) -> Further | None:
        """The estimate (``estimate``) or family (``family``) of one's own of that name; None where there is none."""
        return next((part for part in self.further if (part.kind, part.name) == (kind, name)), None)

    def called(self, family: str) -> str:
        """The name of a family in words."""
        own = self.own("family", family)
        return own.label if own else family.replace("_", " ")

    @property
    def fitted(self) -> Rung | None:
        """The rung that is found by optimisation: L[q*], under which further families stand as side notes."""
        return next((rung for rung in self.rungs if rung.shortfall), None)

    @property
    def above_fitted(self) -> Gap | None:
        """The gap from the rung above down to the fitted one."""
        return next((gap for gap in self.gaps if self.ends(gap)[1].shortfall), None)

    @property
    def below_fitted(self) -> Gap | None:
        """The gap from the fitted rung down to the next one."""
        return next((gap for gap in self.gaps if self.ends(gap)[0].shortfall), None)

    def contrasts(self) -> dict[str, tuple[Gap, Gap]]:
        """Differences of two gaps by the name of their column: the lower one minus the upper one.

        Example:
            >>> list(STANDARD.contrasts())
            ['amortization_minus_approximation']
        """
        return {_contrast(upper, lower): (lower, upper) for upper, lower in combinations(self.gaps, 2)}

    def shortfalls(self) -> dict[str, tuple[str, int, bool]]:
        """How what is left to gain on fitted rungs enters: the column of it, how often, and whether errors hold it.

        It moves nats from the gap below a fitted rung to that above; the total is what it is.
        """
        found: dict[str, tuple[str, int, bool]] = {}
        for rung in self.rungs:
            if not rung.shortfall:
                continue
            beside = [gap for gap in self.gaps if rung in self.ends(gap)]
            found[rung.name] = (rung.shortfall, 1, False)
            found |= {gap.name: (rung.shortfall, 1, True) for gap in beside}
            for name, pair in self.contrasts().items():
                times = sum(gap in beside for gap in pair)
                if times:
                    found[name] = (rung.shortfall, times, True)
        return found


def _known(kind: type[Rung] | type[Gap] | type[Further], stored: Mapping[str, Any]) -> dict[str, Any]:
    """A later version may have stored more."""
    return {part.name: stored[part.name] for part in fields(kind) if part.name in stored}


def _counted(ladder: Ladder) -> Gap:
    """The total gap in words that count its parts, where they are not two."""
    number = NUMBERS.get(len(ladder.gaps), str(len(ladder.gaps)))
    loses = f"What the encoder's bound loses altogether: {ladder.top.label} minus {ladder.bottom.label}."
    if len(ladder.gaps) == 1:
        return replace(TOTAL, words="the same", meaning=loses)
    return replace(TOTAL, words=f"the sum of the {number}", meaning=f"{loses} It is the sum of the next {number}.")


def _contrast(upper: Gap, lower: Gap) -> str:
    return f"{lower.name.removesuffix('_gap')}_minus_{upper.name.removesuffix('_gap')}"


STANDARD = Ladder(
    (
        Rung(
            "log_px",
            "log p(x)",
            "the model's log-likelihood",
            "The model's log-likelihood, estimated from the modes found: by importance sampling where its weights can "
            "be trusted, by AIS elsewhere.",
        ),
        Rung(
            "elbo_star",
            "L[q*]",
            "best q of the family",
            "The ELBO of the best member of the analysed family, fitted to each datapoint on its own.",
            "optimality_gap",
            "best in the family",
        ),
        Rung(
            "elbo",
            "L[q]",
            "the encoder's q",
            "The ELBO with the encoder's own q(z|x): the bound that training maximises.",
        ),
    ),
    (
        Gap(
            "approximation_gap",
            "approximation gap",
            "family",
            "the posterior family's",
            "the family's part",
            "The posterior family's part: log p(x) minus L[q*], what even the best member of the family cannot reach.",
            "approx.\ngap",
        ),
        Gap(
            "amortization_gap",
            "amortization gap",
            "encoder",
            "the encoder's",
            "the encoder's part",
            "The encoder's part: L[q*] minus L[q], what one network for all datapoints loses against the best q for "
            "each.",
            "amort.\ngap",
        ),
    ),
)
