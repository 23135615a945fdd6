"""The policy for log p(x): as much work for each datapoint as it needs, chosen by diagnostics, never by value."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import gapkit
from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.engine import spec_for
from gapkit.estimators import Ais, Iwae
from gapkit.estimators.evidence import REASONS, Policy, estimate_evidence
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture
from gapkit.models.freeze import frozen
from gapkit.target import Target
from tests.yardsticks import ppca

AIS = Ais(num_chains=16, num_temperatures=10)


def posterior(model, x, width=1.0):
    """A Gaussian with the posterior's mean and a multiple of its standard deviations."""
    tril = width * torch.linalg.cholesky(model.covariance)
    return FullRankGaussian(model.posterior_mean(x), tril.expand(len(x), -1, -1))


def single(q):
    return Mixture(torch.zeros(1, len(q.loc), dtype=q.loc.dtype), (q,))


def estimate(model, x, q, policy, seed=0):
    target = Target(model, x)
    with torch.no_grad(), frozen(model):
        found = estimate_evidence(target, single(q), Key(seed, tuple(range(len(x)))), policy)
    return found, target.work


def reasons(found):
    return [REASONS[number] for number in found.reason.tolist()]


def test_good_proposals_need_one_round_and_no_ais():
    model = ppca()
    x = model.sample(40, 0)
    found, work = estimate(model, x, posterior(model, x), Policy(pooled=Iwae(num_samples=200), control=0.0, ais=AIS))
    assert set(reasons(found)) == {""}
    assert work.gradients == 0
    assert work.values == 40 * 200
    assert bool(found.ais.value.isnan().all())
    assert bool(found.upper.value.isnan().all())


def test_draws_are_added_until_the_target_is_met_and_only_where_it_is_not():
    model = ppca()
    x = model.sample(40, 0)
    # Half of the datapoints have a proposal twice too wide: sound weights, larger errors.
    wide, exact = posterior(model, x, 2.0), posterior(model, x)
    half = torch.arange(40) < 20
    q = FullRankGaussian(exact.loc, torch.where(half[:, None, None], wide.scale_tril, exact.scale_tril))
    policy = Policy(pooled=Iwae(num_samples=100), target_se=0.05, max_samples=3200, control=0.0, ais=AIS)
    found, _ = estimate(model, x, q, policy)
    mixed = np.array(found.samples.tolist())
    assert (mixed[20:] == 100).all()
    assert (mixed[:20] > 100).mean() > 0.9
    pooled = np.array(reasons(found)) == ""
    assert pooled.mean() > 0.8
    assert (found.log_px.std_error.numpy()[pooled] <= 0.05).all()
    error = (found.log_px.value - model.log_px(x)) / found.log_px.std_error
    assert float(error.abs().max()) < 4


def test_weights_that_cannot_be_trusted_bring_ais_and_more_of_it_until_the_target_is_met():
    model = ppca()
    x = model.sample(30, 0)
    # Proposals beside the posterior, by two to four of its standard deviations: no number of draws mends their weights.
    away = torch.linspace(1.0, 4.0, 30, dtype=torch.float64).unsqueeze(1) * model.covariance.diagonal().sqrt()
    q = FullRankGaussian(model.posterior_mean(x) + away, posterior(model, x).scale_tril)
    ais = Ais(num_chains=16, num_temperatures=10, num_leapfrogs=8)
    # Adapted mixtures would: they are left out.
    policy = Policy(pooled=Iwae(num_samples=100), target_se=0.2, refinements=0, control=0.0, ais=ais)
    found, _ = estimate(model, x, q, policy)
    ran = np.array(reasons(found)) == "khat"
    assert ran.mean() > 0.8
    assert found.source.numpy()[ran].all()
    temperatures = found.ais.diagnostics["temperatures"].numpy()[ran]
    assert set(temperatures) <= {10.0, 20.0, 40.0}
    assert len(set(temperatures)) > 1
    errors = found.ais.std_error.numpy()[ran]
    assert (errors[temperatures < 40] <= 0.2).all()
    score = (found.log_px.value - model.log_px(x)).numpy()[ran] / errors
    assert np.median(np.abs(score)) < 1.2


def test_ais_can_be_forced_everywhere():
    model = ppca()
    x = model.sample(10, 0)
    policy = Policy(method="ais", pooled=Iwae(num_samples=100), ais=AIS)
    found, _ = estimate(model, x, posterior(model, x), policy)
    assert set(reasons(found)) == {"forced"}
    assert bool(found.source.all())
    assert torch.equal(found.log_px.value, found.ais.value)


