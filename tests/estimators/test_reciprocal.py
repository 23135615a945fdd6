"""Reciprocal importance sampling: the upper side of the bracket, and the harmonic mean that it is not."""

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal

from gapkit.core.errors import InputError
from gapkit.estimators import Iwae, ReciprocalIs
from tests.yardsticks import ppca


@pytest.mark.parametrize("density", ["full_rank", "mean_field"])
def test_it_is_right_on_average_and_brackets_with_iwae(density):
    model = ppca("scaled", 0.7)
    x = model.sample(100, 0)
    exact = model.log_px(x)
    above = ReciprocalIs(density=density)(model, x, model.encode(x), 1)
    score = (above.value - exact) / above.std_error
    assert 0.8 < float(score.square().mean().sqrt()) < 1.2  # the claimed errors are the real ones
    assert float((above.value - exact).mean()) < 0.05
    below = Iwae(num_samples=20)(model, x, model.encode(x), 1)
    for side in (exact - below.value, above.value - exact):
        assert float(side.mean()) > -4 * float(side.std()) / 10
    assert float(above.diagnostics["rhat"].max()) < 1.1
    assert float(above.diagnostics["acceptance"].min()) > 0.6


def test_chains_that_start_far_away_and_stop_early_show_in_rhat():
    model = ppca()
    x = model.sample(5, 0)
    far = Independent(Normal(torch.full((5, 3), 30.0, dtype=torch.float64), torch.full((5, 3), 0.01).double()), 1)
    estimate = ReciprocalIs(num_warmup=2, num_draws=4, num_leapfrogs=1)(model, x, far, 0)
    assert float(estimate.diagnostics["rhat"].min()) > 1.1


def test_the_harmonic_mean_is_refused_with_its_reason_and_would_be_wrong_by_nats():
    model = ppca()
    x = model.sample(3, 0)
    with pytest.raises(InputError, match="no finite variance"):
        ReciprocalIs(density="prior")(model, x, model.encode(x))
    # What it would have given with 50 exact posterior draws, many times over.
    rng = np.random.default_rng(0)
    root = np.linalg.cholesky(model.covariance.numpy())
    z = model.posterior_mean(x)[0].numpy() + rng.normal(size=(2000, 50, 3)) @ root.T
    log_lik = model.decode(torch.from_numpy(z)).log_prob(x[0])
    harmonic = -(torch.logsumexp(-log_lik, 1) - np.log(50))
    assert float(harmonic.mean() - model.log_px(x)[0]) > 2.0


def test_too_few_chains_or_draws_are_explained():
    for wrong in ({"num_chains": 2}, {"num_draws": 7}, {"density": "flow"}):
        with pytest.raises(InputError, match=f"{next(iter(wrong))}="):
            ReciprocalIs(**wrong)
