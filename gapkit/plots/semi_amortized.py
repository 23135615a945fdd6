"""The curve of local steps: the mean bound after k steps from the encoder's q, between L[q] and L[q*]."""

from matplotlib.axes import Axes

from gapkit.ladder import Ladder
from gapkit.plots.names import shortened
from gapkit.plots.selection import split_name, title_of
from gapkit.plots.style import COLORS, draw_level, nats_axis, picture, write_note
from gapkit.results import Result
from gapkit.results.records import LocalSteps, known

__all__ = ["semi_amortized"]

_NARROWEST = 0.02  # nats, for curves that do not rise


def semi_amortized(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw mean L[q] after k local steps that begin at the encoder's q, with dashed lines at L[q] and L[q*].

    The number under a point is the share of the amortization gap that is closed, of the means; levels have no
    intervals, for the reason that those of the ladder have none. The number of steps is on a
    scale that is linear up to 1 and logarithmic from there. A dotted line marks the smallest number of steps that
    closes 90% of the amortization gap, where there is one.

    Args:
        result: of an analysis with ``semi_amortized`` datapoints.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the one that the curve is of.

    Raises:
        InputError: the result has no such split.
    """
    values = known(result.summary_values.semi_amortized)
    name = split_name(result, values.split if values and split is None else split)
    with picture(ax, 5.2, 3.3, shortened(name)) as ax:
        if not values or values.split != name or values.elbo_star is None:
            write_note(ax, "no finite values" if values and values.split == name else "no curve of local steps")
            return ax
        ax.set_title(f"{title_of(name, values.datapoints, values.left_out)}, means", parse_math=False)
        _draw(ax, values, values.elbo_star, result.ladder)
    return ax


def _draw(ax: Axes, values: LocalSteps, star: float, ladder: Ladder) -> None:
    start, curve = values.elbo.value, values.curve
    steps = [point.steps for point in curve]
    means = [start + point.gain.value for point in curve]
    # Each label stands where a curve that rises leaves room for it.
    for level, label, side in (
        (start, ladder.bottom.label, "right"),
        (star, (ladder.fitted or ladder.top).label, "left"),
    ):
        draw_level(ax, level, f"{label}: {level:.2f}", side)
    color = COLORS["encoder"]
    ax.plot(steps, means, color=color, linewidth=1.2, marker="o", markersize=4.5, zorder=3)
    for point, mean in zip(curve, means, strict=True):
        if point.share is not None and point.steps:
            ax.annotate(
                f"{point.share.mean:.0%}",
                (point.steps, mean),
                xytext=(3, -5),  # beside a curve that rises
                textcoords="offset points",
                ha="left",
                va="top",
                fontsize=8.5,
                color=color,
            )
    if values.steps_to_90 is not None:
        ax.axvline(values.steps_to_90, color=COLORS["guide"], linestyle=":", linewidth=1, zorder=1)
    ax.set_xscale("symlog", linthresh=1.0, linscale=0.4)
    ax.set_xlim(-0.6, 1.6 * steps[-1])
    ax.set_xticks(steps, [str(number) for number in steps])
    ax.minorticks_off()
    everything = [star, *means]
    pad = max(0.14 * (max(everything) - min(everything)), _NARROWEST)
    ax.set_ylim(min(everything) - pad, max(everything) + pad)
    nats_axis(ax, "y", "nats (higher is better)")
    ax.set_xlabel("local steps from the encoder's q")
