"""One contract over all transports: maps, densities and gradients against automatic differentiation and quadrature."""

import pytest
import torch

from gapkit.core.randomness import Key
from gapkit.families import CouplingFlow, LowRankGaussian
from gapkit.families.protocol import log_prob_and_grad
from tests.families.members import BATCH, GAUSSIANS, STORABLE, TRANSPORTS, member, noise


def jacobians(q, u):
    """dT/du at u of shape (B, D): (B, D, D), by automatic differentiation."""
    whole = torch.autograd.functional.jacobian(lambda point: q.forward(point.unsqueeze(0))[0], u)
    return torch.stack([whole[row, :, row] for row in range(len(u))])


@pytest.mark.parametrize("name", TRANSPORTS)
def test_maps_and_densities_agree(name):
    q = member(name)
    u = noise(q)
    z, log_q = q.push(u)
    torch.testing.assert_close(q.forward(u), z)
    torch.testing.assert_close(q.inverse(z), u)
    torch.testing.assert_close(q.log_prob(z), log_q)
    assert (z.shape, log_q.shape, q.loc.shape, q.marginal_scale().shape) == ((7, 4, 3), (7, 4), (4, 3), (4, 3))
    torch.testing.assert_close(q.forward(torch.zeros_like(u))[0], q.loc)
    drawn, log_drawn = q.draw(Key(0, range(BATCH)).streams("t", torch.float64), 5)
    torch.testing.assert_close(q.log_prob(drawn), log_drawn)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_log_determinants_are_those_of_the_jacobian(name):
    q = member(name)
    u = noise(q, 1)
    torch.testing.assert_close(q.log_abs_det(u).expand(1, BATCH)[0], jacobians(q, u[0]).logdet())


@pytest.mark.parametrize("name", TRANSPORTS)
def test_pulled_gradients_match_autograd(name):
    q = member(name)
    u = noise(q).requires_grad_(True)
    value = q.forward(u).pow(3).sum() + q.log_abs_det(u).expand(u.shape[:2]).sum()
    (expected,) = torch.autograd.grad(value, u)
    torch.testing.assert_close(q.pull_gradient(u.detach(), 3 * q.forward(u.detach()).square()), expected)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_gradients_of_the_density_match_autograd(name):
    q = member(name)
    z = q.forward(noise(q)).detach().requires_grad_(True)
    log_q = q.log_prob(z)
    (expected,) = torch.autograd.grad(log_q.sum(), z)
    value, gradient = log_prob_and_grad(q, z.detach())
    torch.testing.assert_close(value, log_q.detach())
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_densities_integrate_to_one(name):
    q = member(name, dim=2)
    axis = torch.linspace(-14, 14, 281, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis).unsqueeze(1).expand(-1, BATCH, -1)
    mass = q.log_prob(grid).exp().nan_to_num(0.0).sum(0) * 0.1**2  # tanh does not reach all of the grid
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", GAUSSIANS)
def test_marginal_scales_are_those_of_the_covariance(name):
    q = member(name)
    root = jacobians(q, noise(q, 1)[0])
    torch.testing.assert_close(q.marginal_scale(), (root @ root.mT).diagonal(dim1=1, dim2=2).sqrt())


@pytest.mark.parametrize("name", STORABLE)
def test_rows_can_be_selected(name):
    q, rows = member(name), torch.tensor([2, 0, 2])
    u = noise(q)
    for mine, whole in zip(q.select(rows).push(u[:, rows]), q.push(u), strict=True):
        torch.testing.assert_close(mine, whole[:, rows])


@pytest.mark.parametrize("name", STORABLE)
def test_tensors_make_the_same_member(name):
    q = member(name)
    tensors = q.tensors()
    assert {len(tensor) for tensor in tensors.values()} == {BATCH}
    again = type(q).of(**tensors)
    for mine, own in zip(again.push(noise(q)), q.push(noise(q)), strict=True):
        torch.testing.assert_close(mine, own)
    assert again.tensors().keys() == tensors.keys()


def test_a_flow_needs_its_weights():
    """What the contract would miss if random weights did nothing: the flow is no Gaussian."""
    q = member("flow")
    u = noise(q, 2)
    assert float((q.log_abs_det(u)[0] - q.log_abs_det(u)[1]).abs().min()) > 1e-3
    assert isinstance(q, CouplingFlow)


# Low rank: the root of I + W W' goes through eigenvectors of W' W, its derivative must not.


@pytest.mark.parametrize("kind", ["random", "equal eigenvalues", "zero", "more columns than latents"])
def test_low_rank_gaussians_are_differentiable_in_their_factor(kind):
    q = member("low_rank")
    factor = {
        "random": q.factor,
        "equal eigenvalues": torch.eye(3, 2, dtype=torch.float64).expand(BATCH, 3, 2) * q.scale.unsqueeze(-1),
        "zero": torch.zeros_like(q.factor),
        "more columns than latents": torch.cat([q.factor, 2 * q.factor], -1),
    }[kind].clone()
    u = noise(q, 2)

    def value(loc, scale, factor):
        z, log_q = LowRankGaussian(loc, scale, factor).push(u)
        return z, log_q, LowRankGaussian(loc, scale, factor).log_prob(u)

    inputs = [tensor.detach().requires_grad_(True) for tensor in (q.loc, q.scale, factor)]
    assert torch.autograd.gradcheck(value, inputs)


@pytest.mark.parametrize("size", [1e-4, 1e-2, 1.0])
def test_small_factors_keep_single_precision(size):
    q = member("low_rank")
    results = []
    for dtype in (torch.float32, torch.float64):
        loc, scale, factor = (t.to(dtype) for t in (q.loc, q.scale, size * q.factor))
        factor.requires_grad_(True)
        z, log_q = LowRankGaussian(loc, scale, factor).push(noise(q).to(dtype))
        (gradient,) = torch.autograd.grad(z.pow(3).sum() + log_q.sum(), factor)
        results.append(torch.cat([z.detach().flatten(), log_q.detach().flatten()]).double())
        results.append(gradient.double() / gradient.double().norm())
    torch.testing.assert_close(results[0], results[2], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(results[1], results[3], rtol=1e-4, atol=1e-5)


def test_an_undefined_datapoint_leaves_the_others_alone():
    q = member("low_rank")
    factor = q.factor.clone()
    factor[1] = torch.nan
    z, log_q = LowRankGaussian(q.loc, q.scale, factor).push(noise(q))
    others = [0, 2, 3]
    torch.testing.assert_close(z[:, others], q.push(noise(q))[0][:, others])
    assert bool(log_q[:, 1].isnan().all())
