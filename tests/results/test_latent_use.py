"""The use of the latents in numbers and words, against closed forms."""

import json
import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from gapkit.report import build
from gapkit.report.blocks import Text
from gapkit.results import Result
from gapkit.results.latent_use import ACTIVE, collapse_sentence, mutual_information, summarise_latents, summarise_use
from gapkit.results.records import LatentUse
from gapkit.results.summary import summarise
from gapkit.results.verdict import verdict
from tests.plots.tables import make
from tests.results.edited import with_parts
from tests.results.latents import noise, with_active
from tests.yardsticks import LinearGaussian


def some(count=50, dim=4, seed=0):
    rng = np.random.default_rng(seed)
    loc, scale = rng.normal(size=(count, dim)), rng.uniform(0.1, 1.5, (count, dim))
    return loc, scale, np.log(scale).sum(1)


def test_divergences_are_those_of_torch():
    loc, scale, log_det = some()
    values = summarise_latents(loc, scale, log_det, None)
    q = Normal(torch.tensor(loc), torch.tensor(scale))
    exact = kl_divergence(q, Normal(torch.zeros(()), torch.ones(())))
    np.testing.assert_allclose(values.kl_per_dimension.mean, exact.mean(0))
    np.testing.assert_allclose(values.kl_per_dimension.se_datapoints, exact.std(0) / 50**0.5)
    assert values.kl.mean == pytest.approx(float(exact.sum(1).mean()))
    assert values.kl.se_datapoints == pytest.approx(float(exact.sum(1).std()) / 50**0.5)
    assert values.mutual_information is None
    assert "factorised" in values.missing["mutual_information"]
    json.dumps(values.to_dict(), allow_nan=False)


def test_a_correlated_q_has_the_divergence_of_the_whole_and_of_its_marginals():
    root = torch.tensor([[0.8, 0.0], [-0.5, 0.3]], dtype=torch.float64)
    loc = torch.tensor([[1.0, -2.0], [0.0, 0.5]], dtype=torch.float64)
    scale = root.square().sum(1).sqrt().expand(2, -1)
    log_det = root.diagonal().log().sum().expand(2)
    values = summarise_latents(loc.numpy(), scale.numpy(), log_det.numpy(), None)
    q = MultivariateNormal(loc, scale_tril=root.expand(2, 2, 2))
    prior = MultivariateNormal(torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64))
    assert values.kl.mean == pytest.approx(float(kl_divergence(q, prior).mean()))
    marginal = kl_divergence(Normal(loc, scale), Normal(torch.zeros(()), torch.ones(()))).mean(0)
    np.testing.assert_allclose(values.kl_per_dimension.mean, marginal)


@pytest.mark.parametrize("factor", [1.0, 0.6])
def test_mutual_information_of_a_linear_gaussian_model(factor):
    """Independent latents: q(z) is a normal distribution, whose divergences are known."""
    weight = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 3)))[0] * [1.0, 2.0, 3.0]
    model = LinearGaussian(weight, 4.0, "scaled", factor)
    x = model.sample(2000, 0)
    q = model.encode(x).base_dist
    loc, scale = q.loc.numpy(), q.scale.numpy()
    values = summarise_latents(loc, scale, np.log(scale).sum(1), noise(2, 2000, 3))
    spread = factor**2 * (1.0 - scale[0] ** 2) + scale[0] ** 2  # of q(z), each latent
    information = 0.5 * np.log(spread / scale[0] ** 2).sum()
    aggregate = 0.5 * (spread - 1.0 - np.log(spread)).sum()
    found = values.mutual_information
    assert found.mean == pytest.approx(information, abs=4 * found.se_datapoints + 0.01)
    assert found.se_datapoints < 0.03
    assert found.ci95[0] < information < found.ci95[1]
    assert values.aggregate_kl.mean == pytest.approx(aggregate, abs=0.06)
    # The two parts make up the whole, datapoint by datapoint.
    assert found.mean + values.aggregate_kl.mean == pytest.approx(values.kl.mean)
    assert not values.at_limit


