"""The curve of local steps on models whose optimum is known exactly, and within an analysis."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal

import gapkit
from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.engine import spec_for
from gapkit.estimators import Elbo
from gapkit.families import DiagonalGaussian
from gapkit.local import STEPS, FitSettings, semi_amortized, steps_refusal
from gapkit.models.reference import build
from gapkit.target import Target, family_name, recognise
from tests.engine.executors import BACKWARDS
from tests.yardsticks import LinearGaussian, ppca

JUDGE = Elbo(num_samples=1000, antithetic=True)


class Shifted(LinearGaussian):
    """A full-rank encoder that is off in its mean and its covariance."""

    def encode(self, x):
        return MultivariateNormal(0.85 * self.posterior_mean(x), (1.5 * self.covariance).expand(len(x), -1, -1))

    def amortization_gap(self, x):
        """KL from N(0.85 mu, 1.5 C) to N(mu, C)."""
        shift = 0.15 * self.posterior_mean(x)
        quadratic = torch.einsum("bi,ij,bj->b", shift, self.precision, shift)
        return 0.5 * (quadratic + self.z_dim * (1.5 - 1 - np.log(1.5)))


def given(kind):
    """A model, data, and for each datapoint L[q] and the L[q*] of the encoder's family, exactly."""
    model = ppca("scaled", 0.8) if kind == "mean_field" else Shifted(ppca().weight)
    x = model.sample(40, 0)
    best = model.log_px(x) - (model.approximation_gap() if kind == "mean_field" else 0.0)
    return model, x, best - model.amortization_gap(x), best


def curve_of(model, x, seed=0, **settings):
    key = Key(seed, tuple(range(len(x))))
    return semi_amortized(Target(model, x), recognise(model.encode(x)), key, **{"judge": JUDGE, **settings})


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("kind", ["mean_field", "full_rank"])
def test_the_curve_rises_from_the_encoder_to_the_optimum(kind, seed):
    model, x, encoder, best = given(kind)
    curve = curve_of(model, x, seed)
    assert curve.steps == STEPS
    assert family_name(curve.q) == kind
    first, last = curve.elbo[0], curve.elbo[-1]
    assert ((first.value - encoder).abs() < 5 * first.std_error).all()
    assert ((last.value - best).abs() < 4.5 * last.std_error + 0.02).all()
    gains = [gain.value.mean() for gain in curve.gains()]
    assert gains[0] == 0.0
    assert all(later > earlier - 0.003 for earlier, later in itertools.pairwise(gains))
    gap = float((best - encoder).mean())
    assert float(gains[-1]) == pytest.approx(gap, abs=0.01 + 4 * float(curve.gains()[-1].std_error.mean()) / 40**0.5)
    assert float(gains[1]) < 0.9 * gap  # one step is not the whole way


def test_points_share_noise_with_the_encoder():
    model, x, _, _ = given("mean_field")
    curve = curve_of(model, x)
    gain = curve.gains()[1]
    apart = (curve.elbo[0].std_error.square() + curve.elbo[1].std_error.square()).sqrt()
    assert (gain.std_error < 0.5 * apart).all()
    assert torch.equal(curve.gains()[0].std_error, torch.zeros(40, dtype=torch.float64))
    star = JUDGE(model, x, DiagonalGaussian(*best_gaussian(model, x)), Key(0, tuple(range(40))))
    assert (curve.left(star)[-1].std_error < 0.2 * apart).all()


def best_gaussian(model, x):
    mean = model.posterior_mean(x)
    return mean, model.precision.diagonal().rsqrt().expand_as(mean)


@pytest.mark.parametrize(("number", "size"), [(0, 0.5), (4, 0.5), (19, 8 / 27)])
def test_a_step_is_a_shortened_newton_step_of_the_mean(number, size):
    """On a Gaussian target antithetic pairs leave no noise in the mean: m + a S P (mu - m), S the variances of q."""
    model = ppca("scaled", 0.95)
    x = model.sample(20, 0)
    q = curve_of(model, x, steps=(0, number)).q if number else recognise(model.encode(x))
    moved = size * q.scale.square() * ((model.posterior_mean(x) - q.loc) @ model.precision)
    assert ((moved / q.scale).norm(dim=1) < 1.0).all()  # no step is shortened
    torch.testing.assert_close(curve_of(model, x, steps=(0, number + 1)).q.loc, q.loc + moved)


