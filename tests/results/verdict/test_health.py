"""The line of health: a mark for each thing that a decision needs, and the fault where there is one."""

import pytest

from gapkit.results.records import Summary
from gapkit.results.verdict import health
from tests.results.verdict import faults
from tests.results.verdict.builder import beside, sound, use
from tests.results.verdict.stored import decide


def marks(summary):
    return {check.name: check.state for check in health(Summary.of(summary))}


def words(summary):
    return {check.name: check.words for check in health(Summary.of(summary))}


def test_a_sound_run_is_in_good_health():
    assert marks(sound()) == dict.fromkeys(("fits", "evidence", "latents", "model"), "good")
    found = words(sound())
    assert found["fits"] == "100 of 100 fits of q* converged"
    assert found["evidence"] == "log p(x) can be trusted for 100 of 100 datapoints"
    assert found["latents"] == "10 of 10 latents in use"
    assert found["model"].endswith("nats above a factorised Bernoulli")


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        (faults.not_converged, "fits"),
        (faults.fits_far_from_the_optimum, "fits"),
        (faults.weak_evidence, "evidence"),
        (faults.wide_sandwich, "evidence"),
        (faults.control_disagrees, "evidence"),
    ],
)
def test_what_stands_in_the_way_of_an_advice_is_in_doubt(fault, check):
    summary = sound()
    fault(summary)
    assert marks(summary) == {**marks(sound()), check: "doubt"}


def test_a_model_that_is_worse_than_a_simple_one_is_at_fault():
    summary = sound()
    faults.split(summary)["baselines"]["models"] = [beside(summary, -80.0)]
    assert marks(summary)["model"] == "bad"
    assert "nats below a factorised Bernoulli" in words(summary)["model"]


@pytest.mark.parametrize(("ahead", "state"), [(0.02, "doubt"), (-10.0, "bad"), (30.0, "good")])
def test_the_mark_of_the_model_says_no_more_than_the_paired_difference(ahead, state):
    summary = sound()
    faults.split(summary).update(latents=use(0), latents_star=use(0))
    level = summary["quantities"]["log_px"]["mean"] - ahead
    faults.split(summary)["baselines"]["models"] = [beside(summary, level)]
    assert marks(summary)["model"] == state
    assert ("nats above" in words(summary)["model"]) == (state == "good")


@pytest.mark.parametrize("fault", faults.FAULTS)
def test_no_mark_is_good_where_the_decision_misses_it(fault):
    summary = sound()
    fault(summary)
    found = marks(summary)
    for part in decide(summary).missing:
        assert found.get(part.about, "doubt") != "good"


def test_latents_that_nobody_uses_are_at_fault():
    summary = sound()
    faults.split(summary).update(latents=use(0), latents_star=use(0))
    assert marks(summary)["latents"] == "bad"
    assert words(summary)["latents"] == "collapsed: 0 of 10 latents in use"
    faults.split(summary).update(latents_star=use(6))
    assert words(summary)["latents"] == "6 of 10 latents in use, none of them by the encoder"


def test_an_overridden_check_comes_first():
    summary = sound()
    faults.overridden(summary)
    first = health(Summary.of(summary))[0]
    assert (first.name, first.state) == ("wiring", "bad")
