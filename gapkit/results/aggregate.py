"""How far the aggregate posterior q(z) = E[q(z|x)] is from the prior, in each latent dimension.

Where the two differ, the decoder was trained on other latents than those that samples of the model come from. Source:
Hoffman & Johnson, "ELBO surgery" (2016), section 2; the test is that of Kolmogorov and Smirnov for two samples.
"""

import math

import numpy as np

__all__ = ["apart", "departures"]

_LEVEL = 0.05


def departures(q: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """The largest difference of two empirical distribution functions in each dimension, between 0 and 1.

    Args:
        q: draws of the aggregate posterior, shape (N, D).
        prior: draws of the prior, shape (M, D).

    Returns:
        Shape (D,).

    Example:
        >>> line = np.linspace(0.0, 1.0, 101)
        >>> departures(np.stack([line, line + 2], 1), np.stack([line, line], 1)).tolist()
        [0.0, 1.0]
    """
    found = []
    for one, other in zip(np.sort(q, 0).T, np.sort(prior, 0).T, strict=True):
        places = np.concatenate([one, other])
        shares = [np.searchsorted(part, places, "right") / len(part) for part in (one, other)]
        found.append(np.abs(shares[0] - shares[1]).max())
    return np.array(found)


def apart(departure: np.ndarray, draws: int) -> np.ndarray:
    """Which dimensions are clearly not those of the prior: at a level of 5% for all of them together.

    Args:
        departure: of D dimensions, shape (D,), see :func:`departures`.
        draws: from the aggregate posterior, and as many from the prior.

    Returns:
        Shape (D,), of truth values.

    Example:
        >>> apart(np.array([0.03, 0.5]), 1000).tolist()
        [False, True]
    """
    # Of the asymptotic distribution of the statistic; Bonferroni's bound holds whatever the dependence.
    level = _LEVEL / max(len(departure), 1)
    limit = math.sqrt(-math.log(level / 2) / 2 * 2 / max(draws, 1))
    return np.asarray(departure > limit)
