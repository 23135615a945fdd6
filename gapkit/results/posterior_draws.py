"""Whether the draws that a run keeps of single posteriors can be called so: by their effective sample size.

Draws are chosen from a proposal by their importance weights. Where these have collapsed, it is one draw many times,
which says where the proposal ends and nothing of the posterior.
"""

from collections.abc import Mapping

import numpy as np

__all__ = ["collapsed_maps", "collapsed_samples"]

_FEWEST_OF_A_CLOUD = 10.0  # effective draws: fewer show no shape, and the share of them inside a line means nothing
_FEWEST_OF_ONE = 2.0  # below it there was a single draw to choose from


def collapsed_maps(details: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which maps have too few effective draws to show a posterior.

    Args:
        details: of a result that has maps (``contours_index``).

    Returns:
        Shape (R,), one truth for each map. With two latents the posterior is exact on a grid, and none has.
    """
    effective = np.asarray(details["contours_effective"], float)
    if details["contours_plane"].shape[2] == 2:
        return np.zeros(len(effective), bool)
    return np.asarray(~(effective >= _FEWEST_OF_A_CLOUD))


def collapsed_samples(details: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which of the worst datapoints have no posterior draw: none was found, or its weights left no choice.

    Args:
        details: of a result that has pictures (``worst_index``). Those of runs before ``worst_effective`` was kept
            count as they are: only draws that were not found are missing.

    Returns:
        Shape (N,), one truth for each datapoint.
    """
    samples = details["worst_posterior_sample"]
    missing = ~np.isfinite(samples.reshape(len(samples), -1).astype(float)).all(1)
    if "worst_effective" not in details:
        return np.asarray(missing)
    return np.asarray(missing | ~(np.asarray(details["worst_effective"], float) >= _FEWEST_OF_ONE))
