"""Local fits against closed-form optima, and what must hold for every datapoint."""

import pytest
import torch

from gapkit.core.randomness import Key
from gapkit.estimators import Elbo
from gapkit.local import Bank, FitSettings, FitStatus, build_bank, fit_batch
from gapkit.local.curvature import available, gauss_newton, hessian
from gapkit.target import Target, as_proposal
from tests.yardsticks import ppca

LONG = FitSettings(num_starts=0, polish_steps=400, polish_samples=32, warm_steps=12)


def run(model, x, settings=None, bank=None, seed=0, judge=None):
    target = Target(model, x)
    return fit_batch(target, as_proposal(model.encode(x)), bank, Key(seed, tuple(range(len(x)))), settings, judge)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_full_rank_on_linear_gaussian_has_no_gap(seed):
    model = ppca("scaled", 0.5)
    x = model.sample(10, seed)
    fits = run(model, x, seed=seed)
    gap = model.log_px(x) - fits.full_rank.elbo.value
    assert float(gap.abs().max()) < 1e-6
    assert float(fits.full_rank.elbo.std_error.max()) < 1e-3  # q* is the posterior: hardly any variance left


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mean_field_reaches_the_closed_form(seed):
    model = ppca("scaled", 0.5)
    x = model.sample(10, seed)
    judge = Elbo(num_samples=20_000, antithetic=True)
    fits = run(model, x, LONG, seed=seed, judge=judge)
    best = model.encode(x).base_dist.scale  # 1 / sqrt(P_ii)
    q = fits.mean_field.q
    # L at a factorised Gaussian, in closed form: exact comparison without sampling noise.
    shift = q.loc - model.posterior_mean(x)
    quadratic = torch.einsum("bi,ij,bj->b", shift, model.precision, shift)
    ratio = (q.scale / best).square()
    loss = 0.5 * (quadratic + (ratio - 1 - ratio.log()).sum(1))
    assert float(loss.max()) < 0.01
    assert float(loss.mean()) < 0.003
    gap = model.log_px(x) - model.approximation_gap() - fits.mean_field.elbo.value
    assert bool((gap.abs() < 4 * fits.mean_field.elbo.std_error + 0.01).all())


def test_q_star_is_never_below_the_encoder():
    for model in (ppca("scaled", 0.3), ppca(), ppca("posterior")):
        x = model.sample(20, 0)
        fits = run(model, x, FitSettings(polish_steps=4, warm_steps=2))
        own = fits.full_rank if model.encoder == "posterior" else fits.mean_field
        assert bool((own.elbo.value >= fits.encoder.value).all())


def test_gaps_are_paired():
    model = ppca("scaled", 0.9)
    x = model.sample(20, 0)
    fits = run(model, x)
    assert fits.mean_field.elbo.noise == fits.encoder.noise
    paired = (fits.mean_field.elbo.draws - fits.encoder.draws).std(0)
    assert float((paired / fits.encoder.draws.std(0)).median()) < 0.8


def test_curvatures_agree_on_a_quadratic():
    model = ppca()
    target = Target(model, model.sample(3, 0))
    z = torch.randn(4, 3, 3, dtype=torch.float64)
    for curvature in (gauss_newton, hessian):
        for found in curvature(target, z):
            torch.testing.assert_close(found, model.precision)
    assert available(target) is gauss_newton


class Twin:
    """x = |z| + noise in one dimension, with an encoder that sees only the lesser of two modes."""

    def __init__(self, tilt=1.0):
        self.tilt = tilt

    def encode(self, x):
        return torch.distributions.Independent(torch.distributions.Normal(-x, 0.1), 1)

    def decode(self, z):
        return torch.distributions.Independent(torch.distributions.Normal(z.abs(), 0.1), 1)

    def prior(self):
        return torch.distributions.Independent(torch.distributions.Normal(torch.full((1,), self.tilt), 1.0), 1)


