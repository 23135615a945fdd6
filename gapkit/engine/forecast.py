"""How long an analysis will take, roughly, from the pace of a few gradients."""

import math
import warnings

from gapkit.core.errors import GapkitWarning
from gapkit.doctor import Examination
from gapkit.engine.spec import AnalysisSpec

__all__ = ["forecast", "warn_if_long"]

# Decoder gradients (and what costs as much) for a datapoint, as run.json counts them: MNIST and small models, rounded.
_GRADIENTS = {"quick": 2000, "standard": 8000, "thorough": 75_000}
_LONG = 300.0


def forecast(spec: AnalysisSpec, datapoints: int, examined: Examination) -> float:
    """Seconds that an analysis will take, within a factor of two or three; NaN where that is not known.

    Args:
        spec: its settings; only the effort counts.
        datapoints: of all splits.
        examined: what the checks found.
    """
    return _GRADIENTS.get(spec.effort, math.nan) * datapoints * examined.seconds_per_gradient


def warn_if_long(spec: AnalysisSpec, datapoints: int, examined: Examination) -> None:
    """Say so before an analysis that will take more than five minutes."""
    seconds = forecast(spec, datapoints, examined)
    if seconds > _LONG:
        length = f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
        warnings.warn(
            f"this will take very roughly {length}: {datapoints} datapoints x about {_GRADIENTS[spec.effort]} decoder "
            f"gradients x {1e3 * examined.seconds_per_gradient:.2g} ms; fewer datapoints (--limit) or a lower effort "
            "(--effort quick) take less",
            GapkitWarning,
            stacklevel=3,
        )
