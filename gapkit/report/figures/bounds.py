"""Figures of the bounds and of the gaps between them."""

from matplotlib.axes import Axes

from gapkit.plots import class_gaps, gap_bars, gap_distributions, gap_scatter, ladder
from gapkit.plots.selection import select
from gapkit.report import captions
from gapkit.report.figures.drawing import Drawing
from gapkit.results import Result
from gapkit.verdict import plus_minus

__all__ = ["BOUNDS"]


def _describe_ladder(result: Result, split: str) -> str:
    chosen = select(result, split)
    if not chosen.quantities:
        return "Ladder of bounds: no finite values."
    levels = {"log p(x)": "log_px", "L[q*]": "elbo_star", "L[q]": "elbo"}
    rungs = ", ".join(f"{label} {chosen.quantities[name]['mean']:.2f}" for label, name in levels.items())
    approximation, amortization = (
        plus_minus(chosen.quantities[name]) for name in ("approximation_gap", "amortization_gap")
    )
    return (
        f"Ladder of mean bounds in nats: {rungs}. Approximation gap {approximation}, amortization gap {amortization}."
    )


def _describe_scatter(result: Result, split: str) -> str:
    rows = select(result, split).rows
    if rows.empty:
        return "Scatter of the two gaps: no finite values."
    above = int((rows["amortization_gap"] > rows["approximation_gap"]).sum())
    worst = rows.loc[rows["total_gap"].idxmax()]
    return (
        f"Scatter of amortization gap against approximation gap: for {above} of {len(rows)} datapoints the "
        f"amortization gap is the larger one. The largest total gap, {worst['total_gap']:.2f} nats, is that of "
        f"datapoint {worst['index']}."
    )


def _has_classes(result: Result, split: str) -> bool:
    return bool(result.summary_values["splits"][split].get("classes"))


def _describe_classes(result: Result, split: str) -> str:
    classes = result.summary_values["splits"][split]["classes"]
    known = [part for part in classes if part["quantities"]["total_gap"]["mean"] is not None]
    means = [f"{part['label']}: {plus_minus(part['quantities']['total_gap'])}" for part in known]
    words = f"with mean total gaps, the largest first: {'; '.join(means)}" if means else "without finite values"
    return f"Mean amortization and approximation gaps in nats by class, {words}."


def _all_splits(result: Result, split: str) -> Axes:
    return gap_bars(result)


def _several(result: Result, split: str) -> bool:
    """Whether there are splits to compare, and this is the place to do so: beside the first one."""
    splits = list(result.summary_values["splits"])
    return len(splits) > 1 and split == splits[0]


def _describe_bars(result: Result, split: str) -> str:
    words = []
    for name in result.summary_values["splits"]:
        quantities = select(result, name).quantities
        if quantities:
            approximation, amortization = (
                plus_minus(quantities[gap]) for gap in ("approximation_gap", "amortization_gap")
            )
            words.append(f"{name}, approximation gap {approximation} and amortization gap {amortization}")
        else:
            words.append(f"{name}, no finite values")
    return f"Bars of the mean gaps in nats by split: {'; '.join(words)}."


def _spread(result: Result, split: str) -> bool:
    return len(select(result, split).rows) > 1


def _describe_distributions(result: Result, split: str) -> str:
    rows = select(result, split).rows
    gaps = {"total": "total_gap", "amortization": "amortization_gap", "approximation": "approximation_gap"}
    words = [
        f"{label} gap, median {rows[name].median():.2f}, from {rows[name].min():.2f} to {rows[name].max():.2f}, "
        f"{int((rows[name] < 0).sum())} below zero"
        for label, name in gaps.items()
    ]
    return f"Distribution of the gaps over {len(rows)} datapoints in nats: {'; '.join(words)}."


BOUNDS = (
    Drawing("ladder", "ladder", ladder, captions.LADDER, _describe_ladder),
    Drawing("gap-bars", "ladder", _all_splits, captions.BARS, _describe_bars, applies=_several),
    Drawing("gap-scatter", "gaps", gap_scatter, captions.SCATTER, _describe_scatter),
    Drawing(
        "gap-distributions", "gaps", gap_distributions, captions.DISTRIBUTIONS, _describe_distributions, applies=_spread
    ),
    Drawing("gap-classes", "classes", class_gaps, captions.CLASSES, _describe_classes, applies=_has_classes),
)
