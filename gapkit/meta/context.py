"""What the size of the support set is worth, and what its redraws cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from gapkit.core.errors import InputError
from gapkit.core.means import Mean
from gapkit.core.numerics import standard_error
from gapkit.core.randomness import seeded
from gapkit.meta.data import MetaData, points_of
from gapkit.meta.objective import summarised
from gapkit.models.pair import PairModel
from gapkit.results.summary import summarise_values
from gapkit.training.objectives import elbo

__all__ = ["ContextPoint", "context_curve"]


@dataclass(frozen=True)
class ContextPoint:
    """L[g(D)] with support sets of one size.

    Attributes:
        size: M.
        bound: mean of L[g(D)] over datapoints and redraws of D, in nats.
        left: what the largest size gains on it, on shared noise.
        redraws: standard deviation of L[g(D)] over redraws of D for one datapoint (root mean square), in nats.
    """

    size: int
    bound: Mean
    left: Mean
    redraws: float


@torch.no_grad()
def context_curve(
    model: PairModel,
    data: MetaData,
    datasets: Sequence[int],
    sizes: Sequence[int],
    *,
    redraws: int = 4,
    num_samples: int = 50,
    most: int | None = None,
    seed: int = 0,
) -> list[ContextPoint]:
    """L[g(D)] of test data by the size of D: the finite-context part of the meta-amortization gap.

    Args:
        model: a ``meta_vae``.
        data: the data sets.
        datasets: their numbers.
        sizes: of D.
        redraws: of D for each datapoint, at least 2.
        num_samples: draws of z, the same in all sizes and redraws.
        most: datapoints of each data set; None for all.
        seed: of everything random.

    Raises:
        InputError: data sets that are too small, no size, or a single draw.
    """
    if redraws < 2 or not sizes:
        asked = f"sizes {list(sizes)} of support sets, each drawn {redraws} times"
        do = "give at least one size, and draw each at least twice: redraws are compared"
        raise InputError(asked, "too few", do)
    model.eval()
    found = {}
    for size in sizes:
        rounds = []
        for number in range(redraws):
            points = points_of(data, datasets, size, seed=seed + number, most=most)
            parts = []
            for rows in torch.arange(len(points.x)).split(500):
                condition = summarised(model, points.dataset[rows], points.support[rows], 1)
                with seeded(seed, "context", int(rows[0])):
                    one = [elbo(model, points.x[rows], condition=condition) for _ in range(num_samples)]
                parts.append(torch.stack(one).double())
            rounds.append(torch.cat(parts, 1))
        found[size] = torch.stack(rounds)  # (redraws, samples, points)
    best = found[max(sizes)].mean(0)
    curve = []
    for size, draws in found.items():
        mean, left = draws.mean(0), best - draws.mean(0)
        spread = float(draws.mean(1).var(0, unbiased=True).mean().sqrt())
        curve.append(ContextPoint(size, _summary(mean), _summary(left), spread))
    return curve


def _summary(draws: torch.Tensor) -> Mean:
    values: np.ndarray = draws.mean(0).numpy()
    return summarise_values(values, standard_error(draws).numpy())
