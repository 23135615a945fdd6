"""Optima and certificates of bent posteriors, against Newton's method on dense Gauss-Hermite quadrature."""

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal

from gapkit.core.randomness import Key
from gapkit.engine import EFFORTS
from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.local import FitStatus, build_bank, fit_batch
from gapkit.local.chart import FullRankChart, MeanFieldChart, suited_root
from gapkit.local.newton import climb, curvature_along
from gapkit.target import Target, as_proposal
from tests.fast import only
from tests.yardsticks import ppca

DOUBLE = torch.float64
NODES, WEIGHTS = (torch.tensor(part) for part in np.polynomial.hermite_e.hermegauss(60))
U = torch.cartesian_prod(NODES, NODES).unsqueeze(1)
W = (WEIGHTS[:, None] * WEIGHTS / WEIGHTS.sum() ** 2).reshape(-1, 1)


class Bent:
    """x ~ N(f(z), noise^2) with two latents, in double precision."""

    def __init__(self, f, noise):
        self.f, self.noise = f, noise

    def encode(self, x):
        zero = torch.zeros(len(x), 2, dtype=DOUBLE)
        return Independent(Normal(zero, torch.ones_like(zero)), 1)

    def decode(self, z):
        return Independent(Normal(self.f(z), self.noise), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(2, dtype=DOUBLE), 1.0), 1)


def banana(noise):
    return Bent(lambda z: (z[:, 1] + z[:, 0] ** 2).unsqueeze(1), noise)


MODELS = {
    "banana": banana(0.3),
    "narrow banana": banana(0.1),
    "funnel": Bent(lambda z: z[:, 1:] * z[:, :1].exp(), 0.1),
    "sine": Bent(lambda z: (3 * z).sin().sum(1, keepdim=True), 0.3),
}


def elbo(target, v):
    """L[q] of mean-field Gaussians by quadrature: v holds means and log scales, (B, 4)."""
    z = v[:, :2] + v[:, 2:].exp() * U
    return (W * (target.log_likelihood(z) + target.log_prior(z))).sum(0) + v[:, 2:].sum(-1)


def left(target, q):
    """What ascent by exact gradients still gains from q, shape (B,)."""
    gains = []
    for row in range(len(q.loc)):
        one = target.select(torch.tensor([row]))
        v = torch.cat([q.loc, q.scale.log()], 1)[row : row + 1].clone().requires_grad_(True)
        before = float(elbo(one, v).detach())
        ascent = torch.optim.LBFGS([v], lr=0.3, max_iter=300, line_search_fn="strong_wolfe")

        def closure(one=one, v=v, ascent=ascent):
            ascent.zero_grad()
            loss = -elbo(one, v).sum()
            loss.backward()
            return loss

        ascent.step(closure)
        gains.append(float(elbo(one, v).detach()) - before)
    return torch.tensor(gains, dtype=DOUBLE)


@pytest.mark.parametrize("effort", only(["quick", "standard"], "quick"))
@pytest.mark.parametrize("name", only(MODELS, "banana", "funnel"))
def test_mean_field_optima_are_optima_or_the_certificate_says_so(name, effort):
    model, spec = MODELS[name], EFFORTS[effort]()
    x = torch.tensor([[-1.0], [-0.4], [0.3], [1.1], [3.0]], dtype=DOUBLE)
    target, key = Target(model, x), Key(0, tuple(range(5)))
    with torch.no_grad():
        q = as_proposal(model.encode(x))
        bank = build_bank(target, q.loc, 2000, 0)
        found = fit_batch(target, q, bank, key, spec.fit, spec.elbo)
    one = found.mean_field
    lost = left(target, one.q)
    known = one.certificate.gap.clamp(min=0.0) + 4.0 * one.certificate.std_error + 0.05
    told = (lost < known) | (one.status != FitStatus.CONVERGED)
    assert bool(told.all()), (lost, one.certificate)
    limit = 0.05 if effort == "standard" else 0.3
    assert float(lost[one.status == FitStatus.CONVERGED].mean()) < limit
    assert bool((found.mode_gap.value >= -1e-9 - 2 * found.mode_gap.std_error).all())


