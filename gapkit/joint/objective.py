"""The ELBO of factorised Gaussians, three ways: exact where the model is Gaussian, by quadrature, or by draws.

All three take factors that carry gradients and give the same kind of number, so that a fit does not know which it has.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.randomness import seeded
from gapkit.estimators.protocol import Bound, Estimate
from gapkit.joint.gaussian import GaussianPosterior
from gapkit.joint.model import Factors, HierarchicalModel
from gapkit.joint.structure import terms_apart

__all__ = ["Exact", "MonteCarlo", "Objective", "Quadrature"]

_MOST_NODES = 4096


class Objective(Protocol):
    """An ELBO as a function of factors.

    Attributes:
        random: whether each call draws anew.
        kind: its name in words.
    """

    random: bool
    kind: str

    def loss(self, q: Factors) -> Tensor:
        """Minus the ELBO, with gradients, shape ()."""
        ...

    def estimate(self, q: Factors) -> Estimate:
        """The ELBO of one data set, shape (1,), with its error; the same noise in each call."""
        ...


def _certain(value: float) -> Estimate:
    one = torch.tensor([value], dtype=torch.float64)
    return Estimate(one, torch.zeros_like(one), Bound.LOWER, {}, one[None].expand(2, 1), ("none",))


@dataclass(frozen=True)
class Exact:
    """Of a model whose log density is quadratic: log p at the means, minus half of P_ii times the variances."""

    model: HierarchicalModel
    x: Tensor
    posterior: GaussianPosterior
    random = False
    kind = "exact"

    def loss(self, q: Factors) -> Tensor:
        """Shape (); all terms but the curvature come from the model itself."""
        mean, log_sd = q.flat()
        theta, z = q.split(mean[None])
        curved = torch.from_numpy(self.posterior.diagonal) @ (2 * log_sd).exp()
        return 0.5 * curved - self.model.log_joint(theta, z, self.x)[0] - q.entropy()

    def estimate(self, q: Factors) -> Estimate:
        """Shape (1,), without error."""
        return _certain(self.posterior.elbo(q))


@dataclass(frozen=True)
class Quadrature:
    """Gauss-Hermite nodes for theta and z_n together: for models whose term n has no other z_m in it.

    Attributes:
        model: ``global_size`` and ``local_size`` small enough that their nodes can be multiplied.
        x: shape (N, ...).
        nodes: for each number of theta and for each of z_n. The first is enough at 3 where a term is quadratic in
            theta.

    Raises:
        InputError: too many nodes altogether, or a term with another z_m in it.
    """

    model: HierarchicalModel
    x: Tensor
    nodes: tuple[int, int] = (3, 32)
    random = False
    kind = "quadrature"
    _grid: tuple[Tensor, Tensor, Tensor, Tensor] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        counts = [self.nodes[0]] * self.model.global_size + [self.nodes[1]] * self.model.local_size
        total = int(np.prod(counts, dtype=float))
        if total > _MOST_NODES:
            found = f"{total:,} for {len(counts)} numbers"
            raise InputError(f"quadrature with at most {_MOST_NODES:,} nodes", found, "take Monte Carlo draws instead")
        if not terms_apart(self.model, self.x):
            found = "terms of log_local that hold other z than their own"
            raise InputError("ELBOs by quadrature", found, "take Monte Carlo draws instead")
        points, weights = _hermite(counts)
        size = self.model.global_size
        theta, theta_weights = _hermite(counts[:size])
        object.__setattr__(self, "_grid", (points, weights, theta, theta_weights))

    def terms(self, q: Factors) -> Tensor:
        """E log p(z_n, x_n | theta) plus the entropy of q(z_n), for each n, shape (N,)."""
        points, weights, _, _ = self._grid
        size = self.model.global_size
        theta = q.theta + q.log_theta.exp() * points[:, :size]
        z = q.mean + q.log_sd.exp() * points[:, None, size:]
        expected = weights @ self.model.log_local(theta, z, self.x)
        return expected + (q.log_sd + 0.5 * np.log(2 * np.pi * np.e)).sum(-1)

    def loss(self, q: Factors) -> Tensor:
        """Shape ()."""
        _, _, points, weights = self._grid
        prior = weights @ self.model.log_prior(q.theta + q.log_theta.exp() * points)
        own = (q.log_theta + 0.5 * np.log(2 * np.pi * np.e)).sum()
        return -(self.terms(q).sum() + prior + own)

    def estimate(self, q: Factors) -> Estimate:
        """Shape (1,), without Monte Carlo error."""
        with torch.no_grad():
            return _certain(-float(self.loss(q)))


def _hermite(counts: list[int]) -> tuple[Tensor, Tensor]:
    """Nodes and weights for a standard normal in as many dimensions: shape (S, K) and (S,)."""
    if not counts:
        return torch.zeros(1, 0, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    rules = [np.polynomial.hermite_e.hermegauss(count) for count in counts]
    points = np.stack(np.meshgrid(*(rule[0] for rule in rules), indexing="ij"), -1).reshape(-1, len(counts))
    weights = np.ones(1)
    for rule in rules:
        weights = np.multiply.outer(weights, rule[1] / rule[1].sum()).ravel()
    return torch.from_numpy(points), torch.from_numpy(weights)


@dataclass(frozen=True)
class MonteCarlo:
    """Reparametrised draws: for every model.

    Attributes:
        model: any.
        x: shape (N, ...).
        draws: of each step.
        judged: draws of :meth:`estimate`, the same in every call: differences of two q's are paired.
        batch: how many datapoints a step looks at; None for all. Only where term n looks at x_n and z_n alone.
        seed: of the noise.
    """

    model: HierarchicalModel
    x: Tensor
    draws: int = 16
    judged: int = 1000
    batch: int | None = None
    seed: int = 0
    random = True
    kind = "monte carlo"

    def loss(self, q: Factors) -> Tensor:
        """Shape (); torch's global generator draws, which a fit seeds."""
        if self.batch is None or self.batch >= len(self.x):
            theta, z = q.draw(torch.randn(self.draws, _numbers(q), dtype=q.mean.dtype))
            return -(self.model.log_joint(theta, z, self.x).mean() + q.entropy())
        rows = torch.randperm(len(self.x))[: self.batch]
        part = Factors(q.theta, q.log_theta, q.mean[rows], q.log_sd[rows])
        theta, z = part.draw(torch.randn(self.draws, _numbers(part), dtype=q.mean.dtype))
        local = self.model.log_local(theta, z, self.x[rows]).mean(0).sum() * (len(self.x) / len(rows))
        return -(local + self.model.log_prior(theta).mean() + q.entropy())

    def estimate(self, q: Factors) -> Estimate:
        """Shape (1,), with the error of the mean over draws."""
        found = []
        with torch.no_grad(), seeded(self.seed, "joint"):
            left = self.judged
            while left > 0:
                count = min(left, max(2, 1_000_000 // max(1, _numbers(q))))
                noise = torch.randn((count + 1) // 2, _numbers(q), dtype=q.mean.dtype)
                pairs = [self.model.log_joint(*q.draw(sign * noise), self.x) for sign in (1, -1)]
                found.append(0.5 * (pairs[0] + pairs[1]))  # antithetic: odd parts of the density cost nothing
                left -= 2 * len(noise)
        draws = (torch.cat(found) + q.entropy().detach())[:, None].double()
        return Estimate.from_draws(draws.mean(0), draws, Bound.LOWER, ("joint", self.seed, self.judged))


def _numbers(q: Factors) -> int:
    return q.theta.numel() + q.mean.numel()
