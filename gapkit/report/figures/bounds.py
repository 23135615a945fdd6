"""Figures of the bounds and of the gaps between them."""

from matplotlib.axes import Axes

from gapkit.core.phrases import listed
from gapkit.plots import class_gaps, gap_bars, gap_distributions, gap_scatter, ladder
from gapkit.plots.gap_scatter import two_gaps
from gapkit.plots.selection import select
from gapkit.report import captions
from gapkit.report.figures.drawing import Drawing
from gapkit.results import Result
from gapkit.results.verdict import plus_minus

__all__ = ["BOUNDS"]


def _describe_ladder(result: Result, split: str) -> str:
    chosen = select(result, split)
    if not chosen.quantities:
        return "Ladder of bounds: no finite values."
    rungs = ", ".join(f"{rung.label} {chosen.quantities[rung.name].mean:.2f}" for rung in chosen.ladder.rungs)
    gaps = ", ".join(f"{gap.label} {plus_minus(chosen.quantities[gap.name])}" for gap in chosen.ladder.gaps)
    return f"Ladder of mean bounds in nats: {rungs}. {gaps[:1].upper()}{gaps[1:]}."


def _has_two_gaps(result: Result, split: str) -> bool:
    return two_gaps(result.ladder) is not None


def _describe_scatter(result: Result, split: str) -> str:
    rows, pair, total = select(result, split).rows, two_gaps(result.ladder), result.ladder.total
    if rows.empty or not pair:
        return "Scatter of the two gaps: no finite values."
    family, encoder = pair
    above = int((rows[encoder.name] > rows[family.name]).sum())
    worst = rows.loc[rows[total.name].idxmax()]
    return (
        f"Scatter of {encoder.label} against {family.label}: for {above} of {len(rows)} datapoints the "
        f"{encoder.label} is the larger one. The largest {total.label}, {worst[total.name]:.2f} nats, is that of "
        f"datapoint {worst['index']}."
    )


def _has_classes(result: Result, split: str) -> bool:
    return bool(result.summary_values.splits[split].classes)


def _describe_classes(result: Result, split: str) -> str:
    classes, total = result.summary_values.splits[split].classes, result.ladder.total
    known = [part for part in classes if part.quantities[total.name].mean is not None]
    means = [f"{part.label}: {plus_minus(part.quantities[total.name])}" for part in known]
    words = f"with mean {total.label}s, the largest first: {'; '.join(means)}" if means else "without finite values"
    gaps = listed([gap.short for gap in reversed(result.ladder.gaps)])
    return f"Mean {gaps} gaps in nats by class, {words}."


def _all_splits(result: Result, split: str) -> Axes:
    return gap_bars(result)


def _several(result: Result, split: str) -> bool:
    """Whether there are splits to compare, and this is the place to do so: beside the first one."""
    splits = list(result.summary_values.splits)
    return len(splits) > 1 and split == splits[0]


def _describe_bars(result: Result, split: str) -> str:
    words = []
    for name in result.summary_values.splits:
        quantities = select(result, name).quantities
        if quantities:
            gaps = [f"{gap.label} {plus_minus(quantities[gap.name])}" for gap in result.ladder.gaps]
            words.append(f"{name}, {listed(gaps)}")
        else:
            words.append(f"{name}, no finite values")
    return f"Bars of the mean gaps in nats by split: {'; '.join(words)}."


def _spread(result: Result, split: str) -> bool:
    return len(select(result, split).rows) > 1


def _describe_distributions(result: Result, split: str) -> str:
    rows = select(result, split).rows
    gaps = {gap.label: rows[gap.name] for gap in (result.ladder.total, *reversed(result.ladder.gaps))}
    words = [
        f"{label}, median {values.median():.2f}, from {values.min():.2f} to {values.max():.2f}, "
        f"{int((values < 0).sum())} below zero"
        for label, values in gaps.items()
    ]
    return f"Distribution of the gaps over {len(rows)} datapoints in nats: {'; '.join(words)}."


BOUNDS = (
    Drawing("ladder", "ladder", ladder, captions.LADDER, _describe_ladder),
    Drawing("gap-bars", "main", _all_splits, captions.BARS, _describe_bars, applies=_several),
    Drawing("gap-scatter", "main", gap_scatter, captions.SCATTER, _describe_scatter, applies=_has_two_gaps),
    Drawing(
        "gap-distributions", "gaps", gap_distributions, captions.DISTRIBUTIONS, _describe_distributions, applies=_spread
    ),
    Drawing("gap-classes", "main", class_gaps, captions.CLASSES, _describe_classes, applies=_has_classes),
)
