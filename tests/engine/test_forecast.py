"""Long analyses are announced."""

import time

import pytest
import torch
from torch.distributions import Bernoulli, Independent

from gapkit.core.errors import GapkitWarning
from gapkit.doctor import Examination, examine
from gapkit.engine import spec_for
from gapkit.engine.forecast import forecast, warn_if_long, warn_if_wide
from gapkit.models.reference import build


def test_the_forecast_is_work_times_pace():
    assert forecast(spec_for("quick"), 10, Examination((), 0.0, None, 1e-3)) == pytest.approx(20.0)


def test_only_long_analyses_are_announced():
    slow = Examination((), 0.0, None, 0.01)
    warn_if_long(spec_for("quick"), 10, slow)
    with pytest.warns(GapkitWarning, match="very roughly 33 minutes: 100 datapoints"):
        warn_if_long(spec_for("quick"), 100, slow)
    warn_if_long(spec_for("quick"), 10**9, Examination((), 0.0))  # the pace is not known


def test_a_wide_search_is_announced_by_what_it_took_on_simulated_data():
    warn_if_wide(60, 140.0, 30)
    with pytest.warns(GapkitWarning, match=r"very roughly 8 minutes more: 100 datapoints x 4.7 s, as measured on 30"):
        warn_if_wide(100, 140.0, 30)


def test_the_pace_is_that_of_the_decoder():
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))

    class Slow:
        encode, prior = model.encode, model.prior

        def decode(self, z):
            time.sleep(0.02)
            logits = model.decode(z).base_dist.logits  # times something that makes it no chain of layers
            return Independent(Bernoulli(logits=logits * torch.cosh(0 * z[:, :1])), 1)

    x = torch.ones(5, 6)
    slow = examine(Slow(), x).seconds_per_gradient
    assert slow > 0.02 / (16 * 5)
    # The best of a few: on a busy machine one may be held up for as long as the slow one sleeps.
    assert slow > min(examine(model, x).seconds_per_gradient for _ in range(5))