def test_a_point_does_not_depend_on_the_other_points():
    """It is the iterate, not an average over a stretch, and the noise of a step is its own."""
    model, x, _, _ = given("mean_field")
    some, all_of_them = curve_of(model, x, steps=(0, 20)), curve_of(model, x, steps=(0, 1, 2, 5, 10, 20))
    assert torch.equal(some.elbo[1].value, all_of_them.elbo[5].value)
    assert torch.equal(some.q.scale, all_of_them.q.scale)


def test_datapoints_are_on_their_own():
    model, x, _, _ = given("mean_field")
    whole = curve_of(model, x, steps=(0, 5))
    rows = torch.arange(30, 40)
    key = Key(0, tuple(range(30, 40)))
    part = semi_amortized(Target(model, x[rows]), recognise(model.encode(x[rows])), key, steps=(0, 5), judge=JUDGE)
    torch.testing.assert_close(part.elbo[1].value, whole.elbo[1].value[rows])
    assert not torch.equal(curve_of(model, x, 1, steps=(0, 5)).elbo[1].value, whole.elbo[1].value)


def test_steps_that_are_too_long_show():
    """Eight latents of which one direction alone is known well: the curve falls before it rises, and is not clipped."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(30, 1)) + 0.3 * rng.normal(size=(30, 8))
    model = LinearGaussian(weight, 0.25, "scaled", 0.9)
    x = model.sample(40, 0)
    gains = [gain.value.mean().item() for gain in curve_of(model, x).gains()]
    assert min(later - earlier for earlier, later in itertools.pairwise(gains)) < -0.05
    assert gains[-1] == pytest.approx(model.amortization_gap(x).mean().item(), rel=0.05)


def test_a_known_bound_of_the_encoder_is_not_evaluated_again():
    model, x, _, _ = given("mean_field")
    key, target = Key(0, tuple(range(40))), Target(model, x)
    encoder = JUDGE.on(target, recognise(model.encode(x)), key)
    before = target.work.values
    curve = semi_amortized(target, recognise(model.encode(x)), key, steps=(0, 2), judge=JUDGE, encoder=encoder)
    assert target.work.values - before == 40 * JUDGE.num_samples
    assert target.work.gradients == 40 * 2 * 16
    assert torch.equal(curve.elbo[0].value, curve_of(model, x, steps=(0, 2)).elbo[0].value)


def test_neither_model_nor_global_random_numbers_change():
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)).train()
    x = torch.ones(3, 6)
    before, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    with torch.no_grad():
        curve_of(model, x, steps=(0, 3))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("steps", [(), (0,), (1, 2), (0, 5, 5), (0, 5, 2)])
def test_numbers_of_steps_that_make_no_curve(steps):
    model, x, _, _ = given("mean_field")
    with pytest.raises(InputError, match="begins at the encoder"):
        curve_of(model, x, steps=steps)
    with pytest.raises(InputError, match="begins at the encoder"):
        spec_for("quick", semi_amortized_steps=steps)


def test_refusals():
    model, x, _, _ = given("mean_field")
    with pytest.raises(InputError, match="pairs"):
        curve_of(model, x, num_samples=3)
    with pytest.raises(InputError, match="low_rank"):
        curve_of(LowRank(model.weight), x)
    with pytest.raises(InputError, match="semi_amortized=-1"):
        spec_for("quick", semi_amortized=-1)
    assert steps_refusal("mean_field") == steps_refusal("full_rank") == ""
    assert "'flow'" in steps_refusal("flow")


class LowRank(LinearGaussian):
    def encode(self, x):
        mean = self.posterior_mean(x)
        return LowRankMultivariateNormal(mean, torch.full((*mean.shape, 1), 0.01).to(mean), torch.full_like(mean, 0.05))


# ---- within an analysis


def spec(**changes):
    fit = FitSettings(num_starts=0, polish_steps=60, select_samples=32, certificate_samples=64)
    return replace(spec_for("quick", fit=fit), **{"unit_size": 8, "semi_amortized": 13, "details": 0, **changes})


@pytest.fixture(scope="module")
def analysed():
    model, x, _, _ = given("mean_field")
    return model, x[:20], gapkit.analyze(model, x[:20], spec())


def test_the_first_point_and_the_gap_are_those_of_the_table(analysed):
    _, _, result = analysed
    values = result.summary_values.semi_amortized
    rows = result.to_frame().head(13)
    assert (values.split, values.datapoints, values.family) == ("test", 13, "mean_field")
    assert [point.steps for point in values.curve] == list(STEPS)
    assert values.curve[0].elbo.mean == rows["elbo"].to_numpy().mean()
    assert values.curve[0].elbo.se_monte_carlo == np.sqrt((rows["elbo_se"].to_numpy() ** 2).sum()) / 13
    assert values.amortization_gap.mean == rows["amortization_gap"].to_numpy().mean()
    assert values.elbo_star == pytest.approx(rows["elbo_star"].mean(), rel=1e-12)
    assert json.loads(json.dumps(values.to_dict(), allow_nan=False)) == values.to_dict()


def test_most_of_the_gap_is_closed_and_the_verdict_says_so(analysed):
    _, _, result = analysed
    values = result.summary_values.semi_amortized
    assert values.curve[-1].share.mean == pytest.approx(1.0, abs=0.03)
    assert values.steps_to_90 in STEPS[1:7]
    words = " ".join(result.verdict())
    assert f"{values.steps_to_90} local step" in words
    assert "90% of the amortization gap" in words


def test_the_order_of_units_changes_nothing(analysed):
    model, x, result = analysed
    turned = gapkit.analyze(model, x, spec(), executor=BACKWARDS)
    assert turned.summary_values.semi_amortized == result.summary_values.semi_amortized


def test_another_unit_size_gives_the_same_curve(analysed):
    model, x, result = analysed
    other = gapkit.analyze(model, x, spec(unit_size=5)).summary_values.semi_amortized
    for one, two in zip(result.summary_values.semi_amortized.curve, other.curve, strict=True):
        assert one.elbo.mean == pytest.approx(two.elbo.mean, rel=1e-9)
        assert one.gain.mean == pytest.approx(two.gain.mean, rel=1e-6, abs=1e-12)


def test_the_curve_does_not_change_the_analysis(analysed):
    model, x, result = analysed
    without = gapkit.analyze(model, x, spec(semi_amortized=0))
    assert without.to_frame().equals(result.to_frame())
    assert without.summary_values.semi_amortized is None
    assert "local steps from" not in " ".join(without.verdict())


def test_other_steps_more_datapoints_than_there_are_and_the_first_split_only():
    model, x, _, _ = given("mean_field")
    seen = []
    settings = spec(semi_amortized=1000, semi_amortized_steps=(0, 3))
    result = gapkit.analyze(model, {"a": x[:9], "b": x[9:20]}, settings, progress=seen.append)
    values = result.summary_values.semi_amortized
    assert (values.split, values.datapoints) == ("a", 9)
    assert [point.steps for point in values.curve] == [0, 3]
    assert (seen[-1].done, sum(step.stage == "local steps" for step in seen)) == (seen[-1].total, 2)


def test_full_rank_encoders_have_a_curve_too():
    model, x, _, _ = given("full_rank")
    result = gapkit.analyze(model, x[:16], spec(semi_amortized=16))
    values = result.summary_values.semi_amortized
    assert values.family == "full_rank"
    assert values.amortization_gap.mean == result.summary_values.quantities["amortization_gap"].mean
    assert values.curve[-1].share.mean == pytest.approx(1.0, abs=0.03)


def test_the_curve_is_held_against_the_encoders_own_family():
    model, x, _, _ = given("mean_field")
    result = gapkit.analyze(model, x[:8], spec(families=("full_rank",), semi_amortized=8))
    values, rows = result.summary_values.semi_amortized, result.to_frame()
    assert values.family == "mean_field"
    own = (rows["elbo_star_mean_field"] - rows["elbo"]).mean()
    assert values.amortization_gap.mean == pytest.approx(own)
    assert own < rows["amortization_gap"].mean() - 0.1


def test_encoders_of_other_families_are_skipped_with_a_reason():
    model = LowRank(ppca().weight)
    result = gapkit.analyze(model, model.sample(4, 0), spec(semi_amortized=4, families=("mean_field",)))
    assert "low_rank" in result.summary_values.semi_amortized.skipped
    assert "There is no curve of local steps: the encoder's family is 'low_rank'" in " ".join(result.verdict())
