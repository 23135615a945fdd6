"""Models of other kinds, trained here and analysed in their own family; two latents each, so that a grid knows p(x)."""

import math

import pytest
import torch

import gapkit
from gapkit.models.coordinates import in_real_coordinates
from tests.models.trained import Conditional, FlowGuide, Ladder, Positive, digits, trained

COUNT, HALF, POINTS = 40, 8.0, 500


@torch.no_grad()
def on_grid(log_joint, count=COUNT):
    """log p(x) of datapoints by quadrature: log_joint takes the grid and a row."""
    axis = torch.linspace(-HALF, HALF, POINTS)
    grid = torch.cartesian_prod(axis, axis)
    cell = 2 * math.log(float(axis[1] - axis[0]))
    rows = [torch.logsumexp(log_joint(grid, row).double(), 0) for row in range(count)]
    return torch.stack(rows).numpy() + cell


def _data():
    x, labels = digits()
    return x[-COUNT:], labels[-COUNT:]


def _conditional():
    model = trained(Conditional(), lambda m, x, y: m.loss(x, y))
    x, labels = _data()
    result = gapkit.analyze(model, x, condition=labels, effort="quick")

    def log_joint(z, row):
        c = labels[row].expand(len(z))
        return model.prior(labels[row : row + 1]).log_prob(z) + model.decode(z, c).log_prob(x[row])

    return result, log_joint, "mean_field"


def _plain(model, family):
    x, _ = _data()
    result = gapkit.analyze(model, x, effort="quick")
    real = in_real_coordinates(model, x)
    return result, (lambda z, row: real.prior().log_prob(z) + real.decode(z).log_prob(x[row])), family


def _ladder():
    return _plain(trained(Ladder(), lambda m, x, y: m.loss(x, y)), "groups")


def _positive():
    return _plain(trained(Positive(), lambda m, x, y: m.loss(x, y)), "mean_field")


def _flow_guide():
    own = trained(FlowGuide(), lambda m, x, y: m.loss(x, y))
    x, _ = _data()
    result = gapkit.analyze(own.model(), x, effort="quick")
    return result, lambda z, row: own.log_joint(x[row].expand(len(z), -1), z), "flow"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [_conditional, _ladder, _positive, _flow_guide])
def test_the_ladder_is_exact(kind):
    torch.manual_seed(0)
    result, log_joint, family = kind()
    table = result.to_frame()
    exact = on_grid(log_joint)
    assert result.run["families"]["encoder"] == result.run["families"]["split"] == family
    sound = table["status"].isin(["ok", "fit_budget"])
    assert sound.mean() >= 0.9
    off = ((table["log_px"] - exact) / table["log_px_se"].clip(lower=2e-3))[sound]
    assert float((off**2).mean() ** 0.5) < 1.6
    assert (table["elbo_star"] >= table["elbo"] - 1e-6).all()
    assert (table["elbo_star"] - 4 * table["elbo_star_se"] <= exact + 0.01).all()
    assert table["amortization_gap"].mean() > 0.01
