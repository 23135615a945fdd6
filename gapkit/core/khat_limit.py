"""The Pareto k-hat up to which importance weights can be trusted: one definition, for estimates and for pictures.

It stands apart from the estimator of k-hat in :mod:`gapkit.core.pareto`, which needs torch, because pictures do
without. Source: Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto smoothed importance sampling" (2024),
https://arxiv.org/abs/1507.02646, section 3.2.4.
"""

import math

__all__ = ["good_k"]


def good_k(num_samples: float) -> float:
    """Largest Pareto k-hat at which S importance weights can be trusted: min(1 - 1/log10 S, 0.7).

    Example:
        >>> round(good_k(100), 3), round(good_k(100_000), 3), good_k(math.inf)
        (0.5, 0.7, 0.7)
    """
    return min(1.0 - 1.0 / math.log10(max(num_samples, 2)), 0.7)
