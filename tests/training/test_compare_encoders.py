"""Encoders of one decoder against each other: exact differences, shared noise, and what is said about them."""

import itertools
import json
from dataclasses import replace

import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.core.means import Mean, Uncertain
from gapkit.core.randomness import Key
from gapkit.estimators import Elbo
from gapkit.results.summary import difference_of_means
from gapkit.training.compare_encoders import EncoderSummary, compare_encoders, in_words
from tests.yardsticks import ppca

MODELS = {name: ppca("scaled", factor) for name, factor in (("best", 1.0), ("given", 0.8), ("poor", 0.5))}
X = MODELS["best"].sample(130, 0)


@pytest.fixture(scope="module")
def compared():
    return compare_encoders(MODELS, X, elbo=Elbo(num_samples=400), seed=3)


def test_differences_are_those_of_the_exact_amortization_gaps(compared):
    for one, other in itertools.permutations(MODELS, 2):
        found = compared.differences[one, other]
        exact = MODELS[other].amortization_gap(X) - MODELS[one].amortization_gap(X)
        scores = (found.value - exact) / found.std_error
        assert found.value.shape == found.std_error.shape == (130,)
        assert scores.abs().max() < 5
        assert 0.8 < scores.std() < 1.2  # the claimed error is neither too small nor too large
        torch.testing.assert_close(found.value, -compared.differences[other, one].value)


def test_bounds_are_exact_too(compared):
    for name, model in MODELS.items():
        exact = model.log_px(X) - model.approximation_gap() - model.amortization_gap(X)
        scores = (compared.bounds[name].value - exact) / compared.bounds[name].std_error
        assert scores.abs().max() < 5
        direct = Elbo(num_samples=400)(model, X, model.encode(X), 3)
        torch.testing.assert_close(compared.bounds[name].value, direct.value)


def test_the_noise_is_shared():
    found = compare_encoders({"one": MODELS["given"], "close": ppca("scaled", 0.81)}, X, elbo=Elbo(num_samples=400))
    apart = (found.bounds["one"].std_error ** 2 + found.bounds["close"].std_error ** 2).sqrt()
    assert (found.differences["one", "close"].std_error < 0.2 * apart).all()


def test_neither_order_nor_company_changes_a_number(compared):
    turned = compare_encoders(dict(reversed(MODELS.items())), X, elbo=Elbo(num_samples=400), seed=3)
    for pair, values in compared.differences.items():
        assert torch.equal(turned.differences[pair].value, values.value)
        assert torch.equal(turned.differences[pair].std_error, values.std_error)
    assert compared.summary_values.differences == turned.summary_values.differences
    rest = compare_encoders(MODELS, X[100:], elbo=Elbo(num_samples=400), seed=Key(3, tuple(range(100, 130))))
    torch.testing.assert_close(rest.bounds["given"].value, compared.bounds["given"].value[100:])
    other = compare_encoders(MODELS, X[100:], elbo=Elbo(num_samples=400), seed=4)
    assert not torch.equal(other.bounds["given"].value, rest.bounds["given"].value)


def test_the_summary_is_that_of_the_values(compared):
    summary = compared.summary_values
    gain = summary.differences["best minus given"]
    values = compared.differences["best", "given"]
    assert gain.mean == pytest.approx(values.value.mean().item())
    assert gain.se_datapoints == pytest.approx((values.value.std() / 130**0.5).item())
    assert gain.se_monte_carlo == pytest.approx(values.std_error.square().sum().sqrt().item() / 130)
    assert summary.bounds.keys() == MODELS.keys()
    assert len(summary.differences) == 6
    json.dumps(summary.to_dict(), allow_nan=False)


def test_the_summary_is_shown_with_errors(compared):
    table, values = compared.summary, compared.summary_values
    assert table.index.tolist() == [*values.bounds, *values.differences]
    gain = values.differences["best minus given"]
    assert table.loc["best minus given", "mean"] == gain.mean
    assert f"{gain.mean:.2f}" in repr(table)
    assert repr(table).count("±") == 1 + 9


