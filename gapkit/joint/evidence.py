"""Log p(x) of a whole data set: exact, by quadrature, or by annealed importance sampling from F-VI's optimum."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from gapkit.estimators import Ais, Bound, Estimate
from gapkit.joint.model import Factors, HierarchicalModel
from gapkit.models import from_joint

__all__ = ["annealed", "quadrature"]

_SETTLED = 1e-7  # nats by which a finer or wider grid may still move log p(x)
_CELLS = 4_000_000  # grid points that are evaluated at once


def quadrature(model: HierarchicalModel, x: Tensor, q: Factors) -> float | None:
    """Log p(x) where theta has at most one number, z_n one, and no z_n meets another; None where it does not settle.

    The trapezoidal rule, whose error falls exponentially for smooth densities that vanish at both ends; the grids grow
    and become finer until the answer stays.
    """
    low = float((q.mean - 12 * q.log_sd.exp()).min())
    high = float((q.mean + 12 * q.log_sd.exp()).max())
    wide, count, before = 8.0, 120, math.nan
    for _ in range(5):
        value = _trapezoid(model, x, q, (low, high), count, wide)
        if abs(value - before) < _SETTLED * max(1.0, len(x) / 100):
            return value
        middle, half = (low + high) / 2, (high - low) / 2
        low, high, count, wide, before = middle - 1.3 * half, middle + 1.3 * half, 2 * count, wide + 2, value
    return None


def _trapezoid(
    model: HierarchicalModel, x: Tensor, q: Factors, ends: tuple[float, float], count: int, wide: float
) -> float:
    z = torch.linspace(*ends, count, dtype=torch.float64)
    step = math.log(float(z[1] - z[0]))
    if model.global_size:
        # Given theta the z_n are integrated out, so that its posterior is wider than F-VI's factor: far more of it.
        sd = float(q.log_theta.exp())
        theta = float(q.theta) + sd * torch.linspace(-wide, wide, 8 * int(wide) + 1, dtype=torch.float64)[:, None]
        outer = math.log(float(theta[1] - theta[0]))
    else:
        theta, outer = torch.zeros(1, 0, dtype=torch.float64), 0.0
    found = []
    with torch.no_grad():
        for one in theta:
            total = torch.zeros(len(x), dtype=torch.float64) - math.inf
            for part in z.split(max(1, _CELLS // len(x))):
                at = one.expand(len(part), -1)
                terms = model.log_local(at, part[:, None, None].expand(-1, len(x), 1), x)
                total = torch.logaddexp(total, terms.logsumexp(0))
            found.append(float((total + step).sum()) + float(model.log_prior(one[None])[0]))
    return float(np.logaddexp.reduce(found)) + outer


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
    model: HierarchicalModel, x: Tensor, q: Factors, *, chains: int = 16, temperatures: int = 200, seed: int = 0
) -> Estimate:
    """AIS on all latents of the data set at once, from q to the posterior: a lower bound on log p(x), shape (1,)."""
    one = _OneDataset(model, x, q)
    built = from_joint(one.log_joint, one.start, latent_shape=(len(one.mean),))
    empty = torch.zeros(1, 1, dtype=torch.float64)
    found = Ais(num_chains=chains, num_temperatures=temperatures, num_leapfrogs=2, stage="joint ais")(
        built, empty, built.encode(empty), seed=seed
    )
    return Estimate(found.value.double(), found.std_error.double(), Bound.LOWER)
