"""What a comparison says, in sentences; a direction is claimed only where the 95% interval leaves out 0."""

from collections.abc import Mapping
from typing import Any

from gapkit.phrases import span_words
from gapkit.verdict import MINUS, plus_minus

__all__ = ["difference", "interval", "sentences"]

_PARTS = {
    "amortization_gap": "the amortization gap (the encoder's part)",
    "approximation_gap": "the approximation gap (the family's part)",
    "total_gap": "the total gap",
    "log_px": "log p(x)",
    "elbo_star": "L[q*]",
    "elbo": "L[q]",
}
_GAPS = ("amortization_gap", "approximation_gap", "total_gap")
_SPOKEN_OF = 4  # runs; the tables have all


def sentences(summary: Mapping[str, Any], split: str | None = None) -> list[str]:
    """What follows from a split: for every other run how its gaps and bounds compare with the first one's.

    Args:
        summary: see :class:`gapkit.comparison.Comparison`.
        split: None takes the first.
    """
    part = summary["splits"][next(iter(summary["splits"])) if split is None else split]
    told = _told_of(summary, part)
    lines = [line for name in told for line in _pair(name, summary["reference"], part["differences"][name])]
    if summary["series"]:
        lines += _extremes(summary["series"], part["levels"])
    elif len(told) < len(part["differences"]):
        rest = len(part["differences"]) - len(told)
        lines.append(f"The tables have the other {rest} run{'' if rest == 1 else 's'} as well.")
    if any(pair["left_out"] for pair in part["differences"].values()):
        counts = (
            f"{pair['left_out']} of {pair['common']} for {n}"
            for n, pair in part["differences"].items()
            if pair["left_out"]
        )
        lines.append(f"Datapoints that are not finite in one of the two runs are left out: {', '.join(counts)}.")
    return lines


def _told_of(summary: Mapping[str, Any], part: Mapping[str, Any]) -> list[str]:
    """The runs that get sentences: of a series the one that is farthest from the first run, else the first few."""
    names = list(part["differences"])
    if not summary["series"]:
        return names[:_SPOKEN_OF]
    numbers = summary["series"]["numbers"]
    start = numbers[summary["reference"]]
    return [max(names, key=lambda name: abs(numbers[name] - start))]


def _pair(name: str, reference: str, pair: Mapping[str, Any]) -> list[str]:
    quantities = pair["quantities"]
    against = f"{name} against {reference}"
    if not pair["common"]:
        return [f"{against}: no datapoint of this split in common."]
    if not pair["used"]:
        return [f"{against}: no datapoint has finite numbers in both runs."]
    if all(quantities[quantity]["direction"] == "none" for quantity in _PARTS):
        return [f"{against}: no difference; all numbers of the {_datapoints(pair['used'])} are equal."]
    lines = [
        f"{against}: {'; '.join(_clause(quantity, quantities[quantity]) for quantity in _GAPS)}.",
        f"{against}: {'; '.join(_clause(quantity, quantities[quantity]) for quantity in ('log_px', 'elbo'))}"
        f"{_made_of(quantities)}.",
    ]
    if quantities["total_gap"]["direction"] == "lower" and quantities["log_px"]["direction"] == "lower":
        lines.append(f"A smaller gap is not a better model: the gap of {name} is smaller, and so is its log p(x).")
    if pair["used"] == 1:
        lines.append("One common datapoint cannot say what holds for others.")
    return lines


def _clause(quantity: str, values: Mapping[str, Any]) -> str:
    words = _PARTS[quantity]
    up, down = ("larger", "smaller") if quantity in _GAPS else ("higher", "lower")
    if values["direction"] == "none":
        return f"no difference in {words}"
    if values["direction"] in ("higher", "lower"):
        return f"{words} is {difference(values)} nats {up if values['direction'] == 'higher' else down}"
    found = f"{plus_minus(values)} nats"
    if values["direction"] == "unknown":
        return f"{words} differs by {found} ({span_words(values)})"
    if min(values["ci95"]) > 0 or max(values["ci95"]) < 0:
        rest = f"which may come from the fits, that reach the best q* only within {values['shortfall']:.3f} nats"
    else:
        rest = f"95% interval {interval(values)}"
    return f"not enough evidence of a difference in {words} ({found}, {rest})"


def difference(values: Mapping[str, Any]) -> str:
    """The size of a difference with its error, without a sign.

    Example:
        >>> difference({"mean": -0.42, "se_datapoints": 0.03})
        '0.42 ± 0.03'
    """
    return plus_minus({**values, "mean": abs(values["mean"])})


def interval(values: Mapping[str, Any]) -> str:
    """The 95% interval with as many decimals as the error beside it; see :func:`gapkit.verdict.plus_minus`.

    Example:
        >>> interval({"ci95": [-0.0812, -0.0739], "se_datapoints": 0.002, "se_monte_carlo": 0.001})
        '−0.081 to −0.074'
    """
    error = values["se_datapoints"] if values["se_datapoints"] is not None else values["se_monte_carlo"]
    decimals = 2 if error is None or error >= 0.02 else 3
    low, high = values["ci95"]
    return f"{low:.{decimals}f} to {high:.{decimals}f}".replace("-", MINUS)


def _made_of(quantities: Mapping[str, Any]) -> str:
    """Where a change of L[q] comes from: it is that of log p(x) minus those of the two gaps."""
    if quantities["elbo"]["direction"] not in ("higher", "lower"):
        return ""
    model, encoder, family = (
        sign * quantities[name]["mean"]
        for sign, name in ((1, "log_px"), (-1, "amortization_gap"), (-1, "approximation_gap"))
    )
    parts = f" (log p(x) contributes {model:+z.2f}, the encoder {encoder:+z.2f}, the family {family:+z.2f})"
    return parts.replace("-", MINUS)


def _extremes(series: Mapping[str, Any], levels: Mapping[str, Any]) -> list[str]:
    means = {name: levels[name] for name in series["numbers"] if name in levels}
    if len(means) < 2 or any(values["elbo"]["mean"] is None for values in means.values()):
        return []
    axis, numbers = series["axis"], series["numbers"]
    best = max(means, key=lambda name: means[name]["elbo"]["mean"])
    least = min(means, key=lambda name: means[name]["total_gap"]["mean"])
    encoder = min(means, key=lambda name: means[name]["amortization_gap"]["mean"])
    return [
        f"Over the {len(numbers)} checkpoints, the highest mean L[q] is that of {axis} {numbers[best]} "
        f"({means[best]['elbo']['mean']:.2f} nats), the smallest mean total gap that of {axis} {numbers[least]} "
        f"({means[least]['total_gap']['mean']:.2f} nats), and the smallest mean amortization gap that of {axis} "
        f"{numbers[encoder]} ({means[encoder]['amortization_gap']['mean']:.2f} nats). Which ones are clearly apart is "
        "in the table of differences."
    ]


def _datapoints(count: int) -> str:
    return f"{count:,} datapoint{'' if count == 1 else 's'}"
