"""What a comparison says, in sentences; a direction is claimed only where the 95% interval leaves out 0."""

from collections.abc import Mapping

from gapkit.comparison.records import ComparedSplit, ComparisonSummary, Pair, PairedMean
from gapkit.comparison.series import Series
from gapkit.core.means import Mean, Uncertain
from gapkit.core.phrases import span_words
from gapkit.ladder import Gap, Ladder, Rung, Step
from gapkit.results.verdict import MINUS, plus_minus, with_error

__all__ = ["difference", "interval", "sentences"]

_SPOKEN_OF = 4  # runs; the tables have all


def sentences(summary: ComparisonSummary, split: str | None = None) -> list[str]:
    """What follows from a split: for every other run how its gaps and bounds compare with the first one's.

    Args:
        summary: of a comparison.
        split: None takes the first.
    """
    part = summary.splits[next(iter(summary.splits)) if split is None else split]
    told, ladder, reference = _told_of(summary, part), summary.ladder, summary.reference
    lines = [line for name in told for line in _pair(name, reference, part.differences[name], ladder)]
    if summary.series:
        lines += _extremes(summary.series, part.levels, ladder)
    elif len(told) < len(part.differences):
        rest = len(part.differences) - len(told)
        lines.append(f"The tables have the other {rest} run{'' if rest == 1 else 's'} as well.")
    counts = [
        f"{pair.left_out} of {pair.common} for {name}" for name, pair in part.differences.items() if pair.left_out
    ]
    if counts:
        lines.append(f"Datapoints that are not finite in one of the two runs are left out: {', '.join(counts)}.")
    return lines


def _told_of(summary: ComparisonSummary, part: ComparedSplit) -> list[str]:
    """The runs that get sentences: of a series the one that is farthest from the first run, else the first few."""
    names = list(part.differences)
    if not summary.series:
        return names[:_SPOKEN_OF]
    numbers = summary.series.numbers
    start = numbers[summary.reference]
    return [max(names, key=lambda name: abs(numbers[name] - start))]


def _pair(name: str, reference: str, pair: Pair, ladder: Ladder) -> list[str]:
    quantities = pair.quantities
    against = f"{name} against {reference}"
    if not pair.common:
        return [f"{against}: no datapoint of this split in common."]
    if not pair.used:
        return [f"{against}: no datapoint has finite numbers in both runs."]
    if all(quantities[name].direction == "none" for name in ladder.names):
        return [f"{against}: no difference; all numbers of the {_datapoints(pair.used)} are equal."]
    total, *parts = ladder.told
    top, bottom = ladder.top, ladder.bottom
    gaps = f"{against}: {'; '.join(_clause(gap, quantities[gap.name]) for gap in (*parts, total))}."
    bounds = f"{against}: {'; '.join(_clause(rung, quantities[rung.name]) for rung in (top, bottom))}"
    bounds = f"{bounds}{_made_of(quantities, ladder)}."
    # What changed most comes first: a model that lost 25 nats is not to be told by a gap that lost one.
    first = _changed(quantities[top.name]) > _changed(quantities[total.name])
    lines = [bounds, gaps] if first else [gaps, bounds]
    if quantities[total.name].direction == "lower" and quantities[top.name].direction == "lower":
        lines.append(f"A smaller gap is not a better model: the gap of {name} is smaller, and so is its {top.label}.")
    if pair.used == 1:
        lines.append("One common datapoint cannot say what holds for others.")
    return lines


def _changed(values: PairedMean) -> float:
    """The size of a difference that is clear, in nats."""
    return abs(values.value) if values.direction in ("higher", "lower") else 0.0


def _called(part: Rung | Gap) -> str:
    if isinstance(part, Rung):
        return part.label
    return f"the {part.label} ({part.words})" if part.words and part.part != "total" else f"the {part.label}"


def _clause(part: Rung | Gap, values: PairedMean) -> str:
    words = _called(part)
    up, down = ("larger", "smaller") if isinstance(part, Gap) else ("higher", "lower")
    if values.direction == "none":
        return f"no difference in {words}"
    if values.direction in ("higher", "lower"):
        return f"{words} is {difference(values)} nats {up if values.direction == 'higher' else down}"
    found = f"{plus_minus(values)} nats"
    if values.direction == "unknown":
        return f"{words} differs by {found} ({span_words(values)})"
    low, high = values.interval
    if low > 0 or high < 0:
        rest = f"which may come from the fits, that reach the best q* only within {values.shortfall:.3f} nats"
    else:
        rest = f"95% interval {interval(values)}"
    return f"not enough evidence of a difference in {words} ({found}, {rest})"


def difference(values: Uncertain) -> str:
    """The size of a difference with its error, without a sign.

    Example:
        >>> difference(Uncertain(-0.42, 0.01, 0.03, None))
        '0.42 ± 0.03'
    """
    return with_error(abs(values.value), values.error)


def interval(values: Uncertain) -> str:
    """The 95% interval with as many decimals as the error beside it; see :func:`gapkit.results.verdict.plus_minus`.

    Example:
        >>> interval(Uncertain(-0.0777, 0.001, 0.002, (-0.0812, -0.0739)))
        '−0.081 to −0.074'
    """
    error = values.se_datapoints if values.se_datapoints is not None else values.se_monte_carlo
    decimals = 2 if error is None or error >= 0.02 else 3
    low, high = values.interval
    return f"{low:.{decimals}f} to {high:.{decimals}f}".replace("-", MINUS)


def _made_of(quantities: Mapping[str, PairedMean], ladder: Ladder) -> str:
    """Where a change of the last rung comes from: it is that of the first minus those of the gaps."""
    if quantities[ladder.bottom.name].direction not in ("higher", "lower"):
        return ""
    _, *gaps = ladder.told
    parts = [f"{ladder.top.label} contributes {_signed(quantities[ladder.top.name].value)}"]
    parts += [f"the {_owner(gap)} {_signed(-quantities[gap.name].value)}" for gap in gaps]
    return f" ({', '.join(parts)})"


def _signed(value: float) -> str:
    return f"{value:+z.2f}".replace("-", MINUS)


def _owner(gap: Gap) -> str:
    return gap.label if gap.part == "other" else gap.part


def _extremes(series: Series, levels: Mapping[str, Mapping[str, Mean]], ladder: Ladder) -> list[str]:
    means = {name: levels[name] for name in series.numbers if name in levels}
    bottom, total, encoder = ladder.bottom, ladder.total, ladder.gap_of("encoder")
    if len(means) < 2 or any(values[bottom.name].mean is None for values in means.values()):
        return []

    def of(name: str, part: Step) -> str:
        return f"that of {series.axis} {series.numbers[name]} ({means[name][part.name].value:.2f} nats)"

    def smallest(gap: Gap) -> str:
        return f"the smallest mean {gap.label} {of(min(means, key=lambda name: means[name][gap.name].value), gap)}"

    best = max(means, key=lambda name: means[name][bottom.name].value)
    gaps = [smallest(gap) for gap in (total, encoder) if gap]
    return [
        f"Over the {len(series.numbers)} checkpoints, the highest mean {bottom.label} is {of(best, bottom)}, "
        f"{', '.join(gaps[:-1])}{', ' if len(gaps) > 1 else ''}and {gaps[-1]}. Which ones are clearly apart is in the "
        "table of differences."
    ]


def _datapoints(count: int) -> str:
    return f"{count:,} datapoint{'' if count == 1 else 's'}"
