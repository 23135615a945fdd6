"""The curve of local steps over datapoints: mean gains, shares of the gap, and how many steps close 90% of it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gapkit.core.means import Mean
from gapkit.results.records import LocalSteps, StepPoint
from gapkit.results.summary import summarise_values

__all__ = ["summarise_curve"]

_CLOSED = 0.9
_COLUMNS = ("elbo", "elbo_se", "gain", "gain_se", "left", "left_se")


def summarise_curve(table: pd.DataFrame, split: str, family: str, samples_per_step: int) -> LocalSteps:
    """Summarise a curve of local steps over datapoints.

    A share is a ratio of two means, mean gain over mean amortization gap, so that datapoints without a gap do not
    disturb it; it may exceed 1, where local steps find what the fit of q* missed. Its interval is that of the mean of
    the ratio linearised in each datapoint's gain and gap. Source: Cochran, "Sampling Techniques" (1977), chapter 6.

    Args:
        table: one row per datapoint and number of steps, with columns ``index``, ``steps``, ``elbo`` (L[q] after so
            many steps), ``gain`` (that minus the encoder's L[q]), ``left`` (L[q*] minus that), in nats, and their
            Monte Carlo errors ``*_se``. The gap is what is left after 0 steps.
        split: whose datapoints they are.
        family: of the encoder's q.
        samples_per_step: draws of each gradient.

    Returns:
        Means over the datapoints without a value that is not finite. Shares are None, and so is ``steps_to_90``, where
        the 95% interval of the mean gap does not lie above 0.
    """
    columns = {name: table.pivot(index="index", columns="steps", values=name) for name in _COLUMNS}
    steps = [int(number) for number in columns["elbo"].columns]
    values = {name: wide.to_numpy(float).T for name, wide in columns.items()}  # each (K, N): steps, datapoints
    finite = np.logical_and.reduce([np.isfinite(values[name]).all(0) for name in ("elbo", "gain", "left")])
    values = {name: part[:, finite] for name, part in values.items()}

    def mean(name: str, place: int) -> Mean:
        return summarise_values(values[name][place], values[f"{name}_se"][place])

    gap = mean("left", 0)
    clear = gap.ci95 is not None and gap.ci95[0] > 0
    curve: list[StepPoint] = []
    enough: list[int] = []
    for place, number in enumerate(steps):
        gain, share = mean("gain", place), _share(values, place) if clear else None
        curve.append(StepPoint(number, mean("elbo", place), gain, mean("left", place), share))
        if clear and gain.value >= _CLOSED * gap.value:
            enough.append(number)
    return LocalSteps(
        split=split,
        family=family,
        samples_per_step=samples_per_step,
        elbo=curve[0].elbo,
        elbo_star=curve[0].elbo.value + gap.value if gap.count else None,
        amortization_gap=gap,
        curve=tuple(curve),
        steps_to_90=min(enough, default=None),
        datapoints=int(finite.sum()),
        left_out=int((~finite).sum()),
    )


def _share(values: Mapping[str, np.ndarray], place: int) -> Mean:
    """Summary of mean gain over mean gap: of share + (gain - share gap) / mean gap, which has that mean."""
    gain, gain_se, left_se = (values[name][place] for name in ("gain", "gain_se", "left_se"))
    gap, gap_se = values["left"][0], values["left_se"][0]
    share = gain.mean() / gap.mean()
    # Gain and gap share noise; gap = gain + left gives their covariance, (gain_se^2 + gap_se^2 - left_se^2) / 2.
    variance = gain_se**2 + share**2 * gap_se**2 - share * (gain_se**2 + gap_se**2 - left_se**2)
    error = np.sqrt(np.maximum(variance, 0.0)) / gap.mean()
    return summarise_values(share + (gain - share * gap) / gap.mean(), error)
