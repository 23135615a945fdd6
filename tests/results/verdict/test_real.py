"""Verdicts of real runs whose fault is known: nothing is advised that its own fits or evidence cannot carry."""

import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal

import gapkit
from gapkit.core.errors import GapkitWarning
from gapkit.engine import spec_for
from gapkit.local import FitSettings
from tests.yardsticks import LinearGaussian, ppca


class Model:
    """A model from its three parts."""

    def __init__(self, encode, decode, latent, scale=1.0):
        self.encode, self.decode = encode, decode
        self._prior = Independent(Normal(torch.zeros(latent), scale * torch.ones(latent)), 1)

    def prior(self):
        return self._prior


def text_of(result):
    return " ".join([*result.verdict(), *result.trust()])


def no_advice(result):
    words = text_of(result)
    return not any(
        advice in words
        for advice in (
            "Fix the",
            "Work on the model",
            "Look at the model",
            "Check the model",
            "Mend the training",
            "Leave inference",
        )
    )


def stopped(model, x, **further):
    """An analysis whose fits have next to no steps."""
    fit = FitSettings(polish_steps=3, climb_steps=0, warm_steps=0, more_rounds=0, num_starts=1, tolerance=1e-6)
    return gapkit.analyze(model, x, replace(spec_for("quick", **further), fit=fit))


def test_an_encoder_at_fault():
    model = ppca("scaled", 0.5)
    x = model.sample(100, 0)
    result = gapkit.analyze(model, x, spec_for("quick", certificate=20))
    decision = result.decision()
    assert decision.action == "encoder"
    truth = float(model.amortization_gap(x).mean())
    assert decision.gain == pytest.approx(truth, abs=4 * decision.gain_error)
    assert decision.after == pytest.approx(float(model.log_px(x).mean()) - model.approximation_gap(), abs=0.1)


def test_a_family_at_fault():
    model = ppca("mean_field")
    result = gapkit.analyze(model, model.sample(100, 0), effort="quick")
    assert result.decision().action == "family"
    assert result.decision().gain == pytest.approx(model.approximation_gap(), abs=0.03)
    assert "Use a full-rank Gaussian: it would bring 0.4" in result.verdict()[0]


def test_nothing_at_fault():
    model = ppca("posterior")
    result = gapkit.analyze(model, model.sample(100, 0), effort="quick")
    assert result.decision().action == "nothing"
    assert result.verdict()[0].startswith("Leave inference as it is")


def badly_conditioned():
    """Ten latents of very different weight: a few steps of a fit get nowhere near the optimum."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(10, 10, generator=generator, dtype=torch.float64)
    return LinearGaussian(weight * 10.0 ** -torch.linspace(0, 1.5, 10, dtype=torch.float64), 0.01, "scaled", 0.9)


@pytest.mark.slow
def test_fits_that_were_stopped_carry_no_advice_and_more_steps_settle_it():
    model = badly_conditioned()
    x = model.sample(40, 0)
    result = stopped(model, x)
    assert result.summary_values.splits["test"].fit == {"budget": 40}
    assert result.decision().action == "unknown"
    assert no_advice(result)
    lead = result.verdict()[0]
    assert "none of the 40 fits of q* converged" in lead
    total = float(model.amortization_gap(x).mean()) + model.approximation_gap()
    values = result.summary_values.quantities["total_gap"]
    assert values.mean == pytest.approx(total, abs=0.1)  # the total does not depend on the fits, and is told
    assert f"the total gap is {values.mean:.2f} ± {values.se_datapoints:.2f} nats" in lead
    settled = gapkit.analyze(model, x, effort="quick").decision()
    assert settled.action == "encoder"
    assert settled.gain == pytest.approx(float(model.amortization_gap(x).mean()), abs=0.01)


def test_posteriors_far_narrower_than_their_distance_from_the_encoder_are_found():
    """Very little noise: all of the gap is the encoder's."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(200, 10, generator=generator, dtype=torch.float64)
    model = LinearGaussian(weight, 1e-4, "scaled", 0.5)
    x = model.sample(40, 0)
    assert float(model.amortization_gap(x).mean()) > 1e5 * model.approximation_gap()
    result = gapkit.analyze(model, x, effort="quick")
    assert result.summary_values.splits["test"].fit == {"converged": 40}
    assert result.decision().action == "encoder"
    gap = result.summary_values.quantities["approximation_gap"]
    assert gap.mean == pytest.approx(model.approximation_gap(), abs=0.02)
    assert result.decision().gain == pytest.approx(float(model.amortization_gap(x).mean()), rel=1e-3)


def uses_z(latent=3, size=30):
    torch.manual_seed(0)
    weight = 2.0 * torch.randn(latent, size)
    return lambda z: Independent(Bernoulli(logits=z @ weight), 1)


def drawn(decode, count, latent=3, seed=1):
    torch.manual_seed(seed)
    return decode(torch.randn(count, latent)).sample()


def constant(latent=3):
    return lambda x: Independent(Normal(torch.zeros(len(x), latent), torch.ones(len(x), latent)), 1)


def test_an_encoder_that_gives_the_same_q_is_no_collapse():
    decode = uses_z()
    result = gapkit.analyze(Model(constant(), decode, 3), drawn(decode, 60), effort="quick")
    decision = result.decision()
    assert (decision.action, decision.why) == ("encoder", "constant_encoder")
    assert "the same q for every x although the decoder uses z" in result.verdict()[0]
    assert "collapsed" not in text_of(result)


