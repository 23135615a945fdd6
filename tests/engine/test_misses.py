"""What the search misses is told by data simulated from the model, whose latents are exact posterior draws."""

import math
from dataclasses import replace

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

import gapkit
from benchmarks.exact import build
from gapkit.core.datapoints import Datapoints
from gapkit.doctor import prepare
from gapkit.engine import spec_for
from gapkit.engine.bank import build_shared_bank
from gapkit.engine.misses import _apart, misses, still_missing, unreached
from gapkit.models.freeze import frozen
from gapkit.results.records import SearchSummary
from gapkit.target import Target
from tests.fast import only

NONE = SearchSummary(widen=False)


@pytest.fixture(scope="module")
def needle():
    """Half of all observations come from a needle that no gradient shows."""
    case = build("needle_encoder_beside_it")
    return gapkit.analyze(case.model, case.x, effort="quick"), case


@pytest.mark.slow
def test_where_nothing_gets_to_part_of_the_posterior_every_datapoint_says_so(needle):
    result, case = needle
    frame, search = result.to_frame(), result.summary_values.search
    error = frame["log_px"].to_numpy() - case.exact.numpy()
    assert error.min() < -2.0  # the needle is missed: what follows is what is said of it
    assert search.beyond > search.expected + 4
    assert frame["status"].str.contains("modes_unseen").all()
    assert (frame["unseen_mass"] >= search.unseen).all()
    assert (frame["log_px_se"] > 0.1).all()


@pytest.mark.slow
def test_and_no_advice_rests_on_it(needle):
    result, _ = needle
    decision = result.decision()
    assert (decision.action, decision.missing[0].about) == ("unknown", "evidence")
    assert "nothing that was tried gets to about" in " ".join(result.trust())


EASY, HARD = ("linear_small", "bits", "two_modes_sd_1"), ("funnel", "sorted_latents")


@pytest.mark.parametrize("name", only([*EASY, *HARD], "linear_small"))
def test_where_all_is_found_latents_lie_beyond_the_proposal_as_often_as_its_weights_say(name):
    case, spec = build(name), spec_for("quick")
    with frozen(case.model):
        x = prepare(case.model, case.x)
        like = Target(case.model, x[:1])
        bank = build_shared_bank(like, {"test": Datapoints.of(x)}, None, spec)
        found = still_missing(like, bank, spec, NONE)
    assert found.simulated_again + found.annealed_again == 30
    assert found.annealed_again == 0 or name in HARD
    assert found.beyond <= found.expected + 3.0 * (found.expected + 0.3) ** 0.5
    assert found.unseen == 0.0


def test_without_a_bank_nothing_is_simulated():
    case, spec = build("linear_small"), spec_for("quick")
    like = Target(case.model, case.x[:1])
    assert misses(like, None, spec).widen is False
    assert still_missing(like, None, spec, NONE) == NONE


class Rare:
    """A tenth of all observations are of z (noise 0.05), the others of nothing; no gradient shows the needle."""

    def encode(self, x):
        return Independent(Normal(0 * x, torch.ones_like(x)), 1)

    def decode(self, z):
        loc = torch.stack([z, 0 * z], 1)
        scale = torch.tensor([0.05, 5.0])[:, None].expand(2, 3).expand_as(loc)
        parts = Independent(Normal(loc, scale), 1)
        return MixtureSameFamily(Categorical(torch.tensor([0.1, 0.9]).expand(len(z), 2)), parts)

    def prior(self):
        return Independent(Normal(torch.zeros(3), 1.0), 1)


def test_one_that_is_missed_among_a_few_is_a_reason_to_look_at_more():
    model, spec = Rare(), spec_for("quick")
    with frozen(model):
        like = Target(model, torch.ones(1, 3))
        bank = build_shared_bank(like, {"test": Datapoints.of(torch.ones(1, 3))}, None, spec)
        found = misses(like, bank, spec)
    assert found.simulated == 60  # at the first 20 one is missed
    assert found.missed >= 3
    assert found.widen


def test_none_missed_is_enough_of_a_look():
    case, spec = build("linear_small"), spec_for("quick")
    with frozen(case.model):
        like = Target(case.model, case.x[:1])
        found = misses(like, build_shared_bank(like, {"test": Datapoints.of(case.x)}, None, spec), spec)
    assert (found.simulated, found.missed, found.widen) == (20, 0, False)


@pytest.mark.parametrize("seed", only([0, 1, 2], 0))
@pytest.mark.parametrize("name", only(["linear_small", "bits"], "linear_small"))
def test_the_bounds_of_ais_meet_where_ais_is_right_and_leave_no_mass_unseen(name, seed):
    """Where log p(x) of all datapoints is that of AIS and right, chains from the known latents end there."""
    case = build(name)
    spec = spec_for("quick", seed=seed, evidence=replace(spec_for("quick").evidence, method="ais"))
    with frozen(case.model):
        x = prepare(case.model, case.x)
        like = Target(case.model, x[:1])
        found = still_missing(like, build_shared_bank(like, {"test": Datapoints.of(x)}, None, spec), spec, NONE)
    assert (found.simulated_again, found.annealed_again) == (0, 30)
    assert abs(found.apart) < 0.05  # what is taken for the bound's own
    assert unreached(found) == {"mixture": 0.0, "ais": 0.0}


def test_bounds_apart_are_mass_that_ais_misses_where_they_are_not_noise():
    half = 2.0 * torch.ones(6, dtype=torch.float64) + 0.1 * torch.arange(6)
    found = _apart(NONE, half)
    assert found.apart == pytest.approx(2.25)
    assert found.unseen_annealed == pytest.approx(1.0 - math.exp(-0.5 * 2.25))
    noisy = torch.tensor([2.0, -2.0, 1.0, -0.8])
    assert _apart(NONE, noisy).unseen_annealed == 0.0
    assert _apart(NONE, torch.tensor([torch.inf, 3.0, 3.5, 3.0])).apart == pytest.approx(3.375)  # the widest count 4
    assert _apart(NONE, half[:3]) == replace(NONE, annealed_again=3)


def test_a_share_that_is_not_noise_is_rarely_claimed_of_noise():
    """Sandwiches as wide as the bound's own 0.05 nats, with noise: two errors, one-sided, are t's 2.7% for 30."""
    noise = 0.05 + torch.randn(2000, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    claimed = sum(_apart(NONE, row).unseen_annealed > 0 for row in noise) / len(noise)
    assert 0.015 < claimed < 0.04
