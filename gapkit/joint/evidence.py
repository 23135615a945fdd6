"""Log p(x) of a whole data set: exact, by quadrature, or by annealed importance sampling from F-VI's optimum."""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from gapkit.estimators import Ais, Bound, Estimate
from gapkit.joint.model import Factors, HierarchicalModel
from gapkit.models import from_joint

__all__ = ["annealed", "quadrature"]

_SETTLED = 1e-5  # nats by which a finer or wider grid may still move log p(x)
_CELLS = 1_000_000  # grid points that are evaluated at once
_MOST = 400_000_000  # grid points altogether: some ten seconds
_WIDE, _STEP = 8, 0.5  # of the grid of theta, in standard deviations


def quadrature(model: HierarchicalModel, x: Tensor, q: Factors) -> float | None:
    """Log p(x) where z_n has one number and meets no other, and theta has few; None where it does not settle in time.

    The trapezoidal rule, whose error falls exponentially for smooth densities that vanish at both ends. With the z_n
    integrated out the posterior of theta is wider than F-VI's factor: each grid of theta is laid by the moments that
    the one before found, while that of z grows and becomes finer, until the answer stays.
    """
    low, high = (float(end) for end in ((q.mean - 12 * q.log_sd.exp()).min(), (q.mean + 12 * q.log_sd.exp()).max()))
    middle, sd = q.theta.detach(), q.log_theta.detach().exp()
    unit = torch.linspace(-_WIDE, _WIDE, 4 * _WIDE + 1, dtype=torch.float64)
    grid = torch.cartesian_prod(*[unit] * model.global_size).reshape(-1, max(model.global_size, 1))
    grid = grid[:, : model.global_size] if model.global_size else torch.zeros(1, 0, dtype=torch.float64)
    count, before = 120, math.nan
    for _ in range(6):
        if len(grid) * count * len(x) > _MOST:
            return None
        theta = middle + sd * grid
        levels = _given(model, x, theta, torch.linspace(low, high, count, dtype=torch.float64))
        value = float(levels.logsumexp(0) + (sd * _STEP).log().sum())
        if abs(value - before) < _SETTLED * max(1.0, len(x) / 100):
            return value
        weights = levels.softmax(0)
        middle = weights @ theta
        sd = (weights @ (theta - middle).square()).sqrt().clamp(min=1e-3 * sd)
        centre, half = (low + high) / 2, (high - low) / 2
        low, high, count, before = centre - 1.2 * half, centre + 1.2 * half, int(1.5 * count), value
    return None


def _given(model: HierarchicalModel, x: Tensor, theta: Tensor, z: Tensor) -> Tensor:
    """Log p(theta, x) at places of theta, (S, G), by the trapezoidal rule over z, (M,): shape (S,)."""
    step, found = math.log(float(z[1] - z[0])), []
    for some in theta.split(max(1, _CELLS // (len(x) * len(z)))):
        total = torch.full((len(some), len(x)), -math.inf, dtype=torch.float64)
        for part in z.split(max(1, _CELLS // (len(x) * len(some)))):
            pairs = some.repeat_interleave(len(part), 0), part.repeat(len(some))[:, None, None].expand(-1, len(x), 1)
            with torch.no_grad():
                terms = model.log_local(*pairs, x).reshape(len(some), len(part), len(x))
            # Far out a term may be infinity minus infinity: no density there.
            terms = torch.where(terms.isnan(), -math.inf, terms)
            total = torch.logaddexp(total, terms.logsumexp(1))
        found.append((total + step).sum(1) + model.log_prior(some))
    return torch.cat(found)


class _OneDataset:
    """All latents of a data set as those of one datapoint, in F-VI's own coordinates."""

    def __init__(self, model: HierarchicalModel, x: Tensor, q: Factors) -> None:
        self.model, self.x, self.factors = model, x, q
        self.mean, self.log_sd = q.flat()

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        theta, local = self.factors.split(self.mean + self.log_sd.exp() * z)
        return self.model.log_joint(theta, local, self.x) + self.log_sd.sum()

    def start(self, x: Tensor) -> Distribution:
        unit = torch.ones(len(x), len(self.mean), dtype=torch.float64)
        return Independent(Normal(torch.zeros_like(unit), unit), 1)


def annealed(
    model: HierarchicalModel, x: Tensor, q: Factors, *, chains: int = 32, temperatures: int = 300, seed: int = 0
) -> Estimate:
    """AIS on all latents of the data set at once, from q to the posterior: a lower bound on log p(x), shape (1,)."""
    one = _OneDataset(model, x, q)
    built = from_joint(one.log_joint, one.start, latent_shape=(len(one.mean),))
    empty = torch.zeros(1, 1, dtype=torch.float64)
    found = Ais(num_chains=chains, num_temperatures=temperatures, num_leapfrogs=2, stage="joint ais")(
        built, empty, built.encode(empty), seed=seed
    )
    return Estimate(found.value.double(), found.std_error.double(), Bound.LOWER)
