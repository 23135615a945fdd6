"""The ladder: the mean bounds as rungs on one axis in nats, and the gaps between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gapkit.phrases import by_its_name, span_words
from gapkit.plots.selection import select
from gapkit.plots.style import COLORS, new_axes, style, write_note
from gapkit.results import Result
from gapkit.verdict import plus_minus

__all__ = ["ladder"]

_RUNGS = {
    "log_px": "log p(x)",
    "elbo_star": "L[q*]",
    "elbo": "L[q]",
}
_NARROWEST = 0.1  # nats, for gaps of zero


@dataclass(frozen=True)
class _Span:
    """A gap between an upper and a lower rung."""

    name: str
    upper: str
    lower: str

    @property
    def label(self) -> str:
        return self.name.replace("_", "\n")


_GAPS = (_Span("approximation_gap", "log_px", "elbo_star"), _Span("amortization_gap", "elbo_star", "elbo"))
_ORDER = ("log_px", "approximation_gap", "elbo_star", "amortization_gap", "elbo")
_FAMILY = "elbo_star_"


def ladder(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw log p(x), L[q*] and L[q] as rungs, and the approximation and amortization gap as bars between them.

    The whisker at the lower end of a bar is the 95% interval of that gap: of the mean of differences within each
    datapoint. The rungs have no whiskers on purpose: images differ by tens of nats, so the intervals of the levels
    over datapoints are far wider than those of the gaps; they would overlap and suggest that the gaps are uncertain.

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
    with style():
        shown = _with_side_notes(chosen.quantities) if chosen.quantities else []
        ax = ax if ax is not None else new_axes(5.2, max(3.3, 0.55 * len(shown)))
        ax.set_title(f"{chosen.title}, means", parse_math=False)
        if not chosen.quantities:
            write_note(ax, "no finite values")
            return ax
        _draw(ax, chosen.quantities, shown, by_its_name(_RUNGS["log_px"], result.summary_values))
    return ax


def _draw(ax: Axes, quantities: Mapping[str, Any], shown: Sequence[str], top: str) -> None:
    rows = {name: float(number) for number, name in enumerate(shown)}
    spans = {gap: _span(gap, quantities) for gap in _GAPS}
    left, right = _limits(quantities, rows, list(spans.values()))
    ax.set_xlim(left, right)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    for gap, (start, end, whisker) in spans.items():
        y, color = rows[gap.name], COLORS[gap.name]
        for rung in (gap.upper, gap.lower):
            level = quantities[rung]["mean"]
            ax.plot([level, level], [rows[rung], y], color=COLORS["guide"], linewidth=0.8, linestyle=":", zorder=1)
        ax.plot([start, end], [y, y], color=color, linewidth=6, solid_capstyle="butt", alpha=0.55, zorder=2)
        ax.plot(whisker, [y] * len(whisker), color=color, linewidth=1.4, marker="|", markersize=9, zorder=3)
        middle = ((start + end) / 2 - left) / (right - left)
        ax.annotate(
            _gap_text(quantities[gap.name]),
            (min(max(middle, 0.34), 0.66), y),
            xycoords=ax.get_yaxis_transform(),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
        )
    for name in [name for name in rows if _is_rung(name)]:
        side = _is_side(name)
        ax.plot(
            quantities[name]["mean"],
            rows[name],
            linestyle="none",
            marker="o",
            markersize=5 if side else 6.5,
            color=COLORS["side" if side else "rung"],
            fillstyle="none" if side else "full",
            zorder=5,
        )
    labels = {gap.name: gap.label for gap in _GAPS}
    means = {name: quantities[name]["mean"] for name in rows if _is_rung(name)}
    labels |= {name: f"{top if name == 'log_px' else _label(name)}\n{mean:.2f}" for name, mean in means.items()}
    ax.set_yticks(list(rows.values()), [labels[name] for name in rows])
    ax.tick_params(axis="y", length=0)
    for tick, name in zip(ax.get_yticklabels(), rows, strict=True):
        tick.set_color(COLORS["side"] if _is_side(name) else COLORS.get(name, COLORS["rung"]))
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.ticklabel_format(axis="x", style="plain", useOffset=False)
    ax.set_xlabel("nats (higher is better)")


def _with_side_notes(quantities: Mapping[str, Any]) -> list[str]:
    """The rows from the top: side notes stand by their height among L[q*] and L[q] of the split."""
    star, encoder = quantities["elbo_star"], quantities["elbo"]
    notes = [
        name
        for name, values in quantities.items()
        if _is_side(name)
        and values["count"] == star["count"]
        and not (name.startswith(_FAMILY) and abs(values["mean"] - star["mean"]) <= 1e-9)
    ]
    notes.sort(key=lambda name: -quantities[name]["mean"])
    above = [name for name in notes if quantities[name]["mean"] > star["mean"]]
    under = [name for name in notes if quantities[name]["mean"] < min(star["mean"], encoder["mean"])]
    between = [name for name in notes if name not in (*above, *under)]
    top, approximation, middle, amortization, bottom = _ORDER
    return [top, *above, approximation, middle, amortization, *between, bottom, *under]


def _is_side(name: str) -> bool:
    """Whether this is L[q*] of another family or L[q] of a further encoder."""
    return name.startswith("elbo_") and name not in _RUNGS


def _is_rung(name: str) -> bool:
    return name in _RUNGS or _is_side(name)


def _label(name: str) -> str:
    if name in _RUNGS:
        return _RUNGS[name]
    if name.startswith(_FAMILY):
        return f"L[q*] {name.removeprefix(_FAMILY).replace('_', ' ')}\n(side note)"
    return f"L[q] {name.removeprefix('elbo_')}\n(side note)"


def _span(gap: _Span, quantities: Mapping[str, Any]) -> tuple[float, float, list[float]]:
    """The bar from rung to rung, and the interval of the gap, if there is one, as positions of the lower rung."""
    top = quantities[gap.upper]["mean"]
    return top, quantities[gap.lower]["mean"], sorted(top - end for end in quantities[gap.name]["ci95"] or ())


def _limits(
    quantities: Mapping[str, Any], rows: Mapping[str, float], spans: list[tuple[float, float, list[float]]]
) -> tuple[float, float]:
    ends = [quantities[name]["mean"] for name in rows if _is_rung(name)]
    ends += [end for _, _, whisker in spans for end in whisker]
    pad = max(0.05 * (max(ends) - min(ends)), _NARROWEST / 2)
    return min(ends) - pad, max(ends) + pad


def _gap_text(values: Mapping[str, Any]) -> str:
    apart = " " if values["ci95"] else "\n"  # a range has more words than a line has room
    return f"{plus_minus(values)} nats{apart}({span_words(values)})"
