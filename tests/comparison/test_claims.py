"""Claims: intervals cover, verdicts are seldom wrong, and what is told is what was measured."""

import math

import numpy as np
import pandas as pd
import pytest

from gapkit.comparison import Claim, Claims, Measured, difference, judge, level
from gapkit.comparison.trainings import mean_over_trainings
from gapkit.core.errors import InputError
from gapkit.report import write_report
from tests.comparison.runs import spread

CLAIM = Claim("Wider encoders lose less", "amortization gap, narrow minus wide", source="abstract")


def drawn(rng, trainings, datapoints, *, between, over, rest, mean=0.0):
    return (
        mean
        + between * rng.standard_normal((trainings, 1))
        + over * rng.standard_normal((1, datapoints))
        + rest * rng.standard_normal((trainings, datapoints))
    )


@pytest.mark.parametrize("trainings", [2, 3, 5])
@pytest.mark.parametrize(
    "parts",
    [
        {"between": 1.0, "over": 0.0, "rest": 0.1},
        {"between": 0.0, "over": 1.0, "rest": 0.0},
        {"between": 0.1, "over": 1.0, "rest": 1.0},
        {"between": 0.0, "over": 0.0, "rest": 1.0},
        {"between": 0.05, "over": 0.5, "rest": 0.5},
        {"between": 0.2, "over": 0.5, "rest": 0.3},
    ],
)
def test_intervals_cover_the_mean(trainings, parts):
    rng, runs = np.random.default_rng(trainings), 2000
    covered = sum(
        low <= 0.0 <= high
        for low, high in (mean_over_trainings(drawn(rng, trainings, 50, **parts)).ci95 for _ in range(runs))
    )
    assert covered / runs > 0.95 - 3 * math.sqrt(0.95 * 0.05 / runs)


def test_the_interval_of_numbers_alone_is_that_of_student():
    found = mean_over_trainings(np.array([[1.0], [2.0], [6.0]]))
    half = 4.302652729911275 * np.std([1.0, 2.0, 6.0], ddof=1) / math.sqrt(3)
    assert found.ci95 == pytest.approx((3.0 - half, 3.0 + half))
    assert found.se_datapoints is None


def test_a_claim_at_its_limit_is_seldom_judged():
    rng, verdicts = np.random.default_rng(0), []
    for _ in range(1000):
        values = drawn(rng, 3, 40, between=0.2, over=0.5, rest=0.3, mean=0.5)
        measured = [Measured(pd.Series(row)) for row in values]
        verdicts.append(judge(Claim("it is above a half", "x", more_than=0.5), measured).verdict)
    for wrong in ("holds", "does not hold"):
        assert verdicts.count(wrong) / 1000 < 0.025 + 3 * math.sqrt(0.025 / 1000)


def test_claims_that_are_plainly_true_or_false():
    near = [Measured(pd.Series(row)) for row in 1.0 + 0.01 * np.random.default_rng(1).standard_normal((3, 30))]
    assert judge(CLAIM, near).verdict == "holds"
    assert judge(Claim("it is above two", "x", more_than=2.0), near).verdict == "does not hold"
    assert judge(CLAIM, near[:1]).verdict == "not enough evidence"
    assert judge(CLAIM, near[:1]).ci95 is None


def test_what_fits_may_have_left_takes_a_verdict_back_on_its_own_side():
    rows = 0.05 + 0.001 * np.random.default_rng(2).standard_normal((3, 30))

    def verdict(**left):
        return judge(CLAIM, [Measured(pd.Series(row), **left) for row in rows]).verdict

    assert [verdict(), verdict(low=-0.1), verdict(high=0.1)] == ["holds", "not enough evidence", "holds"]


def test_what_is_left_adds_up_in_differences():
    one, other = Measured(pd.Series([1.0]), low=-0.2), Measured(pd.Series([0.5]), high=0.3)
    found = one - other
    assert (found.low, found.high) == (-0.5, 0.0)
    assert ((found - one).low, (found - one).high) == (-0.5, 0.2)
    assert (found.times(2.0).low, found.times(2.0).mean) == (-1.0, 1.0)