def test_the_control_subset_is_random_repeatable_and_changes_no_estimate():
    model = ppca()
    x = model.sample(300, 0)
    q = posterior(model, x, 1.1)
    policy = Policy(pooled=Iwae(num_samples=100), control=0.2, ais=AIS)
    found, _ = estimate(model, x, q, policy)
    again, _ = estimate(model, x, q, policy)
    other, _ = estimate(model, x, q, policy, seed=1)
    chosen = [np.array(reasons(part)) == "control" for part in (found, again, other)]
    assert 0.1 < chosen[0].mean() < 0.3
    assert (chosen[0] == chosen[1]).all()
    assert (chosen[0] != chosen[2]).any()
    without, _ = estimate(model, x, q, replace(policy, control=0.0))
    assert torch.equal(found.log_px.value, without.log_px.value)


def test_a_bound_that_still_rises_is_not_taken():
    model = ppca()
    x = model.sample(20, 0)
    tail = FullRankGaussian(
        model.posterior_mean(x) + 2.5 * model.covariance.diagonal().sqrt(), posterior(model, x).scale_tril
    )
    policy = Policy(pooled=Iwae(num_samples=100), max_samples=100, refinements=0, control=0.0)
    found, _ = estimate(model, x, tail, policy)
    assert {"khat", "rising"} & set(reasons(found))
    assert float((found.log_px.value - model.log_px(x)).mean().abs()) < 0.1


@pytest.mark.slow
def test_the_approximate_upper_bound_closes_with_the_number_of_temperatures():
    model = ppca()
    x = model.sample(200, 0)
    q = DiagonalGaussian(*posterior_moments(model, x))
    gaps = []
    for temperatures in (3, 30):
        policy = Policy(method="ais", ais=Ais(num_chains=8, num_temperatures=temperatures), target_se=100.0)
        found, _ = estimate(model, x, q, policy)
        gaps.append(float((found.upper.value - found.ais.value).mean()))
    assert gaps[0] > gaps[1] > -0.02


def posterior_moments(model, x):
    mean = model.posterior_mean(x)
    return mean, model.precision.diagonal().rsqrt().expand_as(mean)


@pytest.mark.parametrize(
    "wrong", [{"method": "guess"}, {"target_se": 0.0}, {"control": 1.5}, {"control": -0.1}], ids=lambda w: str(w)
)
def test_settings_out_of_range_are_explained(wrong):
    with pytest.raises(InputError):
        Policy(**wrong)


def test_the_table_says_what_was_done_and_the_summary_how_far_to_trust_it():
    model = ppca("scaled", 0.9)
    x = model.sample(60, 0)
    spec = spec_for("quick", certificate=20)
    spec = replace(spec, evidence=replace(spec.evidence, control=0.5))
    result = gapkit.analyze(model, x, spec)
    frame, checks = result.to_frame(), result.summary_values.splits["test"].checks
    control = frame["ais_reason"] == "control"
    assert checks.control.count == control.sum() > 15
    assert checks.ais_reason["control"] == control.sum()
    assert abs(checks.control.mean) < 4 * checks.control.se_monte_carlo
    assert frame.loc[control, "ais_upper"].notna().all()
    assert frame.loc[frame["ais_reason"] == "", ["ais", "ais_upper"]].isna().all().all()
    assert (frame["pooled_samples"] >= 256).all()
    assert result.summary_values.certificate.gap.count == 20
    words = " ".join(result.trust())
    assert "chosen at random" in words
    assert "approximate upper bound" in words
    assert "sandwich of" in words
    work = result.run["decoder_evaluations"]
    assert work["gradient_equivalents"] == work["gradients"] + 0.5 * (work["values"] + work["columns"])


class Unsampled:
    """A model whose prior cannot be drawn from: log p(x) can be estimated, a certificate cannot."""

    def __init__(self):
        self.inner = ppca()
        self.encode, self.decode = self.inner.encode, self.inner.decode

    def prior(self):
        prior = self.inner.prior()

        def refuse(*_):
            raise NotImplementedError("no draws from this prior")

        prior.sample = refuse
        return prior


def test_a_model_that_cannot_be_simulated_from_is_analysed_without_a_certificate():
    spec = spec_for("quick", certificate=10, fit=replace(spec_for("quick").fit, num_starts=0))
    model = Unsampled()
    result = gapkit.analyze(model, model.inner.sample(5, 0), spec)
    assert "no draws from this prior" in result.summary_values.certificate.skipped
    assert any("not certified" in sentence for sentence in result.trust())
