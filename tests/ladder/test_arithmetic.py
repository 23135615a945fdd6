"""Gaps and their differences on ladders of any length."""

import pytest
import torch

from gapkit.estimators import Bound, Estimate
from gapkit.ladder import STANDARD, Gap, Ladder, Rung
from gapkit.ladder.arithmetic import contrasts, decompose

FOUR = Ladder(
    (Rung("a", "A"), Rung("b", "B", shortfall="left"), Rung("c", "C"), Rung("d", "D")),
    (Gap("ab_gap", "ab gap", "family"), Gap("bc_gap", "bc gap", "other"), Gap("cd_gap", "cd gap", "encoder")),
)


def paired(value, seed, noise):
    """An estimate from draws; those with the same name of the noise share it."""
    draws = torch.randn(200, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Estimate.from_draws(value + draws.mean(0), value + draws, Bound.LOWER, (noise,))


@pytest.fixture
def levels():
    return {"a": paired(4.0, 0, "own"), "b": paired(3.0, 1, "q"), "c": paired(2.5, 1, "q"), "d": paired(0.0, 1, "q")}


def test_gaps_of_a_ladder_of_four_rungs_sum_to_the_total(levels):
    gaps = decompose(FOUR, levels)
    assert list(gaps) == ["ab_gap", "bc_gap", "cd_gap", "total_gap"]
    *parts, total = gaps.values()
    torch.testing.assert_close(sum(part.value for part in parts), total.value)
    assert float(gaps["cd_gap"].std_error.max()) < 1e-12  # the noise is shared


def test_a_shortfall_is_in_the_gaps_on_both_sides_and_not_in_the_total(levels):
    left = {"b": torch.tensor([0.5, 0.0], dtype=torch.float64)}
    with_left, without = decompose(FOUR, levels, left), decompose(FOUR, levels)
    for name in ("ab_gap", "bc_gap"):
        expected = torch.hypot(without[name].std_error, left["b"])
        torch.testing.assert_close(with_left[name].std_error, expected)
    for name in ("cd_gap", "total_gap"):
        torch.testing.assert_close(with_left[name].std_error, without[name].std_error)


def test_contrasts_are_differences_of_gaps_with_errors_of_their_own(levels):
    gaps, found = decompose(FOUR, levels), contrasts(FOUR, levels)
    assert list(found) == ["bc_minus_ab", "cd_minus_ab", "cd_minus_bc"]
    torch.testing.assert_close(found["bc_minus_ab"].value, gaps["bc_gap"].value - gaps["ab_gap"].value)
    torch.testing.assert_close(found["cd_minus_ab"].value, gaps["cd_gap"].value - gaps["ab_gap"].value)
    # 2 b - c - a with b and c on the same draws: those of b once, those of a once.
    expected = torch.hypot(levels["b"].std_error, levels["a"].std_error)
    torch.testing.assert_close(found["bc_minus_ab"].std_error, expected)


def test_the_usual_ladder_has_one_contrast():
    assert STANDARD.contrasts() == {"amortization_minus_approximation": STANDARD.gaps[::-1]}
