"""A posterior that is kept to the support of the prior, on the real line.

    q_S(t) = q(t) 1[t in S] / Z,    Z = the mass of q inside S,    y = b^-1(t)

A density estimator that was trained on parameters of a bounded prior leaks mass beyond the bounds; sbi throws such
draws away, and divides the density by Z. Here the same density is taken to the real line by the bijection b of the
support. Z is known from quasi-random draws.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Transform
from torch.quasirandom import SobolEngine

from gapkit.core.randomness import Streams
from gapkit.families.gaussian import FullRankGaussian
from gapkit.families.protocol import can_be_cut, noise_dim

__all__ = ["Inside", "Truncated", "measure"]

_TRIES = 32  # draws of q for one inside S: with half of its mass outside, 2e-10 of all have none
_DRAWS = 4096  # for the mass
_ROWS = 65_536  # of one call


@dataclass(frozen=True)
class Inside:
    """What draws of a posterior say of its part inside the support.

    Attributes:
        log_mass: log Z, shape (B,), in nats.
        error: standard error of it if the draws were random; less, because they are not, shape (B,).
        loc: mean on the real line of what is inside, shape (B, D).
        tril: Cholesky factor of the covariance there, shape (B, D, D).
    """

    log_mass: Tensor
    error: Tensor
    loc: Tensor
    tril: Tensor

    def select(self, rows: Tensor) -> "Inside":
        """Of some datapoints."""
        return Inside(self.log_mass[rows], self.error[rows], self.loc[rows], self.tril[rows])


@dataclass(frozen=True)
class Truncated:
    """The part of a posterior inside the support, on the real line.

    Attributes:
        inner: the posterior, in the units of the parameters.
        bijection: b, from the real line to the support, for points (..., D).
        inside: points (..., D) to whether they are in the support, (...).
        known: its mass there, place and widths.
    """

    inner: Any
    bijection: Transform
    inside: Callable[[Tensor], Tensor]
    known: Inside

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        return self.known.loc.shape[1]

    @property
    def noise_dim(self) -> int:
        """Standard normal numbers that a draw takes: those of 32 tries, of which the first inside is taken."""
        return _TRIES * noise_dim(self.inner, self.dim)

    @property
    def loc(self) -> Tensor:
        """The mean on the real line, shape (B, D)."""
        return self.known.loc

    def marginal_scale(self) -> Tensor:
        """Standard deviation of each latent on the real line, shape (B, D)."""
        return self.known.tril.square().sum(-1).sqrt()

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return y of shape (S, B, D) and log q_S(y) of shape (S, B)."""
        return self.push(streams.normal(num_samples, self.noise_dim))

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The same from noise of shape (S, B, ``noise_dim``)."""
        tries = u.unflatten(-1, (_TRIES, -1)).unbind(-2)
        y, log_q, good = self._try(self.inner, tries[0])
        for noise in tries[1:]:
            draws, owners = (~good).nonzero(as_tuple=True)
            if not len(draws) or not can_be_cut(self.inner):
                break
            again = self._try(self.inner.select(owners), noise[draws, owners].unsqueeze(0))
            place = (draws, owners)
            y, log_q, good = (
                whole.index_put(place, part[0]) for whole, part in zip((y, log_q, good), again, strict=True)
            )
        if not bool(good.all()):  # so rare that where they are put does not matter
            y = torch.where(good.unsqueeze(-1), y, self.loc)
            log_q = torch.where(good, log_q, self.log_prob(y) + self.known.log_mass)
        return y, log_q - self.known.log_mass

    def _try(self, inner: Any, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Draws on the real line, their log densities without the mass, and which of them are inside."""
        theta, log_q = inner.push(noise)
        good = self.inside(theta)
        y = self.bijection.inv(torch.where(good.unsqueeze(-1), theta, self.bijection(torch.zeros_like(theta))))
        good = good & y.isfinite().all(-1)
        y = torch.where(good.unsqueeze(-1), y, 0.0)
        return y, log_q + self._ladj(y), good

    def _ladj(self, y: Tensor) -> Tensor:
        found = self.bijection.log_abs_det_jacobian(y, self.bijection(y))
        return found.sum(-1) if found.dim() == y.dim() else found

    def log_prob(self, z: Tensor) -> Tensor:
        """Log q_S(y): shape (S, B, D) to (S, B), in nats."""
        return self.inner.log_prob(self.bijection(z)) + self._ladj(z) - self.known.log_mass

    def stand_in(self) -> FullRankGaussian:
        """A Gaussian of the same mean and covariance, for those who need a transport."""
        return FullRankGaussian(self.known.loc, self.known.tril)

    def whitening(self) -> FullRankGaussian:
        """Coordinates for Markov chains."""
        return self.stand_in()

    def can_be_cut(self) -> bool:
        """As the posterior can."""
        return can_be_cut(self.inner)

    def select(self, rows: Tensor) -> "Truncated":
        """Return the posteriors of some datapoints: rows has shape (P,)."""
        return Truncated(self.inner.select(rows), self.bijection, self.inside, self.known.select(rows))


@torch.no_grad()
def measure(inner: Any, bijection: Transform, inside: Callable[[Tensor], Tensor]) -> Inside:
    """Look where 4096 quasi-random draws of every posterior lie: the same noise for each, so that rows are independent.

    Args:
        inner: the posterior of B datapoints.
        bijection: from the real line to the support.
        inside: points (..., D) to whether they are in the support.
    """
    like = inner.loc
    size = noise_dim(inner, inner.dim)
    uniform = SobolEngine(size, scramble=True, seed=0).draw(_DRAWS, dtype=torch.float64)
    noise = torch.special.ndtri(uniform.clamp(1e-12, 1.0 - 1e-12)).to(like)
    count, first, second = [torch.zeros((), dtype=torch.float64, device=like.device)] * 3
    for rows in noise.split(max(1, _ROWS // len(like))):
        theta = inner.push(rows.unsqueeze(1).expand(-1, len(like), -1))[0]
        good = inside(theta).unsqueeze(-1)
        y = bijection.inv(torch.where(good, theta, bijection(torch.zeros_like(theta))))
        good = good & y.isfinite().all(-1, keepdim=True)
        y = torch.where(good, y, 0.0).double()
        count, first = count + good[..., 0].double().sum(0), first + y.sum(0)
        second = second + torch.einsum("sbi,sbj->bij", y, y)
    mass, total = count.clamp(min=0.5) / _DRAWS, count.clamp(min=1.0)
    mean = first / total.unsqueeze(-1)
    cov = second / total.reshape(-1, 1, 1) - mean.unsqueeze(-1) * mean.unsqueeze(-2)
    eye = torch.eye(inner.dim, dtype=cov.dtype, device=cov.device)
    few = (count < 10.0 * inner.dim).reshape(-1, 1, 1)  # too few for a covariance
    cov = torch.where(few, eye, cov + 1e-9 * (1.0 + cov.diagonal(dim1=-2, dim2=-1).sum(-1).reshape(-1, 1, 1)) * eye)
    error = ((1.0 - mass) / (mass * _DRAWS)).sqrt()
    return Inside(mass.log().to(like), error.to(like), mean.to(like), torch.linalg.cholesky(cov).to(like))
