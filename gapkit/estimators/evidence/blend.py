"""A blend of one datapoint: its mixture as a whole, and Gaussians beside it that are adapted to weighted draws.

Everything here works on N draws z of shape (N, D) in float64 and on K Gaussians; no model is evaluated.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Blend", "effective", "log_density", "shrunk", "tempered"]

_LOG_2PI = math.log(2.0 * math.pi)
# Covariances are shrunk toward known ones: as many effective draws a dimension as this have no weight at all.
_DRAWS_PER_DIM = 2.0
_NARROWEST, _WIDEST = 1e-4, 1e4


@dataclass(frozen=True)
class Blend:
    """Shares of the mixture, first, and of K Gaussians.

    Attributes:
        shares: shape (1 + K,), they sum to one.
        loc: means, shape (K, D).
        tril: Cholesky factors of the covariances, shape (K, D, D).
        fixed: Gaussians that only change their share, bools of shape (K,).
    """

    shares: Tensor
    loc: Tensor
    tril: Tensor
    fixed: Tensor

    def terms(self, z: Tensor, log_base: Tensor) -> Tensor:
        """Log shares plus log densities: z of shape (N, D) and log q of the mixture, (N,), to (1 + K, N)."""
        densities = torch.cat([log_base.unsqueeze(0), log_density(z, self.loc, self.tril)])
        return self.shares.log().unsqueeze(1) + densities

    def updated(self, z: Tensor, log_base: Tensor, weights: Tensor) -> "Blend":
        """One step of expectation maximisation on weighted draws, weights (N,) that sum to one.

        Means and covariances move from where they are as far as the effective number of draws behind them allows.
        Source: Cappé, Douc, Guillin, Marin, Robert, "Adaptive importance sampling in general mixture classes" (2008),
        https://arxiv.org/abs/0710.4242, equations 8 to 10 (Rao-Blackwellised).
        """
        terms = self.terms(z, log_base)
        parts = weights * (terms - torch.logsumexp(terms, 0)).exp()
        shares = parts.sum(1)
        own, dim = parts[1:], z.shape[-1]
        total = own.sum(1)
        count = total.square() / own.square().sum(1).clamp(min=1e-300)
        within = own / total.clamp(min=1e-300).unsqueeze(1)
        # A mean is off by D / n squared standard deviations: it is drawn to the old one as if that had D draws.
        pull = (count / (count + dim)).unsqueeze(1)
        loc = torch.lerp(self.loc, within @ z, pull)
        apart = z.unsqueeze(0) - loc.unsqueeze(1)
        cov = (within.unsqueeze(2) * apart).mT @ apart
        tril = shrunk(cov, self.tril, count)
        stay = self.fixed | (count < 2.0) | ~tril.isfinite().all(-1).all(-1)
        return Blend(
            shares / shares.sum(),
            torch.where(stay.unsqueeze(1), self.loc, loc),
            torch.where(stay[:, None, None], self.tril, tril),
            self.fixed,
        )

    def wider(self) -> "Blend":
        """With all Gaussians that are adapted wider by a step."""
        factor = torch.where(self.fixed, 1.0, 1.0 + self.loc.shape[1] ** -0.5).to(self.tril)
        return Blend(self.shares, self.loc, factor[:, None, None] * self.tril, self.fixed)

    def joined(self, loc: Tensor, tril: Tensor, shares: Tensor, *, fixed: bool) -> "Blend":
        """With further Gaussians of given shares, shape (M,); the others' shrink to make room."""
        return Blend(
            torch.cat([self.shares * (1.0 - shares.sum()), shares]),
            torch.cat([self.loc, loc]),
            torch.cat([self.tril, tril]),
            torch.cat([self.fixed, torch.full((len(loc),), fixed, device=loc.device)]),
        )

    def kept(self, smallest: float) -> "Blend":
        """Without the Gaussians whose share is smaller; fixed ones stay."""
        keep = (self.shares[1:] >= smallest) | self.fixed
        shares = torch.cat([self.shares[:1], self.shares[1:][keep]])
        return Blend(shares / shares.sum(), self.loc[keep], self.tril[keep], self.fixed[keep])


def log_density(z: Tensor, loc: Tensor, tril: Tensor) -> Tensor:
    """Log densities of K Gaussians at N points: (N, D), (K, D) and (K, D, D) to (K, N)."""
    apart = (z.unsqueeze(0) - loc.unsqueeze(1)).mT
    u = torch.linalg.solve_triangular(tril, apart, upper=False)
    return -0.5 * (u.square().sum(1) + z.shape[-1] * _LOG_2PI) - tril.diagonal(dim1=1, dim2=2).log().sum(
        1, keepdim=True
    )


def shrunk(cov: Tensor, tril: Tensor, count: Tensor) -> Tensor:
    """Cholesky factors of covariances drawn toward known ones, along the geodesic between both.

    In coordinates in which the known one is the identity the eigenvalues of the new one are raised to a power: 0 where
    the effective draws are few for the dimension (then the known one is kept), 1 where they are many. A linear blend
    would blow narrow directions up, which is what curved posteriors are made of.

    Args:
        cov: new covariances, shape (K, D, D).
        tril: Cholesky factors of known ones, shape (K, D, D).
        count: effective draws behind the new ones, shape (K,).
    """
    inner = torch.linalg.solve_triangular(tril, cov, upper=False)
    inner = torch.linalg.solve_triangular(tril, inner.mT, upper=False)
    values, vectors = torch.linalg.eigh(0.5 * (inner + inner.mT).nan_to_num(0.0, 0.0, 0.0))
    power = (1.0 - _DRAWS_PER_DIM * cov.shape[-1] / count.clamp(min=1.0)).clamp(min=0.0)
    root = values.clamp(_NARROWEST, _WIDEST).pow(0.5 * power.unsqueeze(1))
    half = tril @ (vectors * root.unsqueeze(1))
    # The triangular root of half half' without forming that product.
    upper = torch.linalg.qr(half.mT, mode="r").R
    return upper.mT * upper.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)


def effective(weights: Tensor) -> float:
    """Kish's effective number of draws of weights (N,) that sum to one."""
    return float(1.0 / weights.square().sum())


def tempered(log_w: Tensor, at_least: float) -> Tensor:
    """Normalised weights (N,), flattened by a power just so that they are worth a number of draws.

    Adaptation to a single heavy weight is adaptation to noise.
    """
    low, high = 0.0, 1.0
    weights = torch.softmax(log_w, 0)
    if effective(weights) >= at_least:
        return weights
    for _ in range(20):
        power = 0.5 * (low + high)
        low, high = (power, high) if effective(torch.softmax(power * log_w, 0)) >= at_least else (low, power)
    return torch.softmax(torch.where(log_w.isneginf(), -torch.inf, low * log_w), 0)