def test_a_collapsed_decoder_is_the_models_fault():
    logits = torch.linspace(-2, 2, 30)
    decode = lambda z: Independent(Bernoulli(logits=logits + 0.0 * z.sum(-1, keepdim=True)), 1)  # noqa: E731
    encode = lambda x: Independent(Normal(0.4 * x[:, :3], torch.full((len(x), 3), 0.7)), 1)  # noqa: E731
    result = gapkit.analyze(Model(encode, decode, 3), drawn(decode, 60), effort="quick")
    assert (result.decision().action, result.decision().why) == ("model", "collapsed")
    assert "the posterior has collapsed" in result.verdict()[0]


def sixteen_modes(sigma=0.3, dim=4, count=30):
    noise = torch.Generator().manual_seed(3)
    z = 2 * torch.randn(count, dim, generator=noise)
    x = z.square() + sigma * torch.randn(count, dim, generator=noise)
    encode = lambda x: Independent(Normal(x.abs().sqrt(), 0.1 * torch.ones_like(x)), 1)  # noqa: E731
    return Model(encode, lambda z: Independent(Normal(z.square(), sigma), 1), dim, 2.0), x


@pytest.mark.slow
def test_a_certificate_that_rings_is_heard():
    model, x = sixteen_modes()
    result = gapkit.analyze(model, x, spec_for("standard", fit=FitSettings(num_starts=0)))  # from the encoder alone
    gap = result.summary_values.certificate.gap
    assert gap.ci95[1] > 1.0
    assert result.decision().action == "unknown"
    assert no_advice(result)
    assert "on data simulated from the model AIS may be off by up to" in text_of(result)
    assert "that close to the truth" not in text_of(result)


def test_one_encoding_that_is_nan_leaves_all_means_over_the_same_datapoints():
    model = ppca("scaled", 0.5)
    x = model.sample(20, 0)
    x[3] *= 20.0
    encode = model.encode

    def broken(x):
        q = encode(x).base_dist
        bad = (x.norm(dim=-1, keepdim=True) > 60.0).expand_as(q.loc)
        return Independent(Normal(torch.where(bad, torch.nan, q.loc), q.scale, validate_args=False), 1)

    model.encode = broken
    with pytest.warns(GapkitWarning, match="the encoder fails on 1 of 20"):
        result = gapkit.analyze(model, x, effort="quick")
    quantities = result.summary_values.quantities
    assert {quantities[name].count for name in ("log_px", "elbo_star", "elbo", "total_gap")} == {19}
    kept = [place for place in range(20) if place != 3]
    assert quantities["log_px"].mean == pytest.approx(float(model.log_px(x[kept]).mean()), abs=0.05)
    assert "1 of 20 datapoints has no finite L[q] and is left out of every mean." in text_of(result)


def test_an_encoder_that_fails_on_several_datapoints_comes_first():
    model = ppca("scaled", 0.5)
    encode = model.encode

    def broken(x):
        q = encode(x).base_dist
        bad = (x[:, :1] > 0.8).expand_as(q.loc)
        return Independent(Normal(torch.where(bad, torch.nan, q.loc), q.scale, validate_args=False), 1)

    model.encode = broken
    x = model.sample(40, 0)
    count = int((x[:, 0] > 0.8).sum())
    assert count > 4
    with pytest.warns(GapkitWarning, match=f"the encoder fails on {count} of 40"):
        result = gapkit.analyze(model, x, effort="quick")
    assert result.verdict()[0].startswith(f"The encoder fails on {count} of 40 datapoints")
    assert no_advice(result)


def test_a_model_worse_than_coin_flips_says_so_first():
    """Its logits have the wrong sign, as if ones and zeros were exchanged."""
    wrong = lambda z: Independent(Bernoulli(logits=torch.full((len(z), 30), -3.0) + 0.3 * z.sum(-1, keepdim=True)), 1)  # noqa: E731
    x = (torch.rand(60, 30, generator=torch.Generator().manual_seed(0)) < 0.9).float()
    encode = lambda x: Independent(Normal(0.4 * x[:, :3], torch.full((len(x), 3), 0.7)), 1)  # noqa: E731
    with pytest.warns(GapkitWarning, match="better than chance"):
        result = gapkit.analyze(Model(encode, wrong, 3), x, effort="quick")
    assert (result.decision().action, result.decision().why) == ("model", "coin_flips")
    warned, lead, *_ = result.verdict()
    assert warned.startswith("Warning (chance)")
    assert "it fits worse than coin flips" in lead
    coins = result.summary_values.splits["test"].baselines.models[-1]
    assert coins.name == "coin_flips"
    assert coins.log_px.mean == pytest.approx(-30 * math.log(2))


@pytest.mark.slow
def test_a_baseline_is_fitted_to_training_data_where_there_are_some():
    model = ppca("scaled", 0.9)
    x, train = model.sample(40, 0), model.sample(500, 1)
    for kwargs in ({"x": {"test": x, "train": train[:200]}}, {"x": x, "other_x": train}):
        result = gapkit.analyze(model, effort="quick", **kwargs)
        facts = result.summary_values.splits["test"].baselines
        assert facts.fitted_on == ("other" if "other_x" in kwargs else "train")
        assert facts.fitted_datapoints == (500 if "other_x" in kwargs else 200)
        assert [part.name for part in facts.models] == ["probabilistic_pca", "factorised_gaussian"]
    own = gapkit.analyze(model, x, effort="quick", other_x=x)  # the analysed data themselves are no other data
    assert own.summary_values.splits["test"].baselines.fitted_on == "cross"
    assert "log p(x) is" in text_of(gapkit.analyze(model, {"test": x, "train": train[:100]}, effort="quick"))
