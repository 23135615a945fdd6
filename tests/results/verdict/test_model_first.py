"""A model that ignores its latents, or is no better than a simple one, comes before the gaps."""

import pytest

from tests.results.verdict.builder import beside, sound, use
from tests.results.verdict.faults import advises, not_converged, said, split, weak_evidence
from tests.results.verdict.stored import decide, verdict

# The model.


def test_a_collapsed_model_is_named_by_q_star():
    summary = sound(encoder=0.001, family=0.001)
    split(summary)["latents_star"] = use(0)
    decision = decide(summary)
    assert (decision.action, decision.why) == ("model", "collapsed")
    assert "the posterior has collapsed" in verdict(summary)[0]
    assert advises(summary) == {"model"}
    split(summary)["latents_star"] = use(0, datapoints=19)
    assert decide(summary).why != "collapsed"


def test_a_collapse_in_a_summary_with_gaps_leaves_no_advice_on_them():
    summary = sound()
    split(summary)["latents_star"] = use(0)
    assert decide(summary).action == "model"
    not_converged(summary)
    assert decide(summary).action == "unknown"


def test_an_encoder_that_ignores_x_is_named_and_is_no_collapse():
    summary = sound()
    split(summary)["latents"] = use(0)
    decision = decide(summary)
    assert (decision.action, decision.why) == ("encoder", "constant_encoder")
    assert "gives the same q for every x although the decoder uses z" in verdict(summary)[0]
    assert "collapsed" not in said(summary)
    split(summary)["latents"] = use(8)
    assert "The encoder ignores 2 of the 10 latent dimensions that the decoder uses" in said(summary)


@pytest.mark.parametrize(("level", "why"), [(-500.0, "baseline"), (-600.0, "coin_flips")])
def test_a_model_below_a_simple_one_is_the_bottleneck(level, why):
    summary = sound(log_px=level)
    first = split(summary)["baselines"]["models"]
    first[:] = [beside(summary, -206.0), beside(summary, -543.4, "coin_flips")]
    decision = decide(summary)
    assert (decision.action, decision.why) == ("model", why)
    assert advises(summary) == {"model"}
    assert ("worse than coin flips" in verdict(summary)[0]) == (why == "coin_flips")
    weak_evidence(summary)  # log p(x) from below: it may be the estimate that is too low
    assert decide(summary).action == "unknown"
    assert ("By these numbers the model fits worse than coin flips" in verdict(summary)[0]) == (why == "coin_flips")


def test_a_datapoint_whose_log_px_cannot_be_trusted_does_not_make_a_model_the_bottleneck():
    summary = sound()
    part = beside(summary, summary["quantities"]["log_px"]["mean"] + 10.0)
    split(summary)["baselines"]["models"] = [part]
    assert decide(summary).why == "baseline"
    part["difference_sound"] = beside(summary, summary["quantities"]["log_px"]["mean"] - 50.0)["difference"]
    assert decide(summary).action == "encoder"


def test_a_model_hardly_better_than_a_simple_one_is_the_bottleneck_where_the_gap_is_tiny():
    for ahead, gap, action in ((5.0, 1.0, "model"), (5.0, 9.0, "encoder"), (50.0, 1.0, "encoder")):
        summary = sound(encoder=2 * gap, family=0.5 * gap)
        level = summary["quantities"]["log_px"]["mean"] - ahead
        split(summary)["baselines"]["models"] = [beside(summary, level)]
        assert decide(summary).action == action  # 0.02 nats for each of 784 dimensions: 15.7 nats


def test_of_a_cross_entropy_nothing_is_compared():
    summary = sound(log_px=-600.0)
    split(summary)["baselines"]["models"] = [beside(summary, -206.0), beside(summary, -543.4, "coin_flips")]
    summary["target"] = "cross_entropy"
    text = said(summary)
    assert decide(summary).action == "encoder"
    assert text.count("log normaliser") == 1
    assert not any(words in text for words in ("coin flips", "bits", "factorised", "−log p(x):"))
