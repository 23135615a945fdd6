"""What every family that is derived from ``Family`` must keep: those of the registry, and all that the package adds."""

import pytest
import torch

import gapkit
from gapkit.local import FAMILIES, FITTERS, forget_family
from tests.registry import AROUND_ENCODERS, OWN_FAMILIES, ROUGH
from tests.yardsticks import ppca

SLOW = {"beta", "dirichlet"}
EVERY = pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name, family in OWN_FAMILIES.items()
    ],
)


def member(family):
    generator = torch.Generator().manual_seed(0)
    loc, deviation = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    return family.matching(loc, (0.3 * deviation).exp()), loc, (0.3 * deviation).exp()


def _name(family):
    return next(name for name, each in OWN_FAMILIES.items() if each is family)


def noise(count):
    return torch.randn(count, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_every_family_beside_the_fixed_ones_is_in_the_registry():
    assert set(FITTERS) - set(FAMILIES) <= {*OWN_FAMILIES, *AROUND_ENCODERS}
    assert {name for name in set(FITTERS) - set(FAMILIES) if FITTERS[name].within_encoders} == AROUND_ENCODERS


@EVERY
def test_the_density_is_that_of_the_draws(family):
    """E[f(z) / q(z)] is 1 for a density f that is even within a box: no tail of q has a say."""
    q, loc, deviation = member(family)
    z, log_q = q.push(noise(40_000))
    torch.testing.assert_close(q.log_prob(z), log_q)
    inside = ((z - loc).abs() < deviation).all(-1)
    ratio = torch.where(inside, (-(2 * deviation).log().sum(-1) - log_q).exp(), 0.0)
    assert bool(((ratio.mean(0) - 1).abs() < 4.5 * ratio.std(0) / len(ratio) ** 0.5).all())


@EVERY
def test_place_and_deviations_are_those_that_were_asked_for(family):
    q, loc, deviation = member(family)
    z, _ = q.push(noise(40_000))
    torch.testing.assert_close(z.std(0), q.marginal_scale(), rtol=0.05, atol=0)
    torch.testing.assert_close(q.loc, q.push(torch.zeros_like(z[:1]))[0][0])
    if _name(family) not in ROUGH:
        torch.testing.assert_close(q.marginal_scale(), deviation)
        assert bool(((z.mean(0) - loc).abs() < 4.5 * deviation / 200).all())


@EVERY
def test_a_datapoint_does_not_depend_on_its_company(family):
    q, _, _ = member(family)
    rows, u = torch.tensor([3, 1]), noise(10)
    torch.testing.assert_close(q.select(rows).push(u[:, rows])[1], q.push(u)[1][:, rows])
    again = family.of(**q.tensors())
    torch.testing.assert_close(again.push(u), q.push(u))


@EVERY
def test_draws_are_differentiable_in_every_tensor(family):
    tensors = {name: tensor.clone().requires_grad_(True) for name, tensor in member(family)[0].tensors().items()}
    z, _ = family.of(**tensors).push(noise(10))
    for gradient in torch.autograd.grad(z.square().sum(), list(tensors.values())):
        assert bool(gradient.isfinite().all())
        assert bool((gradient != 0).any())


@EVERY
def test_the_fit_is_no_lower_than_where_it_begins(family):
    model = ppca("scaled", 0.8)
    x = model.sample(6, 0)
    name = _name(family)
    if name not in FITTERS:
        gapkit.register_family(name, family)
    try:
        found = gapkit.fit(model, x, name, effort="quick")
    finally:
        forget_family(name)  # which leaves the package's own alone
    near = family.matching(model.posterior_mean(x), model.precision.diagonal().rsqrt().expand(6, -1))
    level = gapkit.Elbo(num_samples=4000, antithetic=True)(model, x, near, seed=1)
    assert bool((found.elbo > level.value - 4 * (found.std_error + level.std_error) - 0.05).all())
    assert bool(found.left.isfinite().all())
