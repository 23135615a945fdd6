"""How long an analysis will take, roughly, from the pace of a few gradients."""

import math
import warnings

from gapkit.core.errors import GapkitWarning
from gapkit.doctor import Examination
from gapkit.engine.spec import AnalysisSpec

__all__ = ["forecast", "warn_if_long", "warn_if_wide"]

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
        warnings.warn(
            f"this will take very roughly {_length(seconds)}: {datapoints} datapoints x about "
            f"{_GRADIENTS[spec.effort]} decoder gradients x {1e3 * examined.seconds_per_gradient:.2g} ms; fewer "
            "datapoints (--limit) or a lower effort (--effort quick) take less",
            GapkitWarning,
            stacklevel=3,
        )


def warn_if_wide(datapoints: int, seconds: float, tried: int) -> None:
    """Say so where the wide search, by what it took on simulated data, will take more than five minutes.

    How hard posteriors are does not show in the pace of gradients: recurrent decoders ask for twenty times as many.

    Args:
        datapoints: to come.
        seconds: that all of it took for the simulated ones.
        tried: how many these were.
    """
    whole = seconds / tried * datapoints
    if whole > _LONG:
        warnings.warn(
            f"this will take very roughly {_length(whole)} more: {datapoints} datapoints x {seconds / tried:.2g} s, as "
            f"measured on {tried} simulated ones, whose modes the search misses unless it is wide; fewer datapoints "
            "(--limit) take less",
            GapkitWarning,
            stacklevel=3,
        )


def _length(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
