"""The sentences themselves: signs, counts, what the averages hide, and a certificate that judges itself."""

import re

import numpy as np
import pandas as pd
import pytest

from gapkit.results.rows import concentration, ladder_rows
from gapkit.results.summary import summarise_values
from gapkit.results.verdict import with_error
from tests.results.verdict.builder import finished, sandwich, sound, table, use
from tests.results.verdict.stored import certificate_sentence, decide, plus_minus, trust, verdict


def said(summary):
    return " ".join([*verdict(summary), *trust(summary)])


def split(summary):
    return summary["splits"]["test"]


@pytest.mark.parametrize("count", [1, 3, 40])
def test_signs_counts_and_codes_are_words(count):
    frame = table(count)
    frame.loc[0, "status"] = "fit_budget,evidence_weak"
    text = said(finished(frame))
    assert not re.search(r"\+-|(?<![\w])-\d|\b1 datapoints|[a-z]_[a-z]+: \d|± 0\.000\b|0\.001 ± 0\.000", text)
    assert "for 1 datapoint the fit of q* ended at its budget" in text
    assert "for 1 datapoint neither route to log p(x) can be trusted" in text


@pytest.mark.parametrize(
    ("mean", "error", "words"),
    [
        (-94.6649, 0.021, "−94.66 ± 0.02"),
        (-94.6649, 0.0021, "−94.665 ± 0.002"),
        (0.0009, 0.00001, "less than 0.001"),
        (0.0014, 0.0001, "0.001 (± less than 0.001)"),
        (8123.4, 512.3, "8123 ± 512"),
        (52.25, 12.34, "52.2 ± 12.3"),
        (0.0, 0.3, "0.00 ± 0.30"),
        (-0.001, 0.3, "0.00 ± 0.30"),
        (1.2345, None, "1.23"),
    ],
)
def test_a_number_has_the_digits_its_error_deserves(mean, error, words):
    assert with_error(mean, error) == words


def test_the_stated_error_of_a_gap_holds_what_the_fits_may_have_left():
    frame = table(100).assign(optimality_gap=0.3, optimality_gap_se=0.1)
    summary = finished(frame)
    gap = summary["quantities"]["amortization_gap"]
    assert gap["left_to_gain"] == pytest.approx(0.3 + 2 * 0.1 / 10)
    assert gap["se_total"] == pytest.approx(gap["se_datapoints"] + gap["left_to_gain"])
    assert summary["quantities"]["amortization_minus_approximation"]["left_to_gain"] == pytest.approx(2 * 0.32)
    assert f"{gap['mean']:.2f} ± {gap['se_total']:.2f} are the encoder's" in said(summary)
    assert "left_to_gain" not in summary["quantities"]["total_gap"]  # which does not depend on q*


CERTIFICATES = [
    ((0.02, 0.08), None, "That is narrow: all of the interval is within 0.1 nats."),
    ((-0.02, 0.08), None, "as the interval includes zero, its far end is all that is known"),
    ((0.0, 0.0001), None, "That is narrow."),
    ((3.0, 19.1), 4.0, "That is wide: more than a quarter of the total gap of 4.00 nats."),
    ((-1.0, 3.0), 4.0, "the interval includes zero is no all-clear"),
    ((0.5, 3.0), 4.0, "That leaves it open: the error may be as large as 3.000 nats"),
    ((-3.0, -0.5), 4.0, "The bounds cross by more than their noise"),
    ((0.5, 0.9), 4.0, "That is narrow: all of the interval is within a quarter of the total gap of 4.00 nats."),
]


@pytest.mark.parametrize(("interval", "gap", "words"), CERTIFICATES)
def test_a_certificate_judges_itself(interval, gap, words):
    text = certificate_sentence(sandwich(*interval), gap)
    assert words in text
    assert sum(other in text for _, _, other in CERTIFICATES) <= 2  # "That is narrow." is part of no other
    assert "that close to the truth" not in text
    assert "bounds the mean error of AIS on such data, and the Jeffreys divergence" in text


def test_a_certificate_without_an_interval_certifies_nothing():
    found = sandwich(0.0, 0.01, count=5)
    found["gap"] |= {"ci95": None, "range": [0.0, 0.01]}
    assert "so that it certifies nothing" in certificate_sentence(found)
    found["gap"]["mean"] = None
    assert certificate_sentence(found) == "The bounds are not finite: AIS cannot be certified on this model."


def test_a_few_datapoints_that_hold_much_of_the_gap_are_named():
    rng = np.random.default_rng(0)
    gaps = np.concatenate([rng.exponential(1.0, 180), 6.0 + rng.exponential(1.0, 20)])
    found = concentration(gaps)
    assert (found.top, found.share) == (20, pytest.approx(np.sort(gaps)[-20:].sum() / gaps.sum()))
    frame = table(200)
    frame["total_gap"] = gaps
    frame["amortization_gap"] = gaps - frame["approximation_gap"]
    assert f"the 20 largest of 200 hold {found.share:.0%} of it" in said(finished(frame))
    assert "A few datapoints" not in said(sound())


