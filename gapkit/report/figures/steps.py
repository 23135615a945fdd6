"""The figure of local steps from the encoder's q."""

from gapkit.plots import semi_amortized
from gapkit.plots.selection import split_name
from gapkit.report import captions
from gapkit.report.figures.drawing import Drawing
from gapkit.results import Result

__all__ = ["STEPS"]


def _describe_local_steps(result: Result, split: str) -> str:
    values = result.summary_values["semi_amortized"]
    if not values["datapoints"]:
        return "Curve of local steps: no finite values, in nats."
    last, ladder = values["curve"][-1], result.ladder
    return (
        f"Curve of mean bounds in nats over local steps: from {ladder.bottom.label} {values['elbo']['mean']:.2f} after "
        f"none to {values['elbo']['mean'] + last['gain']['mean']:.2f} after {last['steps']}, against "
        f"{(ladder.fitted or ladder.top).label} {values['elbo_star']:.2f}."
    )


def _has_curve(result: Result, split: str) -> bool:
    values = result.summary_values.get("semi_amortized")
    if not values or "skipped" in values:
        return False
    return split_name(result, values["split"]) == split


STEPS = (
    Drawing(
        "local-steps", "local-steps", semi_amortized, captions.LOCAL_STEPS, _describe_local_steps, applies=_has_curve
    ),
)
