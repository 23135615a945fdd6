"""The figures of a comparison, each with its words."""

from collections.abc import Callable, Iterable, Mapping

from matplotlib.axes import Axes

from gapkit.comparison import Comparison
from gapkit.core.means import Mean
from gapkit.ladder import Gap, Ladder, Rung, quantity
from gapkit.plots.compare import differences, far_apart, ladders
from gapkit.plots.series import series
from gapkit.report.blocks import Caption, Figure
from gapkit.report.figures import as_svg
from gapkit.results.verdict import plus_minus

__all__ = ["draw_differences", "draw_ladders", "draw_series"]

_LADDER_LINE = "How to read: a row is a run; its marks are mean bounds on {}{}, the bars between them its gaps."
_LADDER_MORE = (
    "Bounds are in nats, and the gaps have their means ± standard errors above. The whisker at the lower end of a gap "
    "is the 95% interval of that gap over datapoints. All rows are over the same datapoints, so that two runs may "
    "differ clearly where their whiskers overlap: the paired differences below decide."
)
_FURTHER_RIGHT = ", better to the right"
_FROM_THE_TOP = " below the run's own"
_FAR_APART = " Bounds are measured from each run's own {}, written beside it, because the runs lie far apart."
_DIFFERENCE_LINE = (
    "How to read: a mark is the mean difference of {} from that of {}; where its whisker crosses 0, none is shown."
)
_DIFFERENCE_MORE = (
    "The mean is over the datapoints that two runs share, in nats. Where the whisker crosses the dashed line at 0, "
    "there is not enough evidence of a difference."
)
_SEVERAL = (
    " Which of two other runs is better cannot be told from whether their whiskers overlap: compare those two alone."
)
_SERIES_GAPS = Caption(
    "How to read: each point is a mean gap at a checkpoint, in nats, lower is better; the band is its 95% interval.",
    "The interval is over datapoints. All checkpoints are measured on the same datapoints, so that a change from one "
    "to the next is more certain than the bands suggest: the paired differences from the first one are in the table "
    "below.",
)
_BOUNDS_LINE = "How to read: each point is a mean bound on {} at a checkpoint, in nats, higher is better."
_BOUNDS_MORE = (
    "The vertical distance {}; where the bounds rise by much more than these, the picture before shows the gaps alone. "
    "Where {} rises and a distance stays as large, the model improves and the inference does not."
)
_NOTHING = "No finite values in common"


def draw_series(comparison: Comparison, split: str, number: int) -> tuple[Figure, ...]:
    """Gaps and bounds over the training; ``number`` keeps the names of several splits apart."""
    levels, ladder = comparison.summary_values.splits[split].levels, comparison.summary_values.ladder
    found = comparison.summary_values.series
    assert found  # a picture without it is not asked for
    points = {f"{found.axis} {place}": levels[run] for run, place in found.numbers.items() if run in levels}
    gaps = (f"{point}: {_listed(ladder, values, _gaps(ladder), plus_minus)}" for point, values in points.items())
    bounds = (f"{point}: {_listed(ladder, values, ladder.rungs, _mean)}" for point, values in points.items())
    return (
        _figure(
            f"series-gaps-{number}",
            lambda: series(comparison, split=split),
            _SERIES_GAPS,
            "Mean gaps in nats over the training",
            gaps,
        ),
        _figure(
            f"series-bounds-{number}",
            lambda: series(comparison, split=split, kind="bounds"),
            _series_bounds(ladder),
            "Mean bounds in nats over the training",
            bounds,
        ),
    )


def draw_ladders(comparison: Comparison, split: str, number: int) -> tuple[Figure, ...]:
    """The ladders of all runs on one axis."""
    ladder = comparison.summary_values.ladder
    said = (
        f"{run}: {_listed(ladder, values, ladder.rungs, _mean)}, "
        f"{_listed(ladder, values, ladder.gaps[::-1], plus_minus)}"
        for run, values in comparison.summary_values.splits[split].levels.items()
    )
    what = "Ladders of mean bounds in nats, one row for each run"
    apart = far_apart(comparison.summary_values.splits[split].levels, ladder)
    line = _LADDER_LINE.format(ladder.top.label, _FROM_THE_TOP if apart else _FURTHER_RIGHT)
    caption = Caption(line, _LADDER_MORE + (_FAR_APART.format(ladder.top.label) if apart else ""))
    return (_figure(f"ladders-{number}", lambda: ladders(comparison, split=split), caption, what, said),)


def draw_differences(comparison: Comparison, split: str, number: int) -> tuple[Figure, ...]:
    """The paired differences of gaps, and those of bounds."""
    reference = comparison.summary_values.reference
    found = comparison.summary_values.splits[split].differences
    pairs = {run: pair.quantities for run, pair in found.items() if pair.used}
    ladder = comparison.summary_values.ladder
    several = _SEVERAL if len(pairs) > 1 else ""
    figures = []
    for kind, words, parts in (("gaps", "its gap", _gaps(ladder)), ("bounds", "its bound", ladder.rungs)):
        said = (f"{run}: {_listed(ladder, quantities, parts, plus_minus)}" for run, quantities in pairs.items())
        figures.append(
            _figure(
                f"differences-{kind}-{number}",
                lambda kind=kind: differences(comparison, split=split, kind=kind),  # type: ignore[misc]
                Caption(_DIFFERENCE_LINE.format(words, reference), _DIFFERENCE_MORE + several),
                f"Mean paired differences of {kind} from {reference} in nats",
                said,
            )
        )
    return tuple(figures)


def _figure(name: str, plot: Callable[[], Axes], caption: Caption, what: str, said: Iterable[str]) -> Figure:
    return Figure(name, as_svg(plot, name), caption, f"{what}. {'; '.join(said) or _NOTHING}.")


def _gaps(ladder: Ladder) -> tuple[Gap, ...]:
    """In the order of what to look at first."""
    return (ladder.total, *reversed(ladder.gaps))


def _series_bounds(ladder: Ladder) -> Caption:
    places = [" and ".join(rung.label for rung in reversed(ladder.ends(gap))) for gap in ladder.gaps]
    (first, place), *others = reversed([*zip(ladder.gaps, places, strict=True)])
    further = "".join(f", that between {between} the {gap.label}" for gap, between in others)
    distances = f"between {place} is the {first.label}{further}"
    return Caption(_BOUNDS_LINE.format(ladder.top.label), _BOUNDS_MORE.format(distances, ladder.bottom.label))


def _listed(
    ladder: Ladder, values: Mapping[str, Mean], parts: Iterable[Rung | Gap], write: Callable[[Mean], str]
) -> str:
    return ", ".join(f"{quantity(part.name, ladder).label} {write(values[part.name])}" for part in parts)


def _mean(values: Mean) -> str:
    return f"{values.mean:.2f}"