@pytest.mark.parametrize("count", [10, 50, 400])
def test_exponential_gaps_are_hardly_ever_called_concentrated(count):
    """The stated mean and spread are those of independent exponential variables."""
    rng = np.random.default_rng(0)
    found = [concentration(rng.exponential(1.0, count)) for _ in range(4000)]
    shares = np.array([part.share for part in found])
    assert shares.mean() == pytest.approx(found[0].exponential, abs=4 * shares.std() / 4000**0.5)
    assert shares.std() == pytest.approx(found[0].spread, rel=0.06)
    assert (shares > found[0].limit).mean() < 0.02


def test_gaps_that_say_nothing_are_not_concentrated():
    assert concentration(np.zeros(100)) is None
    assert concentration(np.ones(9)) is None
    assert concentration(np.array([np.nan] * 5 + [1.0] * 20)).share == pytest.approx(2 / 20)


def test_dead_latents_are_counted():
    summary = sound()
    split(summary)["latents_star"] = use(13, 50)
    split(summary)["latents"] = use(13, 50)
    assert "37 of the 50 latent dimensions are not used" in said(summary)
    assert any("37 of the 50" in sentence for sentence in decide(summary).hides)
    split(summary)["latents_star"] = use(49, 50)
    assert "1 of the 50 latent dimensions is not used" in said(summary)


def test_a_mode_that_costs_something_is_named():
    summary = sound()
    split(summary)["other_start"] = 7
    assert "led to the best q*" not in said(summary)  # the mode gap of this table is zero
    split(summary)["quantities"]["mode_gap"] = summarise_values(np.full(100, 0.25), np.zeros(100)).to_dict()
    assert "For 7 of 100 datapoints another start than the encoder's q led to the best q*" in said(summary)
    assert "(0.250 nats on average over all datapoints)" in said(summary)


def test_the_gap_is_put_in_proportion():
    summary = sound()
    gap, log_px = (summary["quantities"][name]["mean"] for name in ("total_gap", "log_px"))
    bits = gap / 784 / np.log(2)
    told = f"The total gap is {gap / -log_px:.1%} of −log p(x): {bits:.2g} of {-log_px / 784 / np.log(2):.3g} bits"
    assert f"{told} per dimension (784 dimensions)." in said(summary)
    split(summary)["data"]["discrete"] = False
    assert f"The total gap is {gap / 784:.2g} nats for each of 784 dimensions." in said(summary)
    assert "bits" not in said(summary)


def test_simple_models_stand_beside_the_model_with_what_they_were_fitted_to():
    summary = sound()
    ahead = split(summary)["baselines"]["models"][0]["difference"]
    text = said(summary)
    assert "simple models fitted to 5,000 training datapoints" in text
    assert f"(a factorised Bernoulli) −206.0 (the model is {plus_minus(ahead)} above)" in text
    split(summary)["baselines"]["fitted_on"] = "cross"
    assert "each fitted to nine tenths of these datapoints and judged on the rest" in said(summary)


def test_log_px_of_the_training_split_stands_beside_that_of_the_test_split():
    frames = table(40), table(40, seed=3, log_px=-80.0).assign(split="train")
    summary = finished(pd.concat(frames, ignore_index=True))
    one, two = (summary["splits"][name]["quantities"]["log_px"]["mean"] for name in ("test", "train"))
    assert f"log p(x) is −{-one:.1f} nats on test and −{-two:.1f} on train: " in said(summary)
    assert re.search(r"on train: \d+\.\d+ ± \d\.\d+ more\.", said(summary))


def test_every_interval_may_be_unknown():
    summary = sound()
    frame = table(9).assign(elbo_refit=-94.0, elbo_refit_se=0.1, gain_refit=0.1, gain_refit_se=0.1, left_refit=0.2)
    for made in (summary, finished(frame.assign(left_refit_se=0.1, label=np.arange(9) % 2))):
        for values in _quantities(made):
            values |= {"ci95": None, "range": [0.0, 1.0]}
        assert "No advice yet" in said(made)


def _quantities(value):
    """Every dictionary within that is the summary of a quantity."""
    if isinstance(value, dict):
        if "ci95" in value:
            yield value
        for item in value.values():
            yield from _quantities(item)
    elif isinstance(value, list):
        for item in value:
            yield from _quantities(item)


def test_rows_of_the_ladder_are_finite_on_every_rung():
    frame = table(6)
    frame.loc[1, "elbo"] = -np.inf
    frame.loc[2, "iwae"] = np.nan
    frame.loc[3, "ais"] = np.inf  # AIS is run for a few datapoints only: no rung of all
    assert ladder_rows(frame).tolist() == [True, False, False, True, True, True]
