"""Which quantities a card shows, in the order of the ladder, and what they are called there."""

from collections.abc import Mapping
from dataclasses import dataclass

from gapkit.core.means import Mean
from gapkit.ladder import STANDARD, Gap, Ladder, Rung, encoders, family_sides, quantity, side_name

__all__ = ["Line", "lines"]


@dataclass(frozen=True)
class Line:
    """A row of a card's table.

    Attributes:
        name: of the quantity in the summary.
        label: what it is called.
        meaning: a few words beside the label.
        kind: ``rung``, ``side`` for a rung that is no part of the split, ``gap`` or ``total``.
    """

    name: str
    label: str
    meaning: str
    kind: str


def lines(quantities: Mapping[str, Mean], ladder: Ladder = STANDARD) -> list[Line]:
    """The rows: the ladder from the top down, further families and encoders at their height, and the total gap.

    A further family or encoder is left out where its mean is not over the same datapoints, and a family also where it
    does not differ from the family of the split.

    Args:
        quantities: of a split, by name.
        ladder: its rungs and gaps.

    Example:
        >>> top, star, bottom = (rung.name for rung in STANDARD.rungs)
        >>> means = {top: -1.0, star: -3.0, bottom: -4.0, side_name("family", "flow"): -2.0}
        >>> means = {name: Mean(mean, None, None, None, None, 9, 0) for name, mean in means.items()}
        >>> [line.label for line in lines(means)][:3]
        ['log p(x)', 'L[q*], flow', 'approximation gap']
    """
    families = [name for name in family_sides(quantities, ladder) if quantity(name, ladder).kind == "family"]
    sides = [*families, *(side_name("encoder", name, ladder) for name in encoders(quantities))]
    sides = sorted(
        (name for name in sides if _says_more(name, quantities, ladder)), key=lambda name: -quantities[name].value
    )
    below = {name: _above(quantities[name].value, quantities, ladder) for name in sides}
    shown = []
    for part in ladder.steps():
        shown.append(_step(part))
        shown += [_side(name, ladder) for name in sides if below[name] == part.name]
    return [*shown, _step(ladder.total)]


def _step(part: Rung | Gap) -> Line:
    kind = "rung" if isinstance(part, Rung) else "total" if part.part == "total" else "gap"
    return Line(part.name, part.label, part.words, kind)


def _side(name: str, ladder: Ladder) -> Line:
    side = quantity(name, ladder)
    if side.kind == "family":
        return Line(name, side.label, "best q of another family", "side")
    return Line(name, f"{ladder.bottom.label}, {side.of}", "another encoder", "side")


def _above(level: float, quantities: Mapping[str, Mean], ladder: Ladder) -> str:
    """The rung or gap under whose row a side note of that level, in nats, stands.

    Above the fitted rung it is the lowest rung that is as high; below, the gap that it lies in, or the last rung.
    """
    star = ladder.fitted or ladder.top
    place, lowest = ladder.rungs.index(star), quantities[star.name].value
    if level > lowest:
        above = ((rung.name, quantities[rung.name].mean) for rung in reversed(ladder.rungs[:place]))
        return next((name for name, mean in above if mean is not None and mean >= level), ladder.top.name)
    for gap in ladder.gaps[place:]:
        lower = quantities[ladder.ends(gap)[1].name].mean
        lowest = lowest if lower is None else min(lowest, lower)
        if level >= lowest:
            return gap.name
    return ladder.bottom.name


def _says_more(name: str, quantities: Mapping[str, Mean], ladder: Ladder) -> bool:
    own, star, bottom = (quantities[rung] for rung in (name, (ladder.fitted or ladder.top).name, ladder.bottom.name))
    if own.mean is None or star.mean is None or bottom.mean is None or own.count != star.count:
        return False
    return quantity(name, ladder).kind != "family" or abs(own.mean - star.mean) > 1e-9