def test_a_second_mode_is_found_from_the_bank_and_missed_without_it():
    model = Twin()
    x = torch.full((8, 1), 2.0) + 0.05 * torch.randn(8, 1, generator=torch.Generator().manual_seed(0))
    grid = torch.linspace(-8, 8, 20001).reshape(-1, 1, 1).expand(-1, 8, -1)
    target = Target(model, x)
    truth = torch.logsumexp(target.log_joint(grid).double(), 0) + torch.log(torch.tensor(16 / 20000))
    q = as_proposal(model.encode(x))
    bank = build_bank(target, q.loc, 2000, 0)
    key = Key(0, tuple(range(8)))
    from gapkit.estimators import Iwae

    pooled = Iwae(num_samples=2000)
    several = pooled.on(target, fit_batch(target, q, bank, key).mixture, key)
    single = pooled.on(target, fit_batch(target, q, None, key).mixture, key)
    assert float((several.value - truth).abs().max()) < 0.05
    assert float((truth - single.value).min()) > 1.0  # log(1 + e^4) nats are in the other mode ...
    assert float(single.diagnostics["khat"].max()) < 0.7  # ... and no weight diagnostic sees it


def test_a_broken_datapoint_leaves_the_others_unharmed():
    class Poisoned(type(ppca())):
        def decode(self, z):
            return super().decode(z)

        def encode(self, x):
            q = super().encode(x)
            loc = torch.where((x[:, :1] > 1e5), float("nan"), q.base_dist.loc)
            return torch.distributions.Independent(torch.distributions.Normal(loc, q.base_dist.scale), 1)

    model = ppca("scaled", 0.8)
    poisoned = Poisoned(model.weight, 0.25, "scaled", 0.8)
    with torch.no_grad():
        x = model.sample(6, 0)
        bad = x.clone()
        bad[2] = torch.nan
        torch.distributions.Distribution.set_default_validate_args(False)
        try:
            fine, hurt = run(model, x), run(poisoned, bad)
        finally:
            torch.distributions.Distribution.set_default_validate_args(True)
    others = [0, 1, 3, 4, 5]
    torch.testing.assert_close(fine.mean_field.elbo.value[others], hurt.mean_field.elbo.value[others])
    assert hurt.mean_field.status[2] == FitStatus.DIVERGED
    assert all(status.remedy for status in FitStatus)


def test_starts_are_peaks_and_no_two_are_neighbours():
    model = ppca()
    x = model.sample(5, 0)
    q = as_proposal(model.encode(x))
    target = Target(model, x)
    bank = build_bank(target, q.loc, 500, 3)
    assert isinstance(bank, Bank)
    starts, scales, scores = bank.starts(target, q.loc, 4)
    assert starts.shape == scales.shape == (4, 5, 3)
    assert bool((scores[:-1] >= scores[1:]).all())
    whole = bank.score(target)
    for row in range(5):
        for number in range(4):
            if not bool(scores[number, row].isfinite()):
                continue
            place = int((bank.z == starts[number, row]).all(1).nonzero()[0])
            assert float(whole[row, place]) > float(whole[row, bank.neighbours[place]].max())


def test_many_draws_of_one_mode_are_one_start():
    """64 of the densest members of the bank lie in the heaviest mode; each mode has its peak all the same."""
    model = Twin()
    x = torch.full((4, 1), 2.0)
    target = Target(model, x)
    bank = build_bank(target, as_proposal(model.encode(x)).loc, 4000, 0)
    starts, _, scores = bank.starts(target, torch.full((4, 1), torch.nan), 10)
    for row in range(4):
        there = starts[:, row, 0][scores[:, row].isfinite()]
        assert bool((there > 1.0).any())
        assert bool((there < -1.0).any())


def test_a_neighbours_encoder_changes_no_start():
    model = ppca()
    x = model.sample(5, 0)
    q = as_proposal(model.encode(x))
    target = Target(model, x)
    far = q.loc.clone()
    far[2] = 1e4
    ours, theirs = (build_bank(target, loc, 500, 3) for loc in (q.loc, far))
    torch.testing.assert_close(ours.unit, theirs.unit, rtol=0, atol=0)
    starts, _, _ = ours.starts(target, q.loc, 2)
    others, _, _ = theirs.starts(target, far, 2)
    rows = [0, 1, 3, 4]
    drawn = (ours.z[: ours.num_prior].unsqueeze(1) == starts[0, rows]).all(-1).any(0)
    assert bool((starts[0, rows] == others[0, rows]).all(-1)[drawn].all())
