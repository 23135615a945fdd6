"""The ladder: the mean bounds as rungs on one axis in nats, and the gaps between them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.axes import Axes

from gapkit.core.means import Mean
from gapkit.core.phrases import by_its_name, span_words
from gapkit.ladder import Gap, Ladder, quantity
from gapkit.plots.gaps import broken, draw_gap, write_above
from gapkit.plots.selection import select
from gapkit.plots.style import COLORS, colors_of, nats_axis, picture, write_note
from gapkit.results import Result
from gapkit.results.verdict import plus_minus
from gapkit.results.verdict.words import decimals_for

__all__ = ["ladder"]

_FINE = 0.02  # nats: narrower intervals have a third decimal
_NARROWEST = 0.1  # nats, for gaps of zero
_SIDES = ("family", "encoder")
_SAME = 1e-9  # nats, between L[q*] of two families that are one


def ladder(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the bounds, log p(x), L[q*] and L[q], as rungs, and the gaps between them as bars.

    The whisker at the lower end of a bar is the 95% interval of that gap: of the mean of differences within each
    datapoint, wider at both ends by what the fits of q* may have left. The rungs have no whiskers on purpose: images
    differ by tens of nats, so the intervals of the levels over datapoints are far wider than those of the gaps; they
    would overlap and suggest that the gaps are uncertain.

    The means are over the datapoints of the split whose gaps are all finite, so that each bar is as long as its gap.
    L[q*] of other families and L[q] of further encoders are side notes; a family is left out where it was not fitted
    for all of these or does not differ from L[q*].

    Args:
        result: of an analysis.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.

    Raises:
        InputError: the result has no such split.
    """
    chosen = select(result, split)
    shown = _with_side_notes(chosen.quantities, chosen.ladder) if chosen.quantities else []
    with picture(ax, 5.2, max(3.3, 0.55 * len(shown)), f"{chosen.title}, means") as ax:
        if chosen.quantities:
            top = by_its_name(chosen.ladder.top.label, result.summary_values.target)
            _draw(ax, chosen.quantities, shown, chosen.ladder, top)
        else:
            write_note(ax, "no finite values")
    return ax


def _draw(ax: Axes, quantities: Mapping[str, Mean], shown: Sequence[str], ladder: Ladder, top: str) -> None:
    rows = {name: float(number) for number, name in enumerate(shown)}
    gaps, colors = {gap.name: gap for gap in ladder.gaps}, colors_of(ladder.gaps)
    means = {name: quantities[name].value for name in rows if name not in gaps}
    whiskers = {gap: _whisker(gap, quantities, ladder) for gap in ladder.gaps}
    left, right = _limits([*means.values(), *(end for whisker in whiskers.values() for end in whisker)])
    ax.set_xlim(left, right)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    for gap, whisker in whiskers.items():
        y, color = rows[gap.name], colors[gap.name]
        start, end = (means[rung.name] for rung in ladder.ends(gap))
        for rung in ladder.ends(gap):
            level = means[rung.name]
            ax.plot([level, level], [rows[rung.name], y], color=COLORS["guide"], linewidth=0.8, linestyle=":", zorder=1)
        draw_gap(ax, y, (start, end), whisker, color)
        write_above(ax, y, (start + end) / 2, _gap_text(quantities[gap.name]), 0.34)
    for name, mean in means.items():
        side = _is_side(name, ladder)
        ax.plot(
            mean,
            rows[name],
            linestyle="none",
            marker="o",
            markersize=5 if side else 6.5,
            color=COLORS["side" if side else "rung"],
            fillstyle="none" if side else "full",
            zorder=5,
        )
    labels = {name: broken(gap.label) for name, gap in gaps.items()}
    labels |= {
        name: f"{top if name == ladder.top.name else _label(name, ladder)}\n{mean:.2f}" for name, mean in means.items()
    }
    ax.set_yticks(list(rows.values()), [labels[name] for name in rows])
    ax.tick_params(axis="y", length=0)
    for tick, name in zip(ax.get_yticklabels(), rows, strict=True):
        tick.set_color(colors.get(name, COLORS["side" if _is_side(name, ladder) else "rung"]))
    ax.spines["left"].set_visible(False)
    nats_axis(ax, "x", "nats (higher is better)", 5)


def _with_side_notes(quantities: Mapping[str, Mean], ladder: Ladder) -> list[str]:
    """The rows from the top: side notes stand by their height among the fitted rung and those below it."""
    fitted = ladder.fitted or ladder.top
    place, star = ladder.rungs.index(fitted), quantities[fitted.name]
    notes = [
        name
        for name, values in quantities.items()
        if _is_side(name, ladder)
        and values.count == star.count
        and not (quantity(name, ladder).kind == "family" and abs(values.value - star.value) <= _SAME)
    ]
    under: list[str] = []
    before: dict[str, list[str]] = {}
    for name in sorted(notes, key=lambda name: -quantities[name].value):
        mean = quantities[name].value
        lower = (rung for rung in ladder.rungs[place + 1 :] if mean >= min(star.value, quantities[rung.name].value))
        rung = next(lower, None)
        if mean > star.value:
            before.setdefault(ladder.gaps[max(place - 1, 0)].name, []).append(name)
        elif rung:
            before.setdefault(rung.name, []).append(name)
        else:
            under.append(name)
    return [*(name for step in ladder.steps() for name in (*before.get(step.name, ()), step.name)), *under]


def _is_side(name: str, ladder: Ladder) -> bool:
    """Whether this is L[q*] of another family or L[q] of a further encoder."""
    return quantity(name, ladder).kind in _SIDES


def _label(name: str, ladder: Ladder) -> str:
    found = quantity(name, ladder)
    if found.kind == "family" and ladder.fitted:
        return f"{ladder.fitted.label} {ladder.called(found.of)}\n(for comparison)"
    return f"{ladder.bottom.label} {found.of}\n(for comparison)" if found.kind == "encoder" else found.label


def _whisker(gap: Gap, quantities: Mapping[str, Mean], ladder: Ladder) -> list[float]:
    """The interval of a gap, if there is one, as positions of its lower rung."""
    top = quantities[ladder.ends(gap)[0].name].value
    return sorted(top - end for end in quantities[gap.name].interval_with_fits or ())


def _limits(ends: Sequence[float]) -> tuple[float, float]:
    pad = max(0.05 * (max(ends) - min(ends)), _NARROWEST / 2)
    return min(ends) - pad, max(ends) + pad


def _gap_text(values: Mean) -> str:
    apart = " " if values.ci95 else "\n"  # a range has more words than a line has room
    shown = replace(values, ci95=values.interval_with_fits)
    width = shown.ci95[1] - shown.ci95[0] if shown.ci95 else 1.0
    return f"{plus_minus(values)} nats{apart}({span_words(shown, decimals_for(width) if width < _FINE else 2)})"
