"""The certificate of q*: its estimate of what is left to gain, against what is left in truth."""

import pytest
import torch

from gapkit.core.randomness import Key
from gapkit.engine import EFFORTS
from gapkit.estimators import Elbo, Estimate
from gapkit.estimators.protocol import Bound
from gapkit.families import DiagonalGaussian
from gapkit.ladder.arithmetic import gap
from gapkit.local import FITTERS, Certificate, FitSettings, FitStatus, find_modes, fit_batch
from gapkit.local.certificate import from_gain, squared_mean
from gapkit.local.problem import Problem
from gapkit.models.freeze import frozen
from gapkit.models.reference import mlp_vae
from gapkit.target import Target, as_proposal
from tests.yardsticks import ppca


def lost_by(model, x, q):
    """How far L[q] is below the best of its family, in closed form: the posterior is Gaussian."""
    precision = model.precision
    shift = q.loc - model.posterior_mean(x)
    quadratic = torch.einsum("bi,ij,bj->b", shift, precision, shift)
    if isinstance(q, DiagonalGaussian):
        ratio = q.scale.square() * precision.diagonal()
        return 0.5 * (quadratic + (ratio - 1 - ratio.log()).sum(1))
    inner = q.scale_tril.mT @ precision @ q.scale_tril
    trace = inner.diagonal(dim1=-2, dim2=-1).sum(-1)
    return 0.5 * (quadratic + trace - len(precision) - torch.linalg.slogdet(inner)[1])


def fits_of(model, x, settings, seed=0):
    return fit_batch(Target(model, x), as_proposal(model.encode(x)), None, Key(seed, tuple(range(len(x)))), settings)


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_default_fits_reach_the_closed_form_to_a_ten_thousandth(seed, rotated):
    model = ppca("scaled", 0.5, rotated=rotated)
    x = model.sample(40, seed)
    fits = fits_of(model, x, FitSettings(), seed)
    for found in (fits.mean_field, fits.full_rank):
        assert float(lost_by(model, x, found.q).max()) < 1e-4
        assert bool((found.status == FitStatus.CONVERGED).all())


def certified_beside(model, x, family, apart):
    """The certificate of members that lie ``apart`` from the optimum, in every mean, in standard deviations of it."""
    target, q, key = Target(model, x), as_proposal(model.encode(x)), Key(0, tuple(range(len(x))))
    settings, judge = FitSettings(), Elbo(num_samples=100, antithetic=True)
    found = fits_of(model, x, settings).family(family)
    modes = find_modes(target, q, None, key, settings).modes
    with torch.no_grad():
        problem = Problem(target, key, settings, judge, modes, q, judge.on(target, q, key), family)
        beside = type(found.q).of(**{**found.q.tensors(), "loc": found.q.loc + apart * found.q.marginal_scale()})
        return beside, FITTERS[family].certify(problem, beside, found.start, "test")


@pytest.mark.parametrize("family", ["mean_field", "full_rank"])
@pytest.mark.parametrize("apart", [0.0, 0.1])
def test_the_certificate_covers_the_truth_of_linear_gaussian_models(family, apart):
    model = ppca("scaled", 0.5)
    x = model.sample(200, 3)
    q, certificate = certified_beside(model, x, family, apart)
    truth = lost_by(model, x, q)
    if apart:
        assert float(truth.min()) > 1e-3  # there is something to find
    # Of second order in the distance: what it leaves out is a small share.
    margin = 2.0 * certificate.std_error + 0.02 * truth + 1e-9
    assert float(((certificate.gap - truth).abs() <= margin).double().mean()) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("effort", ["standard", "quick"])
def test_the_certificate_covers_the_truth_of_a_bent_posterior(effort):
    settings = EFFORTS[effort]().fit
    torch.manual_seed(0)
    model = mlp_vae((24,), latent=5, hidden=(16,), activation="tanh")
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.mul_(3.0)
    x = torch.bernoulli(torch.full((200, 24), 0.5))
    target, key = Target(model, x), Key(0, tuple(range(200)))
    with frozen(model), torch.no_grad():
        q = as_proposal(model.encode(x))
        fits = fit_batch(target, q, None, key, settings)
        long = FitSettings(num_starts=0, warm_steps=12, polish_steps=1500, polish_samples=64, select_samples=512)
        best = fit_batch(target, q, None, Key(1, key.indices), long)
        judge = Elbo(num_samples=20_000, antithetic=True, stage="truth")
        for name in ("mean_field", "full_rank"):
            found, gold = fits.family(name), best.family(name)
            left = gap(judge.on(target, gold.q, key), judge.on(target, found.q, key))
            same = left.value.abs() < 0.5  # the long fit began with other noise and may have found another mode
            assert float(same.double().mean()) > 0.95
            error = torch.hypot(found.certificate.std_error, left.std_error)
            scores = ((found.certificate.gap - left.value) / error)[same]
            third_order = 0.15 * left.value.abs()[same] / error[same]
            assert float((scores.abs() <= 2.0 + third_order).double().mean()) >= 0.9, name


def test_squared_means_are_unbiased_and_their_errors_right():
    generator = torch.Generator().manual_seed(0)
    mean = torch.tensor([0.3, -0.2, 0.1])
    for truth in (torch.zeros(3), mean):
        blocks = [truth + torch.randn(4000, 3, generator=generator) for _ in range(16)]
        value, error = squared_mean(blocks)
        exact = float(truth.square().sum())
        assert abs(float(value.mean()) - exact) < 4 * float(value.std()) / 4000**0.5
        assert 0.95 < float(error.square().mean().sqrt() / value.std()) < 1.35  # negative parts are left out
        naive = torch.stack(blocks).mean(0).square().sum(1).mean()
        assert float(naive) > exact + 0.1  # which is why


def test_what_is_left_is_extrapolated_from_the_last_gain():
    def at(value):
        draws = torch.full((10, 1), value, dtype=torch.float64)
        return Estimate.from_draws(draws.mean(0), draws, Bound.LOWER, ("noise",))

    # A shortfall of 3 / steps: 0.03 after 100 steps, 0.01 after 300.
    certificate = from_gain(at(-0.01), at(-0.03), 100 / 200)
    assert float(certificate.gap) == pytest.approx(0.01)
    assert bool(certificate.gradient_norm.isnan())


def test_a_vague_certificate_certifies_nothing():
    values = torch.tensor([0.0, 0.03, 0.2, 0.0])
    errors = torch.tensor([0.001, 0.01, 0.01, 5.0])
    converged = Certificate(values, errors, values).converged(0.02)
    assert converged.tolist() == [True, True, False, False]


def test_more_steps_go_to_those_who_need_them():
    model = ppca("scaled", 0.5)
    x = model.sample(30, 0)
    settings = FitSettings(num_starts=0, climb_steps=0, warm_steps=2, polish_steps=6, more_rounds=2, tolerance=0.003)
    found = fits_of(model, x, settings).full_rank
    once = fits_of(model, x, FitSettings(**{**vars(settings), "more_rounds": 0})).full_rank
    assert set(found.steps.tolist()) <= {6, 12, 24}
    assert len(set(found.steps.tolist())) > 1
    waited = found.steps == 6
    assert torch.equal(found.q.loc[waited], once.q.loc[waited])
    assert bool((lost_by(model, x, found.q)[~waited] < lost_by(model, x, once.q)[~waited]).all())
    assert bool((once.status == FitStatus.BUDGET)[~waited].all())
