"""Several starts per datapoint, from a bank of latents that is decoded once and scored against all datapoints.

An encoder that sits in a wrong or lesser mode takes a local fit with it, and no weight diagnostic notices: importance
weights look healthy because they never see what is missing. The remedy is to look elsewhere cheaply: latents drawn
from the prior and encodings of other data are decoded once, one matrix product scores every datapoint against all of
them, and the few best that are far from each other become further starts of the fit.
"""

import contextlib
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.models.observation import cross_log_prob, stored_values
from gapkit.models.target import Target
from gapkit.randomness import seeded

__all__ = ["Bank", "build_bank"]

_CANDIDATES = 64


@dataclass(frozen=True)
class Bank:
    """Latents shared by all datapoints, with their decoded distributions.

    Attributes:
        z: shape (M, D).
        log_prior: log p(z), shape (M,), in nats.
        decoded: p(x|z) of consecutive chunks of z.
        spread: typical standard deviation of a posterior in each latent dimension, shape (D,).
    """

    z: Tensor
    log_prior: Tensor
    decoded: tuple[Distribution, ...]
    spread: Tensor

    def score(self, x: Tensor) -> Tensor:
        """Log p(x_b, z_m) up to a term of x alone: shape (B, M), in nats; undefined scores are -inf."""
        scores = torch.cat([cross_log_prob(part, x) for part in self.decoded], 1) + self.log_prior
        return torch.where(scores.isfinite(), scores, -torch.inf)

    def starts(self, x: Tensor, encoded: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Choose the best latents for each datapoint that are far from its encoding and from each other.

        Two draws of one D-dimensional Gaussian posterior have a squared distance of about 2 D standard deviations,
        give or take sqrt(8 D): closer candidates would lead to the same mode.

        Args:
            x: data, shape (B, *x_shape).
            encoded: means of the encoder's q, shape (B, D).
            count: starts to choose.

        Returns:
            Starts of shape (count, B, D), and whether each exists, shape (count, B).
        """
        scores, order = self.score(x).topk(min(_CANDIDATES, len(self.z)), dim=1)
        candidates = self.z[order] / self.spread
        dim = encoded.shape[1]
        apart = 2.0 * dim + 3.0 * (8.0 * dim) ** 0.5
        # Everything is far from an encoding that is not a number.
        free = scores.isfinite() & self._far(candidates, encoded.nan_to_num(nan=torch.inf) / self.spread, apart)
        rows = torch.arange(len(x), device=x.device)
        chosen, exists = [], []
        for _ in range(count):
            best = torch.where(free, scores, -torch.inf).argmax(1)
            exists.append(free[rows, best])
            chosen.append(self.z[order[rows, best]])
            free = free & self._far(candidates, candidates[rows, best], apart)
        return torch.stack(chosen), torch.stack(exists)

    @staticmethod
    def _far(candidates: Tensor, centre: Tensor, apart: float) -> Tensor:
        return (candidates - centre.unsqueeze(1)).square().sum(-1) > apart


def build_bank(
    target: Target,
    encoded: Tensor,
    encoded_scale: Tensor,
    num_prior: int,
    seed: int,
    *,
    max_values: int = 50_000_000,
) -> Bank:
    """Decode a bank of prior draws and encodings.

    Args:
        target: any batch of the model; only its decoder and prior are used.
        encoded: encodings of data, the analysed ones and others, shape (N, D).
        encoded_scale: standard deviations of the encoder's q for them, shape (N, D).
        num_prior: latents drawn from the prior.
        seed: the run's seed.
        max_values: upper limit on stored decoder outputs; a larger bank is thinned evenly.
    """
    with torch.no_grad():
        z = encoded
        with seeded(seed, "bank"), contextlib.suppress(NotImplementedError):  # some priors cannot be drawn from
            z = torch.cat([target.prior.sample((num_prior,)).reshape(num_prior, -1).to(encoded), encoded])
        z = z[z.isfinite().all(1)]
        most = max(256, max_values // max(1, stored_values(target.decode(z[:1]))))
        if len(z) > most:
            z = z[torch.linspace(0, len(z) - 1, most, device=z.device).long()]
        decoded = tuple(target.decode(part) for part in z.split(target.max_rows))
        target.work.values += len(z)
        log_prior = target.log_prior(z.unsqueeze(0))[0]
        spread = encoded_scale[encoded_scale.isfinite().all(1)].square().mean(0).sqrt()
        spread = torch.where(spread.isfinite() & (spread > 0), spread, 1.0)
    return Bank(z, log_prior, decoded, spread)