def test_what_cannot_be_compared():
    with pytest.raises(InputError, match="two or more"):
        compare_encoders({"given": MODELS["given"]}, X)
    with pytest.raises(InputError, match="no datapoints"):
        compare_encoders(MODELS, X[:0])
    with pytest.raises(InputError, match=r"given and turned give .* different log p"):
        compare_encoders({"given": MODELS["given"], "turned": ppca(rotated=True)}, X)


def values(mean, error):
    interval = mean - 1.96 * error, mean + 1.96 * error
    return Mean(mean, error / 2, error, interval, interval, 100, 0)


def test_a_difference_of_means():
    found = difference_of_means(values(0.5, 0.03), values(0.2, 0.04))
    assert found.mean == pytest.approx(0.3)
    assert found.se_datapoints == pytest.approx(0.05)
    assert found.se_monte_carlo == pytest.approx(0.025)
    assert found.ci95 == pytest.approx([0.3 - 1.96 * 0.05, 0.3 + 1.96 * 0.05])
    assert difference_of_means(values(0.5, 0.03), UNKNOWN) == Uncertain(None, None, None, None)
    few = replace(values(0.2, 0.04), ci95=None)
    assert difference_of_means(values(0.5, 0.03), few) == replace(found, ci95=None)


UNKNOWN = Mean(None, None, None, None, None, 0, 100)
FEW = replace(values(0.3, 0.02), ci95=None, range=(0.1, 0.5))


@pytest.mark.parametrize(
    ("gain", "start", "expected"),
    [
        (
            values(0.42, 0.03),
            "fine_tune",
            "Fine-tuning the encoder gains 0.42 ± 0.03 nats on test data: so much of its gap was unfinished "
            "optimisation.",
        ),
        (values(0.42, 0.03), "larger", "A larger encoder gains 0.42 ± 0.03 nats on test data: so much of the gap was"),
        (values(0.42, 0.03), "fresh", "A new encoder of the same size gains 0.42 ± 0.03 nats"),
        (values(0.02, 0.03), "fine_tune", "which may be chance: no unfinished optimisation shows"),
        (values(-0.42, 0.03), "fresh", "loses 0.42 ± 0.03 nats on test data: it was trained too little"),
        (UNKNOWN, "larger", "A larger encoder gives no numbers"),
        (FEW, "larger", "(range 0.10 to 0.50; too few for an interval): nothing follows from so few datapoints."),
    ],
)
def test_the_gain_in_words(gain, start, expected):
    (sentence,) = in_words({"test": EncoderSummary({}, {"refit minus given": gain})}, start)
    assert expected in sentence


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        (values(0.62, 0.04), "is 0.62 ± 0.04 nats, 0.20 ± 0.05 more than on test data: so much of it does not"),
        (values(0.43, 0.04), "the same within the error (0.01 ± 0.05): it generalises."),
        (values(0.22, 0.04), "0.20 ± 0.05 less than on test data: so much the given encoder owed"),
        (UNKNOWN, "no numbers"),
        (FEW, "On training data, it changes L[q] by 0.30 ± 0.02 nats (range 0.10 to 0.50; too few for an interval)"),
    ],
)
def test_generalisation_in_words(train, expected):
    parts = {"test": values(0.42, 0.03), "train": train}
    summaries = {split: EncoderSummary({}, {"refit minus given": gain}) for split, gain in parts.items()}
    assert expected in in_words(summaries, "fine_tune")[1]


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        (values(0.3, 0.02), "It is 0.30 ± 0.02 nats above the encoder of ft.pt on test data: so much is capacity"),
        (values(-0.3, 0.02), "It is 0.30 ± 0.02 nats below the encoder of ft.pt on test data."),
        (values(0.01, 0.02), "as good as the encoder of ft.pt within the error (0.01 ± 0.02"),
        (UNKNOWN, "Against the encoder of ft.pt, it gives no numbers"),
        (FEW, "Against the encoder of ft.pt, it changes L[q] by 0.30 ± 0.02 nats (range 0.10 to 0.50; too few"),
    ],
)
def test_against_another_encoder_in_words(gain, expected):
    bounds = dict.fromkeys(("given", "ft.pt", "refit"), values(-90.0, 0.1))
    test = EncoderSummary(bounds, {"refit minus given": values(0.42, 0.03), "refit minus ft.pt": gain})
    assert expected in in_words({"test": test}, "larger")[1]
