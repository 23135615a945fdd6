"""An amortized posterior from the command line: is it good at these observations?"""

import numpy as np
import pytest
import torch

from gapkit.results import Result
from tests.models.simulators import GAUSSIAN, evidence, likelihood, simulated, trained

MODEL = """
from sbi.inference.posteriors import DirectPosterior
from tests.models.simulators import GAUSSIAN, estimator, likelihood


def build():
    return DirectPosterior(estimator(), GAUSSIAN), likelihood
"""


@pytest.mark.slow
def test_the_bound_is_that_of_sbis_posterior_and_log_px_is_exact(gapkit, tmp_path):
    posterior, x = trained(GAUSSIAN, epochs=15), simulated(GAUSSIAN, 20, 4)[1]
    torch.save(posterior.posterior_estimator.state_dict(), tmp_path / "npe.pt")
    np.savez(tmp_path / "x.npz", x=x.numpy())
    (tmp_path / "m.py").write_text(MODEL)
    words = ("--model", "m.py:build", "--data", "x.npz", "--effort", "quick", "--family", "full_rank")
    code, _, err = gapkit("analyze", "npe.pt", *words, "--format", "none", "--out", "run")
    assert code == 0, err
    table = Result.load(tmp_path / "run").to_frame()
    error = (table["log_px"] - evidence(x).numpy()) / table["log_px_se"]
    assert float(np.sqrt((error**2).mean())) < 1.7
    with torch.no_grad():
        theta = posterior.sample_batched((4000,), x, max_sampling_batch_size=4000, show_progress_bars=False)
        own = GAUSSIAN.log_prob(theta) + likelihood(theta).log_prob(x) - posterior.log_prob_batched(theta, x)
    spread = np.hypot(table["elbo_se"], (own.std(0) / 4000**0.5).numpy())
    assert float(np.sqrt((((table["elbo"] - own.mean(0).numpy()) / spread) ** 2).mean())) < 1.7