def test_mutual_information_by_evaluating_the_mixture_itself():
    loc, scale, _ = some(7, 3)
    u = noise(5, 7, 3)
    q = Independent(Normal(torch.tensor(loc), torch.tensor(scale)), 1)
    z = torch.tensor(loc + scale * u)
    mixed = torch.logsumexp(q.log_prob(z.unsqueeze(2)), 2) - math.log(7)  # (S, N)
    parts = (q.log_prob(z) - mixed).numpy()
    value, error = mutual_information(loc, scale, u)
    np.testing.assert_allclose(value, parts.mean(0))
    np.testing.assert_allclose(error, parts.std(0, ddof=1) / 5**0.5)


def test_chunks_change_nothing(monkeypatch):
    loc, scale, _ = some(40, 3)
    whole = mutual_information(loc, scale, noise(3, 40, 3))
    monkeypatch.setattr("gapkit.results.latent_use._PAIRS_AT_ONCE", 130)
    np.testing.assert_allclose(mutual_information(loc, scale, noise(3, 40, 3)), whole, rtol=1e-12)


def test_so_many_datapoints_can_show_the_logarithm_of_their_number():
    loc, scale = 100.0 * np.arange(30.0)[:, None], np.ones((30, 1))
    values = summarise_latents(loc, scale, np.zeros(30), noise(4, 30, 1))
    assert values.mutual_information.mean == pytest.approx(math.log(30))
    assert values.log_mixture_datapoints == math.log(30)
    assert values.at_limit


def test_the_mixture_may_be_of_fewer_datapoints():
    loc, scale, log_det = some(50)
    values = summarise_latents(loc, scale, log_det, noise(3, 20, 4))
    first = summarise_latents(loc[:20], scale[:20], log_det[:20], noise(3, 20, 4))
    assert (values.datapoints, values.mixture_datapoints) == (50, 20)
    assert values.mutual_information == first.mutual_information
    assert values.aggregate_kl == first.aggregate_kl


@pytest.mark.parametrize(
    ("variances", "active", "words"),
    [
        ([1.0, 0.5, 0.02], 3, "No posterior collapse: all 3 latent dimensions are active"),
        ([1.0, 0.001, 0.009], 1, "Posterior collapse in part: 1 of 3 latent dimensions are active"),
        ([0.0, 0.001, 0.009], 0, "Posterior collapse: none of the 3 latent dimensions is active"),
    ],
)
def test_active_units_and_collapse_in_a_sentence(variances, active, words):
    values = with_active(variances)
    assert values.active_units == active
    assert values.active == tuple(variance > ACTIVE for variance in variances)
    np.testing.assert_allclose(values.mean_variance, variances, rtol=0.1, atol=1e-12)
    assert collapse_sentence(values).startswith(words)
    assert "0.01" in collapse_sentence(values)
    if active == 1:
        held = sum(values.kl_per_dimension.mean[1:])
        assert values.inactive_kl == pytest.approx(held)
        assert f"the other 2 have collapsed to one q for all datapoints, and hold {held:.2f} nats" in collapse_sentence(
            values
        )


def test_without_a_standard_normal_prior_there_is_no_divergence():
    loc, scale, log_det = some()
    values = summarise_latents(loc, scale, log_det, noise(2, 50, 4), standard_prior=False)
    assert values.kl is values.kl_per_dimension is values.aggregate_kl is None
    assert "not standard normal" in values.missing["kl"]
    assert values.active_units is values.active is None  # the threshold is in units of a standard normal prior
    assert len(values.mean_variance) == 4
    assert values.mutual_information.mean > 0


def q_of(count, spread, scale=0.01):
    """Means that vary so much over datapoints, in each of two latents, and the scale of q."""
    loc = np.random.default_rng(0).normal(size=(count, 2)) * spread
    return loc, np.full_like(loc, scale)


def twelve_datapoints():
    """A sound summary of few numbers: all fits converged."""
    rng = np.random.default_rng(1)
    log_px = rng.normal(-90.0, 3.0, 12)
    star = log_px - rng.uniform(0.9, 1.1, 12)
    rows = make(star - rng.uniform(2.9, 3.1, 12), star, log_px).assign(fit="converged", optimality_gap_se=0.001)
    return summarise(rows)


