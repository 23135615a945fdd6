"""The auxiliary-variable flow: weights of the extended model are unbiased, and its bound is one."""

import math

import pytest
import torch

from gapkit.estimators import Iwae
from gapkit.families import AuxiliaryFlow, TransportDistribution
from gapkit.families.protocol import noise_dim, with_density
from gapkit.target import family_name
from tests.families.members import BATCH, member, noise
from tests.yardsticks import ppca

PRECISION = torch.tensor([[1.5, -0.6], [-0.6, 0.9]], dtype=torch.float64)
LOG_NORMALISER = math.log(2 * math.pi) - 0.5 * float(torch.logdet(PRECISION))


def log_weights(q, seed, count=20_000):
    """Log f(z) - (log q(z, v) - log r(v|z)) with f = exp(-z' P z / 2): shape (S, B)."""
    z, stand_in = q.push(noise(q, count, seed))
    return -0.5 * torch.einsum("sbi,ij,sbj->sb", z, PRECISION, z) - stand_in


def covering():
    """A member with room for the target: means near zero, r anything but the true q(v|z)."""
    q = member("auxiliary", dim=2, wiggle=0.1)
    tensors = q.tensors()
    tensors["loc"], tensors["scale"] = 0.1 * tensors["loc"], tensors["scale"].clamp(min=1.3)
    return AuxiliaryFlow.of(**tensors)


@pytest.mark.parametrize("seed", range(5))
def test_importance_weights_are_unbiased(seed):
    weights = log_weights(covering(), seed).exp()
    error = weights.std(0) / math.sqrt(len(weights))
    assert float((error / weights.mean(0)).max()) < 0.03  # sharp enough to tell
    assert bool(((weights.mean(0) - math.exp(LOG_NORMALISER)).abs() < 4 * error).all())


def test_the_bound_is_below_the_evidence():
    draws = log_weights(covering(), 0)
    error = draws.std(0) / math.sqrt(len(draws))
    assert bool((draws.mean(0) + 4 * error < LOG_NORMALISER).all())


def test_r_is_a_density_of_v():
    q = member("auxiliary", dim=1)
    v = torch.linspace(-30, 30, 6001, dtype=torch.float64)
    for z in (-2.0, 0.5):
        both = torch.stack([torch.full_like(v, z), v], -1).unsqueeze(1).expand(-1, BATCH, -1)
        mass = q.log_reverse(both).exp().sum(0) * 0.01
        torch.testing.assert_close(mass, torch.ones_like(mass), rtol=0, atol=1e-4)


def test_shapes_rows_and_tensors():
    q, rows = member("auxiliary"), torch.tensor([2, 0, 2])
    u = noise(q)
    z, stand_in = q.push(u)
    assert (z.shape, stand_in.shape, q.loc.shape, q.marginal_scale().shape) == ((7, 4, 3), (7, 4), (4, 3), (4, 3))
    assert (q.dim, noise_dim(q, q.dim)) == (3, 6)
    for mine, own in zip(q.select(rows).push(u[:, rows]), (z, stand_in), strict=True):
        torch.testing.assert_close(mine, own[:, rows])
    for mine, own in zip(AuxiliaryFlow.of(**q.tensors()).push(u), (z, stand_in), strict=True):
        torch.testing.assert_close(mine, own)
    assert family_name(with_density(q)) == "mean_field"


def test_estimators_take_one_from_an_encoder():
    model = ppca("mean_field")
    x = model.sample(BATCH, 0)
    base = model.encode(x).base_dist
    tensors = member("auxiliary", wiggle=0.1).tensors()
    tensors["loc"] = torch.cat([base.loc, 0 * base.loc], 1)
    tensors["scale"] = torch.cat([1.5 * base.scale, torch.full_like(base.scale, 1.3)], 1)
    q = TransportDistribution(AuxiliaryFlow.of(**tensors))
    estimate = Iwae(num_samples=4000)(model, x, q, seed=1)
    assert float(estimate.std_error.max()) < 0.1
    assert bool(((estimate.value - model.log_px(x)).abs() < 4 * estimate.std_error).all())
