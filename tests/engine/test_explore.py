"""The independent route: what the fits missed is found, fitted, and measured anew; and the run says so."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch.distributions import Normal

import gapkit
from benchmarks.exact import build
from gapkit.core.randomness import Key
from gapkit.engine import spec_for
from gapkit.engine.support import modes_missing, part_of
from gapkit.estimators.evidence import Policy
from gapkit.families import DiagonalGaussian, Mixture
from gapkit.local import FitSettings
from tests.estimators.evidence.shapes import evidence, ring
from tests.local.targets import Squares


def log_px(x, sigma=0.3):
    grid = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    each = Normal(0.0, 2.0).log_prob(grid) + Normal(grid.square(), sigma).log_prob(x.double().reshape(-1, 1))
    return (torch.logsumexp(each, 1) + (grid[1] - grid[0]).log()).reshape(x.shape).sum(-1)


def data(dim, count, seed=3):
    noise = torch.Generator().manual_seed(seed)
    z = 2 * torch.randn(count, dim, generator=noise)
    return z.square() + 0.3 * torch.randn(count, dim, generator=noise)


@pytest.fixture(scope="module")
def hasty():
    """Eight modes, and a search that is far too short for them."""
    x = data(3, 12)
    spec = spec_for("quick", fit=FitSettings(num_starts=1, most_starts=1, polish_steps=30))
    return gapkit.analyze(Squares(3), x, spec), x


@pytest.mark.slow
def test_a_search_that_misses_modes_is_widened_for_all(hasty):
    result, _ = hasty
    search = result.summary_values.search
    assert search.widen
    assert search.missed >= 2
    frame = result.to_frame()
    assert (frame["route"] == "all").all()
    assert (frame["route_mass"] > 0.2).any()
    assert "all datapoints were searched again" in " ".join(result.trust())


@pytest.mark.slow
def test_and_log_px_is_right_then(hasty):
    result, x = hasty
    frame = result.to_frame()
    error = frame["log_px"].to_numpy() - log_px(x).numpy()
    assert abs(error.mean()) < 0.05
    assert ((error / frame["log_px_se"].to_numpy()) ** 2).mean() ** 0.5 < 2.0


def test_a_sound_model_has_a_control_subset_and_nothing_more():
    from tests.yardsticks import ppca

    model = ppca("scaled", 0.5)
    result = gapkit.analyze(model, model.sample(40, 0), effort="quick")
    frame, search = result.to_frame(), result.summary_values.search
    assert not search.widen
    assert 5 <= search.control["count"] <= 35
    assert search.control["missed"] == 0
    assert set(frame["route"]) == {"", "control"}
    assert (frame["unseen_mass"] == 0.0).all()
    assert (frame["modes"] == 1).all()
    assert result.summary_values.splits["test"].checks.route.found == 0


def test_mass_that_was_not_found_is_in_the_error_and_in_the_status():
    from gapkit.engine.table import _with_unseen
    from gapkit.estimators import Estimate
    from gapkit.estimators.protocol import Bound

    estimate = Estimate(torch.zeros(3).double(), torch.full((3,), 0.1).double(), Bound.LOWER)
    found = _with_unseen(estimate, torch.tensor([0.0, 0.5, torch.nan]).double())
    assert found.std_error.tolist() == pytest.approx([0.1, (0.01 + 0.6931**2) ** 0.5, 0.1], abs=1e-4)


@pytest.mark.slow
def test_a_wide_part_around_a_narrow_one_is_seen_beyond_the_proposal():
    """Every start leads into the needle; the route's particles lie around it, and pieces are put there."""
    case = build("needle_encoder_on_it")
    result = gapkit.analyze(case.model, case.x[:12], spec_for("quick", route_control=1.0))
    frame = result.to_frame()
    error = frame["log_px"] - case.exact[:12].numpy()
    assert (error.abs() < 4 * frame["log_px_se"]).all()
    assert abs(error.mean()) < 0.03
    assert (frame["route_mass"] > 0.1).mean() > 0.5
    assert (frame["status"] == "ok").all()


def test_a_mode_that_was_found_and_is_not_in_the_proposal_leaves_it_without_support():
    model, x, q, _ = ring()
    whole, target = evidence(model, x[:3], q.select(torch.arange(3)), Policy(control=0.0))
    known = whole.proposal.draw(Key(1, (0, 1, 2)).streams("known", torch.float64), 1)[0]
    one = whole.proposal.components[0]
    alone = Mixture(torch.zeros(1, 3, dtype=torch.float64), (DiagonalGaussian(one.loc, 0.05 * one.scale),))
    starts = torch.where(torch.tensor([True, True, False])[:, None], known, torch.nan)
    assert modes_missing(target, starts, whole).tolist() == [False, False, False]
    assert modes_missing(target, -starts, replace(whole, proposal=alone)).tolist() == [True, True, False]
    assert not modes_missing(target, starts[:0], whole).any()


@cache
def of_three():
    model, x, q, _ = ring()
    return evidence(model, x[:3], q.select(torch.arange(3)), Policy(control=0.0))[0]


@pytest.mark.parametrize("rows", [[2, 0, 1], [1, 1, 1], [0, 1, 2], [2]])
def test_the_evidence_of_a_block_is_that_of_its_rows_in_their_order(rows):
    """A block may be as long as its unit and hold other rows, or one of them several times."""
    whole = of_three()
    part = part_of(whole, torch.tensor(rows))
    z = torch.randn(5, 3, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    torch.testing.assert_close(part.proposal.log_prob(z[:, rows]), whole.proposal.log_prob(z)[:, rows])
    for name in ("value", "std_error"):
        torch.testing.assert_close(getattr(part.log_px, name), getattr(whole.log_px, name)[rows])
    assert part.risen.tolist() == whole.risen[rows].tolist()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::gapkit.core.errors.GapkitWarning")  # of digits that float32 lacks at x = 424
def test_an_adapted_proposal_that_no_particle_reaches_is_flagged():
    """x = 424 with noise 0.1 is a curve 3e-4 wide and 1 long: neither pieces nor particles follow it."""
    case = build("funnel")
    frame = gapkit.analyze(case.model, case.x[:4], spec_for("standard", route_control=1.0)).to_frame()
    off = (frame["log_px"] - case.exact[:4].numpy()).abs() > 0.3
    assert off.any()
    assert frame.loc[off, "status"].str.contains("evidence_weak").all()
    assert (frame.loc[~off, "status"] == "ok").all()
