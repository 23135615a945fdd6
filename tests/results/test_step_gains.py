"""The curve of local steps in numbers and words, on tables made by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gapkit.core.means import Mean
from gapkit.results.records import Skipped, Summary
from gapkit.results.summary import summarise_values
from gapkit.results.verdict import verdict
from tests.results.local_steps import GAPS, curve_of, table


def by_steps(summary):
    return {point.steps: point for point in summary.curve}


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({0: 0.0, 1: 0.5, 2: 0.85, 5: 0.93, 10: 0.99}, 5),
        ({0: 0.0, 1: 0.91, 2: 0.95}, 1),
        ({0: 0.0, 1: 0.91, 2: 0.5, 5: 0.99}, 1),  # the first time counts, also where the curve falls again
        ({0: 0.0, 1: -0.5, 2: 1.2}, 2),
        ({0: 0.0, 10: 0.5, 100: 0.89}, None),
        # A quarter of the datapoints without any gain, but with a small gap: the means decide, 0.75 and then 0.92.
        ({0: 0.0, 1: [0.0, 1.0, 0.0, 1.0] * 3, 2: [0.0, 1.0, 1.0, 1.0] * 3}, 2),
    ],
)
def test_the_steps_that_close_90_percent(shares, expected):
    summary = curve_of(table(shares))
    assert summary.steps_to_90 == expected
    assert json.loads(json.dumps(summary.to_dict(), allow_nan=False))["steps_to_90"] == expected


def test_the_order_of_rows_changes_nothing():
    rows = table({0: 0.0, 1: [0.2, 0.6, 0.3, 0.4] * 3, 10: 0.95})
    assert curve_of(rows.sample(frac=1.0, random_state=1)) == curve_of(rows)


def test_gains_and_what_is_left_are_means_over_datapoints():
    summary = curve_of(table({0: 0.0, 1: [0.5, 0.25, 0.5, 0.25] * 3, 2: 1.0}))
    point = by_steps(summary)[1]
    gain = np.array([0.5, 1.0, 1.0, 1.25] * 3)
    assert point.gain == summarise_values(gain, np.full(12, 0.01))
    assert point.left == summarise_values(GAPS - gain, np.full(12, 0.01))
    assert point.elbo.mean == pytest.approx(-90 + gain.mean())
    assert summary.elbo == by_steps(summary)[0].elbo
    assert summary.elbo_star == pytest.approx(-90 + GAPS.mean())
    assert summary.amortization_gap == summarise_values(GAPS, np.full(12, 0.01))
    assert (by_steps(summary)[0].gain.mean, by_steps(summary)[0].share.mean) == (0.0, 0.0)


def test_a_share_is_a_ratio_of_means_with_the_interval_of_a_ratio():
    rng = np.random.default_rng(0)
    gaps = rng.exponential(2.0, 400)
    shares = rng.uniform(0.6, 0.9, 400)
    share = by_steps(curve_of(table({0: 0.0, 1: shares}, gaps)))[1].share
    gain = shares * gaps
    assert share.mean == pytest.approx(gain.mean() / gaps.mean())
    drawn = rng.integers(0, 400, (4000, 400))
    resampled = gain[drawn].mean(1) / gaps[drawn].mean(1)
    assert share.se_datapoints == pytest.approx(resampled.std(), rel=0.06)
    np.testing.assert_allclose(share.ci95, np.quantile(resampled, [0.025, 0.975]), atol=0.002)
    # Gain and gap go together: as if they were independent, the interval would be several times as wide.
    assert share.se_datapoints < 0.3 * gain.std() / gaps.mean() / 20


def test_the_monte_carlo_error_of_a_share_is_that_of_paired_draws():
    rng = np.random.default_rng(1)
    gaps = np.array([3.0, 4.0, 5.0] * 4)
    shared = rng.normal(size=(100_000, 12))
    gain = 0.5 * gaps + 0.3 * shared
    gap = gaps + 0.5 * shared + 0.1 * rng.normal(size=shared.shape)
    rows = table({0: 0.0, 1: 0.5}, gaps)
    rows.loc[rows["steps"] == 1, ["gain_se", "left_se"]] = np.stack([gain.std(0), (gap - gain).std(0)], 1)
    rows.loc[rows["steps"] == 0, ["gain_se", "left_se"]] = np.stack([np.zeros(12), gap.std(0)], 1)
    share = by_steps(curve_of(rows))[1].share
    assert share.se_monte_carlo == pytest.approx((gain.mean(1) / gap.mean(1)).std(), rel=0.03)


def test_datapoints_that_are_not_finite_are_left_out_of_all_points():
    rows = table({0: 0.0, 1: 0.5, 2: 0.95})
    rows.loc[(rows["steps"] == 2) & (rows["index"] == 1), ["elbo", "gain", "left"]] = [-np.inf, -np.inf, np.inf]
    summary = curve_of(rows)
    assert (summary.datapoints, summary.left_out) == (11, 1)
    assert by_steps(summary)[1].gain.mean == pytest.approx(0.5 * np.delete(GAPS, 1).mean())
    nothing = curve_of(rows.assign(left=np.nan))
    assert (nothing.datapoints, nothing.steps_to_90, nothing.elbo_star) == (0, None, None)
    json.dumps(nothing.to_dict(), allow_nan=False)


def test_without_a_clear_gap_there_is_no_share():
    summary = curve_of(table({0: 0.0, 1: 0.95}, np.array([0.1, -0.1, 0.05, 0.0] * 3)))
    assert summary.steps_to_90 is None
    assert all(point.share is None for point in summary.curve)


def test_few_datapoints_have_no_share():
    summary = curve_of(table({0: 0.0, 1: 0.95}, GAPS[:9]))
    assert (summary.steps_to_90, summary.amortization_gap.ci95) == (None, None)
    assert all(point.share is None for point in summary.curve)
    assert (
        "What local steps close cannot be told over 9 datapoints of test: amortization gap range 1.00 to 5.00; too few"
        in said(summary)
    )


def said(curve, **quantities):
    """The verdict on a curve, in a summary with gaps of 1 and 1 nat."""
    one = Mean(1.0, 0.01, 0.1, (0.8, 1.2), (0.5, 1.5), 4, 0)
    names = ("total_gap", "amortization_gap", "approximation_gap", "amortization_minus_approximation")
    quantities = {**dict.fromkeys(names, one), **quantities}
    means = {name: values.to_dict() for name, values in quantities.items()}
    split = {"quantities": means, "datapoints": 4, "status": {"ok": 4}, "other_start": 0}
    return " ".join(verdict(replace(Summary.of({"splits": {"test": split}}), semi_amortized=curve)))


@pytest.mark.parametrize(
    ("shares", "gaps", "expected"),
    [
        (
            {0: 0.0, 1: 0.5, 5: 0.95},
            GAPS,
            "5 local steps from the encoder's q close 90% of the amortization gap: 2.85 ± 0.45 of 3.00 nats, a share "
            "of 95% (between 95% and 95% with 95% confidence), over 12 datapoints of test.",
        ),
        ({0: 0.0, 1: 0.92}, GAPS, "1 local step from the encoder's q closes 90% of the amortization gap: 2.76"),
        ({0: 0.0, 1: 0.5, 7: 0.6}, GAPS, "7 local steps from the encoder's q do not close 90% of the amortization gap"),
        ({0: 0.0, 1: 0.5}, GAPS - 3, "There is no clear amortization gap for local steps to close (0.00"),
        ({0: 0.0, 1: 0.5}, GAPS * np.nan, "The curve of local steps has no finite numbers."),
    ],
)
def test_the_curve_in_words(shares, gaps, expected):
    assert expected in said(curve_of(table(shares, gaps)))


def test_a_curve_that_was_left_out_says_why():
    assert "There is no curve of local steps: because of this." in said(Skipped("because of this"))
    assert "local steps from" not in said(None)


def values(mean, error):
    interval = mean - 1.96 * error, mean + 1.96 * error
    return Mean(mean, error / 2, error, interval, interval, 9, 0)


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        (values(0.4, 0.03), "The encoder refit gains 0.40 ± 0.03 nats of the amortization gap; with it, 0.30 ± 0.02"),
        (values(-0.4, 0.03), "The encoder refit is 0.40 ± 0.03 nats below the analysed one; with it, 0.30 ± 0.02"),
        (values(0.01, 0.03), "The encoder refit changes L[q] by 0.01 ± 0.03 nats, which may be chance; with it, 0.30"),
        (replace(values(0.4, 0.03), mean=None, ci95=None), "The encoder refit gives no numbers"),
    ],
)
def test_a_further_encoder_in_words(gain, expected):
    assert expected in said(None, gain_refit=gain, left_refit=values(0.3, 0.02), elbo_refit=values(-90, 1))
