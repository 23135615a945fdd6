"""The figure of local steps from the encoder's q."""

from gapkit.plots import semi_amortized
from gapkit.plots.selection import split_name
from gapkit.report import captions
from gapkit.report.figures.drawing import Drawing
from gapkit.results import Result
from gapkit.results.records import known

__all__ = ["STEPS"]


def _describe_local_steps(result: Result, split: str) -> str:
    values = known(result.summary_values.semi_amortized)
    if not values or not values.datapoints:
        return "Curve of local steps: no finite values, in nats."
    last, start, ladder = values.curve[-1], values.elbo.value, result.ladder
    return (
        f"Curve of mean bounds in nats over local steps: from {ladder.bottom.label} {start:.2f} after none to "
        f"{start + last.gain.value:.2f} after {last.steps}, against {(ladder.fitted or ladder.top).label} "
        f"{values.elbo_star:.2f}."
    )


def _has_curve(result: Result, split: str) -> bool:
    values = known(result.summary_values.semi_amortized)
    return values is not None and split_name(result, values.split) == split


STEPS = (
    Drawing(
        "local-steps", "local-steps", semi_amortized, captions.LOCAL_STEPS, _describe_local_steps, applies=_has_curve
    ),
)