def test_on_a_ridge_the_certificate_sees_the_weak_curvature_and_the_climb_reaches_the_end():
    """A mean-field q beside the ridge's end, with the wide covariance of the mode as metric."""
    model = banana(0.1)
    x = torch.tensor([[0.5]], dtype=DOUBLE)
    target = Target(model, x)
    q = DiagonalGaussian(torch.tensor([[0.9, -0.31]], dtype=DOUBLE), torch.tensor([[0.055, 0.1]], dtype=DOUBLE))
    mode = torch.linalg.inv(torch.tensor([[[4 * 0.8 / 0.01 + 1, 180.0], [180.0, 101.0]]], dtype=DOUBLE))
    root = torch.linalg.cholesky(mode)
    u = Key(0, (0,)).streams("ridge", DOUBLE).normal(32, 2)
    u = torch.cat([u, -u])

    def chart(at):
        return MeanFieldChart(target, at, suited_root(root, at.scale))

    with torch.no_grad():
        reached = climb(chart, q, u, 20, 1e-3)
    assert float(left(target, q)) > 0.1
    assert float(left(target, reached)) < 0.05


@pytest.mark.parametrize("full", [False, True])
def test_charts_are_natural_at_a_gaussian_target_and_their_slopes_are_those_of_their_values(full):
    model = ppca()
    x = model.sample(3, 0)
    target = Target(model, x)
    generator = torch.Generator().manual_seed(0)
    root = torch.linalg.cholesky(model.covariance).expand(3, 3, 3)
    if full:
        made = FullRankChart(target, FullRankGaussian(model.posterior_mean(x), root))
    else:
        scale = model.precision.diagonal().rsqrt().expand(3, 3)
        made = MeanFieldChart(target, DiagonalGaussian(model.posterior_mean(x), scale), suited_root(root, scale))
    u = torch.randn(8, 3, 3, generator=generator, dtype=DOUBLE)
    u = torch.cat([u, -u])
    origin = torch.zeros(3, made.size, dtype=DOUBLE)
    with torch.no_grad():
        assert float(made.gradient(origin, u).abs().max()) < 1e-9  # an optimum, whatever the draws
        v = 0.1 * torch.randn(3, made.size, generator=generator, dtype=DOUBLE)
        if full:
            v[:, 3:] = v[:, 3:].reshape(3, 3, 3).tril().flatten(1)
        curvature = curvature_along(made, v, u, made.gradient(origin, u))
        torch.testing.assert_close(curvature, torch.ones(3, dtype=DOUBLE), atol=0.05, rtol=0.0)
        _, slope = made.value_and_gradient(v, u)
        torch.testing.assert_close(made.gradient(v, u), slope)
        step = 1e-6
        ahead, behind = (made.value_and_gradient(v + sign * step * v, u)[0] for sign in (1, -1))
        torch.testing.assert_close((ahead - behind) / (2 * step), (slope * v).sum(-1), rtol=1e-5, atol=1e-7)


def test_a_climb_moves_nobody_else():
    model = MODELS["funnel"]
    x = torch.tensor([[0.3], [2.0]], dtype=DOUBLE)
    target = Target(model, x)
    q = DiagonalGaussian(torch.zeros(2, 2, dtype=DOUBLE), 0.3 * torch.ones(2, 2, dtype=DOUBLE))
    u = Key(0, (0, 1)).streams("climb", DOUBLE).normal(16, 2)
    u = torch.cat([u, -u])
    with torch.no_grad():
        reached = climb(lambda at: MeanFieldChart(target, at, at.scale), q, u, 6, 1e-3, torch.tensor([False, True]))
    assert torch.equal(reached.loc[0], q.loc[0])
    assert not torch.equal(reached.loc[1], q.loc[1])


def test_a_symmetric_optimum_between_two_modes_is_left():
    """The banana at x = 2: q stays wide and centred between z_1 = -1.3 and 1.3, half a nat below either side."""
    model, spec = MODELS["banana"], EFFORTS["quick"]()
    x = torch.tensor([[-1.0], [-0.4], [0.3], [1.1], [2.0]], dtype=DOUBLE)
    target, key = Target(model, x), Key(0, tuple(range(5)))
    with torch.no_grad():
        q = as_proposal(model.encode(x))
        bank = build_bank(target, q.loc, 2000, 0)
        one = fit_batch(target, q, bank, key, spec.fit, spec.elbo).mean_field
    assert float(left(target, one.q)[4]) < 0.1