@pytest.mark.parametrize("count", [19, 20])
@pytest.mark.parametrize("spread", [0.0005, 0.05], ids=["a twentieth of q's width", "five times q's width"])
def test_a_collapse_is_judged_by_q_star_in_units_of_its_own_width_and_from_enough_datapoints(count, spread):
    """A prior that is narrow, or wide, makes no difference: Burda's threshold would call both of these collapsed."""
    summary = twelve_datapoints()
    summary = with_parts(summary, latents_star=summarise_use(*q_of(count, spread)))
    assert any("has collapsed" in sentence for sentence in verdict(summary)) == (spread < 0.01 and count >= 20)


def test_an_encoder_that_ignores_x_is_no_collapse():
    own, star = (summarise_latents(*q, np.log(q[1]).sum(1), None) for q in (q_of(50, 0.0, 1.0), q_of(50, 1.0, 0.3)))
    assert "The encoder ignores x" in collapse_sentence(own, star)
    assert "decoder uses 2 of 2 latent dimensions" in collapse_sentence(own, star)
    assert "No posterior collapse: all 2" in collapse_sentence(star, star)
    assert "Posterior collapse: none of the 2" in collapse_sentence(own, own)


def test_use_is_the_spread_of_the_means_over_the_width_of_q():
    loc, scale, _ = some(200, 3)
    found = summarise_use(loc * [1.0, 1e-3, 1.0], scale)
    np.testing.assert_allclose(found.spread, (loc * [1.0, 1e-3, 1.0]).var(0, ddof=1) / (scale**2).mean(0))
    assert found.used == (True, False, True)
    assert (found.used_units, found.dimensions, found.datapoints) == (2, 3, 200)
    loc[0, 0] = np.nan
    assert summarise_use(loc, scale).left_out == 1
    assert summarise_use(loc[1:2], scale[1:2]).used is None


def test_one_datapoint_tells_nothing_of_activity():
    loc, scale, log_det = some(1)
    values = summarise_latents(loc, scale, log_det, noise(8, 1, 4))
    assert values.active_units is values.active is values.kl_per_dimension.se_datapoints is None
    assert values.mutual_information.mean == pytest.approx(0.0)
    assert collapse_sentence(values) == ""
    json.dumps(values.to_dict(), allow_nan=False)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_left_out(bad):
    loc, scale, log_det = some(6)
    loc[1, 2], scale[4, 0] = bad, 0.0
    u = noise(3, 5, 4)
    keep, mixed = [0, 2, 3, 5], [0, 2, 3]
    values = summarise_latents(loc, scale, log_det, u)
    assert (values.datapoints, values.left_out, values.mixture_datapoints) == (4, 2, 3)
    expected = summarise_latents(loc[keep], scale[keep], log_det[keep], u[:, mixed])
    assert values.kl == expected.kl
    assert values.mutual_information == expected.mutual_information
    nothing = summarise_latents(loc * np.nan, scale, log_det, u)
    assert (nothing.datapoints, nothing.kl, nothing.active_units) == (0, None, None)
    json.dumps(nothing.to_dict(), allow_nan=False)


@pytest.mark.parametrize("variances", [[1.0, 0.001], [0.0, 0.001]], ids=["in part", "wholly"])
def test_the_diagnosis_begins_with_a_collapse_of_all_latents(variances):
    values = with_active(variances)
    star = LatentUse(**{part.name: getattr(values, part.name) for part in fields(LatentUse)})
    summary = with_parts(twelve_datapoints(), latents=values, latents_star=star)
    whole = verdict(summary)
    assert ("the posterior has collapsed" in whole[0]) == (variances[0] == 0)
    assert ("1 of the 2 latent dimensions is not used" in " ".join(whole)) == (variances[0] == 1)
    rows = make(np.array([-95.0, -94.5]), np.array([-92.0, -91.0]), np.array([-90.0, -89.0]))
    document = build(Result(rows, summary, {}))
    words = [block.sentences for block in document.section("numbers").blocks if isinstance(block, Text)]
    assert (collapse_sentence(values, star),) in words
