"""What inference functions lose against factorized inference, by what they see."""

from matplotlib.axes import Axes

from gapkit.plots.style import CLASSES, COLORS, legend_below, picture
from gapkit.results.amortization import Amortization

__all__ = ["amortization"]

_LEAST = 1e-4  # nats: where the axis ends, below which a gap is none


def amortization(found: Amortization, ax: Axes | None = None) -> Axes:
    """Draw the amortization gap of each inference function against how many x it sees, a line for each class.

    The axis is logarithmic; gaps below 1e-4 nats, negative ones too, are drawn there as hollow marks. The dashed line
    is the loss worth acting on, the dotted one that of one factor for all.

    Args:
        found: of :func:`gapkit.joint.analyze`.
        ax: where to draw; None makes a figure of its own.
    """
    study = found.study
    with picture(ax, 5.2, 3.1, f"{study.model}: {study.datapoints:,} datapoints") as ax:
        classes = list(dict.fromkeys(one.capacity for one in study.candidates))
        for color, name in zip(CLASSES, classes, strict=False):
            points = [one for one in study.candidates if one.capacity == name]
            inputs, gaps = [one.inputs for one in points], [max(one.gap, _LEAST) for one in points]
            ax.plot(inputs, gaps, color=color, linewidth=1.2, label=name, zorder=2)
            for one, height in zip(points, gaps, strict=True):
                ends = [max(one.gap + side * 2 * one.error, _LEAST) for side in (-1, 1)]
                ax.plot([one.inputs] * 2, ends, color=color, linewidth=1.4, zorder=2)
                face = color if one.gap > _LEAST else "white"
                ax.plot(one.inputs, height, marker="o", markersize=5, color=color, markerfacecolor=face, zorder=3)
        ax.axhline(study.worth, color=COLORS["guide"], linestyle="--", linewidth=1.0, zorder=1)
        if study.constant > _LEAST:
            ax.axhline(study.constant, color=COLORS["guide"], linestyle=":", linewidth=1.0, zorder=1)
        ax.set_yscale("log")
        ax.set_xticks(sorted({one.inputs for one in study.candidates}))
        ax.set_xlabel("x that the function sees")
        ax.set_ylabel("amortization gap (nats)")
        legend_below(ax, None, 2, 38.0)
    return ax
