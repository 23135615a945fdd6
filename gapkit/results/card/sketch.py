"""The ladder as a column of small pictures, one for each row of a card's table, all on one axis in nats.

Row by row, because a row's picture then stands beside its number in every theme and at every width. It is drawn by
hand: a notebook would wait for matplotlib, and its white background would glare in a dark theme.
"""

from collections.abc import Callable, Mapping, Sequence

from gapkit.core.means import Mean
from gapkit.ladder import Gap, Ladder
from gapkit.results.card.rows import Line

__all__ = ["sketches"]

_WIDTH, _HEIGHT, _MARGIN = 220, 26, 9
_MIDDLE = _HEIGHT / 2
_NARROWEST = 0.1  # nats, for gaps of zero


def sketches(quantities: Mapping[str, Mean], lines: Sequence[Line], ladder: Ladder) -> list[str]:
    """The pictures of all rows: a dot for a bound, a bar from rung to rung for a gap, with its 95% interval.

    Args:
        quantities: of a split, by name.
        lines: the rows of the table.
        ladder: its rungs and gaps.

    Returns:
        SVG elements whose colours are those of the page; none where there is nothing true to draw, because a mean is
        missing, or because means over different datapoints would make bars that are not as long as their gaps.
    """
    if any(quantities[name].mean is None for name in ladder.names):
        return []
    if len({quantities[name].count for name in ladder.names}) > 1:
        return []
    place, gaps = _axis(quantities, lines, ladder), {gap.name: gap for gap in ladder.all_gaps}
    guided = _guided(ladder)
    row_of = {line.name: number for number, line in enumerate(lines)}
    pictures = []
    for number, line in enumerate(lines):
        guides = "".join(
            _guide(place(quantities[rung].value), number - row_of[first], row_of[last] - number)
            for rung, (first, last) in guided.items()
        )
        gap = gaps.get(line.name)
        drawn = _bar(gap, quantities, place, ladder) if gap else _dot(line, quantities, place)
        pictures.append(
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" aria-hidden="true">'
            f"{guides}{drawn}</svg>"
        )
    return pictures


def _guided(ladder: Ladder) -> dict[str, tuple[str, str]]:
    """For each rung the rows between which a dotted line shows where it is: those of the gaps that it ends."""
    above = (ladder.top.name, *(gap.name for gap in ladder.gaps))
    below = (*(gap.name for gap in ladder.gaps), ladder.bottom.name)
    return {rung.name: (first, last) for rung, first, last in zip(ladder.rungs, above, below, strict=True)}


def _axis(quantities: Mapping[str, Mean], lines: Sequence[Line], ladder: Ladder) -> Callable[[float], float]:
    """From nats to places across a picture, with room for all dots, bars and intervals."""
    ends = [quantities[line.name].value for line in lines if line.kind in ("rung", "side")]
    for gap in ladder.all_gaps:
        ends += [quantities[ladder.ends(gap)[0].name].value - end for end in quantities[gap.name].ci95 or ()]
    low, high = min(ends), max(ends)
    if high - low < _NARROWEST:
        low, high = (low + high - _NARROWEST) / 2, (low + high + _NARROWEST) / 2
    return lambda nats: _MARGIN + (_WIDTH - 2 * _MARGIN) * (nats - low) / (high - low)


def _guide(x: float, below_first: int, above_last: int) -> str:
    """The part of a dotted line that falls into a row so many rows below its first and above its last one."""
    if below_first < 0 or above_last < 0:
        return ""
    start, end = 0 if below_first else _MIDDLE, _HEIGHT if above_last else _MIDDLE
    return f'<path class="guide" d="M{x:.1f} {start}V{end}"/>'


def _dot(line: Line, quantities: Mapping[str, Mean], place: Callable[[float], float]) -> str:
    radius = 4.5 if line.kind == "rung" else 3.5
    x = place(quantities[line.name].value)
    return f'<circle class="{line.kind}" cx="{x:.1f}" cy="{_MIDDLE}" r="{radius}"/>'


def _bar(gap: Gap, quantities: Mapping[str, Mean], place: Callable[[float], float], ladder: Ladder) -> str:
    """The whisker stands at the lower rung: it says where that would lie, for the upper one where it is."""
    upper, lower = (rung.name for rung in ladder.ends(gap))
    top, interval = quantities[upper].value, quantities[gap.name].ci95
    left, right = sorted((place(quantities[lower].value), place(top)))
    bar = f'<rect class="{gap.name}" x="{left:.1f}" y="{_MIDDLE - 4}" width="{right - left:.1f}" height="8"/>'
    if interval is None:
        return bar
    start, end = place(top - interval[1]), place(top - interval[0])
    ends = "".join(f"M{x:.1f} {_MIDDLE - 5}v10" for x in (start, end))
    return f'{bar}<path class="whisker" d="M{start:.1f} {_MIDDLE}H{end:.1f}{ends}"/>'