def test_a_contrast_of_other_datapoints_has_the_variation_of_both():
    rng, runs, covered = np.random.default_rng(3), 1000, 0
    for _ in range(runs):
        test, train = (drawn(rng, 3, 40, between=0.03, over=0.6, rest=0.1) for _ in range(2))
        found = [Measured(pd.Series(a)).apart(Measured(pd.Series(b))) for a, b in zip(test, train, strict=True)]
        low, high = judge(CLAIM, found).ci95
        covered += low <= 0.0 <= high
    assert covered / runs > 0.95 - 3 * math.sqrt(0.95 * 0.05 / runs)
    assert judge(CLAIM, found).datapoints == 80


def test_the_error_of_a_mean_counts_what_is_left_once():
    rng = np.random.default_rng(4)
    values = np.stack([drawn(rng, 3, 50, between=0.0, over=0.0, rest=1.0) for _ in range(400)])
    claimed = np.mean([mean_over_trainings(part).se for part in values])
    assert claimed == pytest.approx(values.mean((1, 2)).std(), rel=0.2)


def test_datapoints_are_joined_by_name_and_kept_where_all_are_finite():
    one = pd.Series([1.0, 2.0, 3.0, 9.0], index=[0, 1, 2, 3])
    two = pd.Series([5.0, math.nan, 3.0, 1.0], index=[4, 3, 2, 0])
    found = judge(CLAIM, [Measured(one), Measured(two)])
    assert (found.datapoints, found.trainings) == (2, (2.0, 2.0))  # 0 and 2
    apart = judge(CLAIM, [Measured(one), Measured(pd.Series([4.0, 6.0], index=[7, 8]))])
    assert (apart.datapoints, apart.trainings) == (0, (3.75, 5.0))
    assert judge(CLAIM, [0.5, Measured(one)]).trainings == (0.5, 3.75)


def test_a_training_without_a_number_is_refused():
    with pytest.raises(InputError, match="training 1 without a number"):
        judge(CLAIM, [0.5, math.nan])
    with pytest.raises(InputError, match="no training"):
        judge(CLAIM, [])


def test_quantities_of_runs():
    one, two = spread(seed=0), spread(seed=1)
    gap = level(one, "amortization_gap")
    assert gap.values.to_numpy() == pytest.approx(one.datapoints["amortization_gap"].to_numpy(float))
    assert (gap.low, level(one, "approximation_gap").high) == (0.0, 0.0)
    assert gap.high == -level(one, "approximation_gap").low > 0.0
    assert level(one, "amortization_minus_approximation").high == pytest.approx(2 * gap.high)
    assert level(one, "elbo").high == level(one, "total_gap").high == 0.0
    more = difference(one, two, "amortization_gap", "test")
    assert more.values.to_numpy() == pytest.approx(
        (one.datapoints["amortization_gap"] - two.datapoints["amortization_gap"]).to_numpy(float)
    )
    with pytest.raises(InputError, match="name one of log_px"):
        level(one, "elbow")
    with pytest.raises(InputError, match="name one of them"):
        level(one, "elbo", "validation")


def test_the_table_is_kept_and_reported(tmp_path):
    judged = (judge(CLAIM, [0.4, 0.5, 0.45]), judge(CLAIM, [0.4, -0.5, 0.45]), judge(CLAIM, [-1.0, -1.1, -0.9]))
    claims = Claims("Encoders", judged, note="Three trainings of ten epochs.")
    assert Claims.of(claims.to_dict()) == claims
    frame = claims.to_frame()
    assert frame["verdict"].tolist() == ["holds", "not enough evidence", "does not hold"]
    assert ((frame["low"] < frame["mean"]) & (frame["mean"] < frame["high"])).all()
    page = claims.report(tmp_path / "claims.html").read_text("utf-8")
    words = ("narrow minus wide", "Does not hold: Wider encoders lose less", "0.33 to 0.57", "Three trainings of ten")
    for each in words:
        assert each in page
    assert write_report(claims, tmp_path / "claims.pdf").read_bytes()[:5] == b"%PDF-"
