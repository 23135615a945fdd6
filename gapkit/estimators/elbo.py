"""The evidence lower bound L[q] = E_q[log p(x, z) - log q(z)].

Source: Kingma & Welling, "Auto-Encoding Variational Bayes" (2014), https://arxiv.org/abs/1312.6114, equations 3, 6, 7.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.core.ranges import check_ranges, even, whole
from gapkit.estimators.protocol import Bound, Estimate, Estimator, blocks
from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.families.protocol import Draws, Posterior, noise_dim
from gapkit.target import Target, standard_normal_prior

__all__ = ["RANGES", "Elbo"]

RANGES = {"num_samples": whole(1)}
_ANTITHETIC = {"num_samples": even(2)}


@dataclass(frozen=True, kw_only=True)
class Elbo(Estimator):
    """Monte Carlo ELBO, optionally with the analytic KL of Gaussians and with antithetic noise.

    Attributes:
        num_samples: draws from q per datapoint.
        antithetic: use u and -u together; the odd part of the integrand then cancels. Needs an even number.
        analytic_kl: replace E_q[log p(z) - log q(z)] by its closed form (standard normal prior, Gaussian q). This is
            not always the lower variance: at q equal to the posterior the plain form has none at all.
        stage: names the noise; estimates with equal stage, seed and number of samples share it.

    Raises:
        InputError: fewer than one sample, or an odd number of antithetic ones.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(8,))
        >>> x = torch.ones(3, 4)
        >>> Elbo(num_samples=8)(model, x, model.encode(x), seed=1).value.shape
        torch.Size([3])
    """

    num_samples: int = 1000
    antithetic: bool = False
    analytic_kl: bool = False
    stage: str = "elbo"

    def __post_init__(self) -> None:
        check_ranges("the ELBO", self, RANGES)
        if self.antithetic:
            check_ranges("an antithetic ELBO", self, _ANTITHETIC)

    @torch.no_grad()
    def on(self, target: Target, q: Draws, key: Key) -> Estimate:
        """Estimate L[q] of B datapoints: shape (B,), in nats.

        Raises:
            InputError: an analytic KL where there is none, or antithetic draws of a q that is no transport of noise.
        """
        if self.analytic_kl:
            draws = self._log_likelihoods(target, q, key) - _gaussian_kl(target, q).double()
        else:
            draws = self._log_ratios(target, q, key)
        if self.antithetic:
            draws = draws.reshape(-1, 2, draws.shape[1]).mean(1)
        noise = (self.stage, key, self.num_samples, self.antithetic)
        diagnostics = {"nonfinite": (~draws.isfinite()).sum(0)}
        return Estimate.from_draws(draws.mean(0), draws, Bound.LOWER, noise, diagnostics)

    def _log_ratios(self, target: Target, q: Draws, key: Key) -> Tensor:
        parts = [(target.log_joint(z).double() - log_q.double()) for z, log_q in self._blocks(target, q, key)]
        return torch.cat(parts)

    def _log_likelihoods(self, target: Target, q: Draws, key: Key) -> Tensor:
        return torch.cat([target.log_likelihood(z).double() for z, _ in self._blocks(target, q, key)])

    def _blocks(self, target: Target, q: Draws, key: Key) -> Iterator[tuple[Tensor, Tensor]]:
        streams = key.streams(self.stage, target.dtype, target.device)

        def draw(count: int) -> tuple[Tensor, Tensor]:
            if not self.antithetic:
                return q.draw(streams, count)
            half = streams.normal(count // 2, noise_dim(q, target.dim))
            return _pushed(q).push(torch.stack([half, -half], 1).flatten(0, 1))

        return (draw(size) for size in blocks(self.num_samples, target))


def _pushed(q: Draws) -> Posterior:
    if not hasattr(q, "push"):
        raise InputError(
            "antithetic draws", f"{type(q).__name__} is not a transport of Gaussian noise", "set antithetic=False"
        )
    return q  # type: ignore[return-value]


def _gaussian_kl(target: Target, q: Draws) -> Tensor:
    """KL(q || N(0, I)) in closed form, shape (B,), in nats."""
    standard = standard_normal_prior(target)
    if not standard or not isinstance(q, DiagonalGaussian | FullRankGaussian):
        raise InputError(
            "the analytic KL",
            f"a {type(q).__name__} against a prior that is {'' if standard else 'not '}standard normal",
            "use the Monte Carlo form (analytic_kl=False)",
        )
    spread = q.scale.square().sum(-1) if isinstance(q, DiagonalGaussian) else q.scale_tril.square().sum((-2, -1))
    log_det = q.log_abs_det(q.loc.unsqueeze(0))
    return 0.5 * (spread + q.loc.square().sum(-1) - target.dim) - log_det
