"""Reciprocal importance sampling: an upper bound on log p(x) from posterior draws.

For any density f, E_{p(z|x)}[f(z) / p(x, z)] = 1 / p(x). By Jensen's inequality minus the log of the mean over draws
lies above log p(x) on average, so it brackets log p(x) together with IWAE or AIS. It is as good as the draws: chains
that have not converged, or that miss a mode, break the bound. Source: Kingma & Welling, "Auto-Encoding Variational
Bayes" (2014), https://arxiv.org/abs/1312.6114, appendix D, which advises it for few latent dimensions only.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.numerics import effective_sample_size, log_mean_exp, log_mean_exp_influence
from gapkit.core.pareto import pareto_k
from gapkit.core.randomness import Key
from gapkit.core.ranges import check_ranges, even, one_of, share, whole
from gapkit.estimators.protocol import Bound, Estimate, Estimator, without_nan
from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.families.protocol import Posterior, Proposal, with_density
from gapkit.kernels import GeometricPath, MoveNoise, Tuning, sample_posterior
from gapkit.target import Target

__all__ = ["RANGES", "ReciprocalIs"]

RANGES = {
    "num_chains": whole(4),
    "num_warmup": whole(0),
    "num_draws": even(4),
    "num_leapfrogs": whole(1),
    "density": one_of("full_rank", "mean_field"),
    "acceptance": share(zero=False, one=False),
}


@dataclass(frozen=True, kw_only=True)
class ReciprocalIs(Estimator):
    """Reciprocal importance sampling with a Gaussian f, fitted to posterior draws that are not used again.

    q is where chains start and gives their coordinates. A warm-up adapts the steps; half of the draws after it fit f,
    the other half give the estimate.

    Diagnostics: ``khat`` of the ratios f(z) / p(x, z) (see ``gapkit.core.khat_limit.good_k``: above it f is wider than
    the posterior somewhere), ``ess`` of the ratios, ``acceptance``, ``rhat`` of log p(x, z) over the chains (clearly
    above 1 they have not converged, and the value is no bound), ``nonfinite``.

    Attributes:
        num_chains: independent chains per datapoint, at least 4.
        num_warmup: moves before the first draw.
        num_draws: draws of each chain, of which every second half is used; even.
        num_leapfrogs: gradients per move.
        density: ``full_rank`` or ``mean_field``: the family of f.
        acceptance: the acceptance rate that the warm-up aims at.
        stage: names the noise.

    Raises:
        InputError: too few chains or draws, or the prior as density, which is the harmonic mean.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(8,))
        >>> x = torch.ones(3, 4)
        >>> ReciprocalIs()(model, x, model.encode(x)).bound
        <Bound.UPPER: 'upper'>
    """

    label: ClassVar[str] = "Reciprocal importance sampling"

    num_chains: int = 32
    num_warmup: int = 100
    num_draws: int = 50
    num_leapfrogs: int = 4
    density: Literal["full_rank", "mean_field"] = "full_rank"
    acceptance: float = 0.8
    stage: str = "reciprocal"

    def __post_init__(self) -> None:
        if self.density == "prior":
            raise InputError(
                "reciprocal importance sampling with the prior as density: the harmonic mean",
                "its ratios 1 / p(x|z) have no finite variance, so any number of draws misses log p(x) by nats "
                "while looking steady",
                "use density='full_rank' or 'mean_field'",
            )
        check_ranges("reciprocal importance sampling", self, RANGES)

    @torch.no_grad()
    def on(self, target: Target, q: Posterior | Proposal, key: Key) -> Estimate:
        """Bound log p(x) of B datapoints from above: shape (B,), in nats.

        Raises:
            InputError: q has no density.
        """
        proposal = with_density(q)
        path = GeometricPath(target, proposal, proposal.whitening())
        start = key.streams(self.stage, target.dtype, target.device)
        z, _ = proposal.draw(start, self.num_chains)
        tuning = Tuning(self.num_leapfrogs, 0.2, 1.6 * target.dim**-0.25 / self.num_leapfrogs**0.5, self.acceptance)
        noise = MoveNoise.of(key, f"{self.stage}/moves", z)
        draws, log_joint, accepted = sample_posterior(path, z, noise, tuning, self.num_warmup, self.num_draws)
        half = self.num_draws // 2
        fitted = self._fit(draws[:half].flatten(0, 1))
        kept = draws[half:].flatten(0, 1)
        log_ratio, nonfinite = without_nan((fitted.log_prob(kept) - log_joint[half:].flatten(0, 1)).double())
        # Draws of one chain depend on each other: errors are those of the chains' means.
        chains = log_mean_exp(log_ratio.reshape(-1, self.num_chains, target.num_datapoints))
        diagnostics = {
            "khat": pareto_k(log_ratio),
            "ess": effective_sample_size(log_ratio),
            "acceptance": accepted,
            "rhat": _rhat(log_joint),
            "nonfinite": nonfinite,
        }
        noise_name = (self.stage, key, self.num_chains)
        return Estimate.from_draws(
            -log_mean_exp(chains), -log_mean_exp_influence(chains), Bound.UPPER, noise_name, diagnostics
        )

    def _fit(self, draws: Tensor) -> DiagonalGaussian | FullRankGaussian:
        """A Gaussian for draws (N, B, D), per datapoint.

        The factorised one takes the variance of each latent given all others: with the larger marginal variances f
        would reach where the posterior does not, and the ratios' variance with it.
        """
        mean, spread = draws.mean(0), draws.std(0)
        centred = (draws - mean).transpose(0, 1)
        factor, failed = torch.linalg.cholesky_ex(centred.mT @ centred / (len(draws) - 1))
        sound = failed == 0  # else there are too few draws for a full covariance, and its diagonal must do
        factor = torch.where(sound[:, None, None], factor, torch.diag_embed(spread))
        if self.density == "full_rank":
            return FullRankGaussian(mean, factor)
        return DiagonalGaussian(mean, torch.cholesky_inverse(factor).diagonal(dim1=-2, dim2=-1).rsqrt())


def _rhat(values: Tensor) -> Tensor:
    """Potential scale reduction of draws (N, S, B) over S split chains: shape (B,).

    Source: Gelman et al., "Bayesian Data Analysis" (2013), section 11.4.
    """
    half = len(values) // 2
    chains = torch.cat([values[:half], values[half : 2 * half]], 1).double()
    within, between = chains.var(0).mean(0), chains.mean(0).var(0)
    return ((half - 1) / half + between / within).sqrt()
