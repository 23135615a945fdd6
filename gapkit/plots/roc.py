"""ROC curves: how much of the other set each score finds, at the price of how much of the reference."""

from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from gapkit.ood import Scored
from gapkit.ood.records import Detection
from gapkit.ood.words import LABELS, area_words
from gapkit.plots.names import shortened
from gapkit.plots.style import COLORS, picture, write_note

__all__ = ["roc"]

# Colour, line style and width: distinct without colours as well.
_LOOKS = {
    "regret": (COLORS["encoder"], "-", 2.0),
    "total_gap": ("#0072B2", (0, (6, 2)), 1.4),
    "negative_elbo": ("#009E73", (0, (4, 1.5, 1, 1.5)), 1.4),
    "negative_log_px": (COLORS["rung"], (0, (1, 1.2)), 1.6),
    "input_complexity": ("#CC79A7", (0, (2.5, 1.5)), 1.4),
}
_LONGEST = 24


def roc(scored: Scored, ax: Axes | None = None) -> Axes:
    """Draw the ROC curve of every score, with its area and the 95% interval of that in the legend.

    The dashed diagonal is chance. A small ring on the curve of likelihood regret marks the threshold that finds 95% of
    the other set.

    Args:
        scored: of two data sets, see :func:`gapkit.ood.separate`.
        ax: where to draw; None makes a figure of its own.
    """
    separation, sets = scored.summary_values.separation, scored.summary_values.sets
    found = {name: separation.scores[name] for name in separation.order} if separation else {}
    with picture(ax, 5.3, 2.9, "") as ax:
        drawn = [name for name, each in found.items() if each.auc is not None]
        if not drawn:
            write_note(ax, "no finite scores of both sets" if found else "no reference to compare with")
            return ax
        ax.plot([0, 1], [0, 1], color=COLORS["guide"], linestyle="--", linewidth=1, zorder=1, label="chance: 0.50")
        for name in drawn:
            curve, (color, line, width) = scored.roc(name), _LOOKS[name]
            ax.plot(
                curve["false_positives"],
                curve["true_positives"],
                color=color,
                linestyle=line,
                linewidth=width,
                zorder=3 if name == "regret" else 2,
                clip_on=False,
                label=f"{LABELS[name]}\n{area_words(found[name])}",
            )
        _mark_alarm(ax, scored, found.get("regret"))
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1)
        ax.set_aspect("equal")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MultipleLocator(0.2))
            axis.set_major_formatter(lambda value, place: f"{value:.0%}")
        ax.set_xlabel(f"share of {shortened(sets['reference'].name, _LONGEST)} found as well", parse_math=False)
        ax.set_ylabel(f"share of {shortened(sets['other'].name, _LONGEST)} found", parse_math=False)
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(
            [*handles[1:], handles[0]],
            [*labels[1:], labels[0]],
            title="area under the curve",
            alignment="left",
            loc="center left",
            bbox_to_anchor=(1.02, 0.5),
            handlelength=2.3,
            handletextpad=0.6,
            labelspacing=0.6,
        )
    return ax


def _mark_alarm(ax: Axes, scored: Scored, found: Detection | None) -> None:
    if found is None or found.fpr95 is None or found.threshold95 is None:
        return
    curve = scored.roc("regret")
    caught = curve.loc[curve["threshold"] == found.threshold95, "true_positives"].iloc[0]
    ax.plot(
        [found.fpr95],
        [caught],
        marker="o",
        markersize=7,
        markerfacecolor="white",
        markeredgecolor=_LOOKS["regret"][0],
        markeredgewidth=1.5,
        linestyle="none",
        zorder=4,
        clip_on=False,
    )
