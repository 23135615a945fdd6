"""The importance-weighted bound log 1/k sum p(x, z_s) / q(z_s).

Source: Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders" (2016), https://arxiv.org/abs/1509.00519,
equation 8. With a mixture as q this is importance sampling under the balance heuristic.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.numerics import effective_sample_size, log_mean_exp, log_mean_exp_influence
from gapkit.core.pareto import pareto_k
from gapkit.core.randomness import Key
from gapkit.core.ranges import check_ranges, whole
from gapkit.estimators.protocol import Bound, Estimate, Estimator, blocks, without_nan
from gapkit.families.protocol import Draws
from gapkit.target import Target

__all__ = ["RANGES", "Iwae"]

RANGES = {"num_samples": whole(1)}


@dataclass(frozen=True, kw_only=True)
class Iwae(Estimator):
    """IWAE-k with effective sample size and Pareto k-hat per datapoint.

    Diagnostics: ``ess`` (between 1 and k), ``khat`` (above ``gapkit.core.khat_limit.good_k`` neither value nor error
    can be trusted; below it they usually can, but a q too narrow in some direction may leave the value lower than its
    error says), ``nonfinite`` (draws whose weight was undefined and counted as zero).

    Attributes:
        num_samples: k, the draws per datapoint.
        stage: names the noise.

    Raises:
        InputError: fewer than one sample.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(8,))
        >>> x = torch.ones(3, 4)
        >>> estimate = Iwae(num_samples=100)(model, x, model.encode(x), seed=1)
        >>> sorted(estimate.diagnostics)
        ['ess', 'khat', 'nonfinite']
    """

    num_samples: int = 1000
    stage: str = "iwae"

    def __post_init__(self) -> None:
        check_ranges("IWAE", self, RANGES)

    @torch.no_grad()
    def on(self, target: Target, q: Draws, key: Key) -> Estimate:
        """Estimate the bound for B datapoints: shape (B,), in nats.

        Raises:
            InputError: q cannot be drawn from.
        """
        return self.estimate(self.log_weights(target, q, key), key)

    def log_weights(self, target: Target, proposal: Draws, key: Key) -> Tensor:
        """Log p(x, z) - log q(z) of fresh draws: shape (k, B), float64, in nats; NaN where undefined."""
        streams = key.streams(self.stage, target.dtype, target.device)
        parts = []
        with torch.no_grad():
            for size in blocks(self.num_samples, target):
                z, log_q = proposal.draw(streams, size)
                parts.append(target.log_joint(z).double() - log_q.double())
        return torch.cat(parts)

    def estimate(self, log_w: Tensor, key: Key) -> Estimate:
        """The bound that log weights of shape (S, B) give, with its diagnostics."""
        log_w, nonfinite = without_nan(log_w)
        diagnostics = {"ess": effective_sample_size(log_w), "khat": pareto_k(log_w), "nonfinite": nonfinite}
        noise = (self.stage, key, len(log_w))
        return Estimate.from_draws(log_mean_exp(log_w), log_mean_exp_influence(log_w), Bound.LOWER, noise, diagnostics)
