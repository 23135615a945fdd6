"""The search for modes: from anywhere, for each datapoint alone, until nothing new turns up."""

import math

import pytest
import torch

from gapkit.core.randomness import Key
from gapkit.families import DiagonalGaussian
from gapkit.local import FitSettings, build_bank, find_modes, search_on
from gapkit.local.ascent import ascend_points
from gapkit.local.curvature import available
from gapkit.local.modes import Modes, without_duplicates
from gapkit.target import Target
from tests.local.targets import Squares
from tests.yardsticks import ppca


def sought(model, x, q=None, settings=None, with_bank=True):
    with torch.no_grad():
        target, own = Target(model, x), model.encode(x).base_dist
        q = q or DiagonalGaussian(own.loc, own.scale)
        bank = build_bank(target, q.loc, 4096, 0) if with_bank else None
        return find_modes(target, q, bank, Key(0, tuple(range(len(x)))), settings or FitSettings())


@pytest.mark.parametrize("far", [1.0, 1e3, 1e6])
def test_one_step_lands_on_a_gaussian_posterior_from_anywhere(far):
    model = ppca("scaled", 0.5)
    x = model.sample(5, 0)
    with torch.no_grad():
        target = Target(model, x)
        found = ascend_points(target, far * torch.ones(5, 3).to(x), available(target), 1)
    torch.testing.assert_close(found.mean, model.posterior_mean(x), rtol=0, atol=1e-7 * far)
    torch.testing.assert_close(found.precision[0], model.precision)


def test_all_sixteen_modes_are_found():
    x = torch.tensor([[4.0, 2.0, 3.0, 5.0], [1.5, 9.0, 2.5, 3.5]])
    found = sought(Squares(4), x)
    assert found.modes.alive().sum(0).tolist() == [16, 16]
    signs = torch.sign(found.modes.loc[:, 0]).unique(dim=0)
    assert len(signs) == 16
    assert float(found.unseen.max()) < 0.05


def test_an_encoder_of_any_width_and_its_neighbours_change_nothing():
    model, x = Squares(1, 0.3), torch.tensor([[2.0], [1.0], [3.0], [0.8], [1.2]])
    loc = x.sqrt()
    for scale in (0.01, 1.0, 3.0, 200.0):
        found = sought(model, x, DiagonalGaussian(loc, torch.full_like(loc, scale)))
        assert found.modes.alive().sum(0).tolist() == [2] * 5
    narrow = torch.full_like(loc, 0.3)
    wide = narrow.clone()
    wide[2] = 200.0
    alone, beside = (sought(model, x, DiagonalGaussian(loc, scale)) for scale in (narrow, wide))
    for row in (0, 1, 3, 4):
        assert torch.equal(alone.modes.loc[:, row], beside.modes.loc[:, row])
        assert torch.equal(alone.modes.level[:, row], beside.modes.level[:, row])


def test_what_may_be_missing_is_told():
    x = torch.tensor([[4.0, 2.0, 3.0, 5.0]])
    assert math.isnan(float(sought(Squares(4), x, with_bank=False).unseen))
    few = sought(Squares(4), x, settings=FitSettings(num_starts=1, most_starts=1))
    assert float(few.unseen) > 0.2  # four starts, four modes: others are likely


def test_one_mode_costs_few_starts():
    model = ppca("scaled", 0.5)
    x = model.sample(20, 0)
    with torch.no_grad():
        target, q = Target(model, x), model.encode(x).base_dist
        bank = build_bank(target, q.loc, 500, 0)
        found = find_modes(target, DiagonalGaussian(q.loc, q.scale), bank, Key(0, tuple(range(20))), FitSettings())
    assert int(found.starts.max()) <= 10
    assert float(found.unseen.max()) == 0.0
    assert found.modes.alive().sum(0).tolist() == [1] * 20


def test_starts_from_elsewhere_are_news_only_where_they_lead_elsewhere():
    model, x = Squares(1), torch.tensor([[2.0], [2.0]])
    with torch.no_grad():
        target, key = Target(model, x), Key(0, (0, 1))
        known = find_modes(target, DiagonalGaussian(x.sqrt(), 0.1 * torch.ones(2, 1)), None, key, FitSettings()).modes
        starts = torch.tensor([[[1.3], [-1.3]], [[torch.nan], [-1.5]]])
        found = search_on(target, key, FitSettings(), known, starts, torch.ones(1))
    assert float(found.gained[0]) == 0.0
    assert float(found.gained[1]) == pytest.approx(0.5, abs=0.05)
    assert found.single.tolist() == [0, 0]  # two starts led there
    assert int(found.starts.isfinite().sum()) == 1


def test_modes_that_are_the_same_are_one_and_their_hits_add_up():
    loc = torch.tensor([0.0, 0.1, 5.0, 5.1, 9.0]).reshape(5, 1, 1)
    level = torch.tensor([0.0, 1.0, 0.5, 0.4, -20.0]).reshape(5, 1)
    modes = Modes(loc, torch.ones(5, 1, 1, 1), level, torch.ones(5, 1, dtype=torch.long))
    found = without_duplicates(modes, 12.0)
    assert found.alive()[:, 0].tolist() == [True, False, True, False, False]
    assert found.hits[:, 0].tolist()[:4] == [2, 0, 2, 0]
    assert float(found.loc[0, 0, 0]) == pytest.approx(0.1)  # the better fit, under the earlier start
    assert found.compact().level.shape == (2, 1)


def test_a_wide_fit_at_a_saddle_does_not_swallow_the_modes_on_either_side():
    """Its level may be the best: its draws see the mass of both. A somewhat wider copy of a fit is the same mode."""
    loc = torch.tensor([0.0, -1.0, 1.0, 1.01]).reshape(4, 1, 1)
    tril = torch.tensor([1.0, 0.02, 0.02, 0.03]).reshape(4, 1, 1, 1)
    level = torch.tensor([0.5, 0.0, 0.0, -0.1]).reshape(4, 1)
    found = without_duplicates(Modes(loc, tril, level, torch.ones(4, 1, dtype=torch.long)), 12.0)
    assert found.alive()[:, 0].tolist() == [True, True, True, False]
