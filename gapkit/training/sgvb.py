"""The two SGVB estimators of the ELBO, and what each of them costs in variance.

    A   1/L sum_l [log p(x, z_l) - log q(z_l|x)]
    B   1/L sum_l log p(x|z_l) - KL(q(z|x) || p(z)),     KL in closed form

Both have the mean L[q]. Neither has the lower variance always: at q(z|x) = p(z|x) A has none at all, with a decoder
that ignores z B has none, and at q(z|x) = p(z) they are the same number draw by draw. Source: Kingma & Welling,
"Auto-Encoding Variational Bayes" (2014), https://arxiv.org/abs/1312.6114, equations 6 and 7.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.randomness import seeded
from gapkit.core.ranges import check_ranges, whole
from gapkit.core.trees import Tree
from gapkit.models.conditions import encode_with, prior_with
from gapkit.models.naming import name_of
from gapkit.models.protocol import LatentModel
from gapkit.training.objectives import closed_kl, log_likelihood

__all__ = ["RANGES", "SgvbVariances", "compare_sgvb", "sgvb_draws"]

RANGES = {"num_samples": whole(1), "num_repeats": whole(2)}
_ROWS = 20_000  # of the decoder at a time


@dataclass(frozen=True)
class SgvbVariances:
    """Both estimators of each of B datapoints on the same noise; every field has shape (B,), float64.

    Attributes:
        num_samples: L, draws of an estimate.
        mean_a, mean_b: means over the repeats, in nats.
        variance_a, variance_b: variances of one estimate with L draws, in nats squared.
        variance_a_se, variance_b_se: their standard errors.
        difference: mean of A minus B, in nats; zero in truth.
        difference_se: its standard error, from the paired repeats.
    """

    num_samples: int
    mean_a: Tensor
    mean_b: Tensor
    variance_a: Tensor
    variance_b: Tensor
    variance_a_se: Tensor
    variance_b_se: Tensor
    difference: Tensor
    difference_se: Tensor


def sgvb_draws(
    model: LatentModel, x: Tensor, num_samples: int = 1, *, seed: int = 0, condition: Tree = None
) -> tuple[Tensor, Tensor]:
    """Draw both estimators with L = 1, from the same noise.

    Args:
        model: the encoder and decoder.
        x: (B, *x_shape).
        num_samples: S, draws of z for each datapoint; means over the first axis are estimates with more draws.
        seed: of the draws.
        condition: c of a conditional model, one row per datapoint.

    Returns:
        A and B, each (S, B), float64, in nats.

    Raises:
        InputError: no closed form of KL(q(z|x) || p(z)), which B needs, or fewer than one draw.

    Example:
        >>> from gapkit.models.reference import build
        >>> vae = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> [part.shape for part in sgvb_draws(vae, torch.ones(5, 4), 7)]
        [torch.Size([7, 5]), torch.Size([7, 5])]
    """
    if num_samples < 1:
        raise InputError(f"SGVB estimators with num_samples={num_samples}", "no draw", "use 1 or more")
    with torch.no_grad(), seeded(seed, "sgvb"):
        q, prior = encode_with(model, x, condition), prior_with(model, condition)
        kl = closed_kl(q, prior)
        if kl is None:
            found = f"{name_of(q)} and {name_of(prior)}, for which torch knows none"
            do = "use estimator A alone: gapkit.training.elbo(..., analytic_kl=False)"
            raise InputError("SGVB estimator B, which needs KL(q(z|x) || p(z)) in closed form", found, do)
        first, second = [], []
        for size in _cut(num_samples, max(1, _ROWS // len(x))):
            z = q.rsample(torch.Size([size]))
            log_px = log_likelihood(model, x, z, condition).double()
            first.append(log_px + (prior.log_prob(z) - q.log_prob(z)).double())
            second.append(log_px - kl.double())
    return torch.cat(first), torch.cat(second)


def compare_sgvb(
    model: LatentModel,
    x: Tensor,
    num_samples: int = 1,
    num_repeats: int = 1000,
    *,
    seed: int = 0,
    condition: Tree = None,
) -> SgvbVariances:
    """Measure means and variances of both estimators with L draws.

    Args:
        model: the encoder and decoder.
        x: (B, *x_shape).
        num_samples: L, draws of an estimate.
        num_repeats: estimates of each datapoint, from which the variances are.
        seed: of the draws.
        condition: c of a conditional model, one row per datapoint.

    Raises:
        InputError: as :func:`sgvb_draws`, or fewer than two repeats.

    Example:
        >>> from gapkit.models.reference import build
        >>> vae = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> compare_sgvb(vae, torch.ones(5, 4), num_samples=2, num_repeats=10).variance_a.shape
        torch.Size([5])
    """
    given = _Settings(num_samples, num_repeats)
    draws = sgvb_draws(model, x, given.num_samples * given.num_repeats, seed=seed, condition=condition)
    a, b = (part.reshape(num_repeats, num_samples, -1).mean(1) for part in draws)
    (variance_a, se_a), (variance_b, se_b) = _variance(a), _variance(b)
    difference = a - b
    error = difference.std(0) / num_repeats**0.5
    return SgvbVariances(
        num_samples, a.mean(0), b.mean(0), variance_a, variance_b, se_a, se_b, difference.mean(0), error
    )


@dataclass(frozen=True)
class _Settings:
    """How many draws, checked."""

    num_samples: int
    num_repeats: int

    def __post_init__(self) -> None:
        check_ranges("variances of SGVB estimators", self, RANGES)


def _variance(draws: Tensor) -> tuple[Tensor, Tensor]:
    """Variance over the first axis, and its standard error from the fourth moment."""
    centred = (draws - draws.mean(0)).square()
    return draws.var(0), centred.std(0) / len(draws) ** 0.5


def _cut(total: int, size: int) -> Iterator[int]:
    for start in range(0, total, size):
        yield min(size, total - start)
