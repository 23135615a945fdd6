"""A Pyro program from the command line, held against Pyro's own ELBO."""

import numpy as np
import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO

from gapkit.results import Result
from tests.models.pyro_programs import Tutorial, data

MODEL = "from tests.models.pyro_programs import Tutorial\n"


@pytest.mark.slow
def test_the_elbo_is_pyros(gapkit, tmp_path):
    x = data(24, 5).reshape(24, 1, 2, 3)
    with pyro.get_param_store().scope():
        torch.manual_seed(0)
        program = Tutorial()
        step = SVI(program.model, program.guide, pyro.optim.Adam({"lr": 1e-2}), Trace_ELBO())
        for _ in range(200):
            step.step(x)
        pyro.get_param_store().save(tmp_path / "store.pt")
        losses = [-Trace_ELBO(num_particles=100).loss(program.model, program.guide, x) / 24 for _ in range(30)]
    np.savez(tmp_path / "x.npz", x=x.numpy())
    (tmp_path / "m.py").write_text(MODEL)
    words = ("--model", "m.py:Tutorial", "--data", "x.npz", "--effort", "quick", "--format", "none", "--out", "run")
    code, _, err = gapkit("analyze", "store.pt", *words)
    assert code == 0, err
    result = Result.load(tmp_path / "run")
    table = result.to_frame()
    error = np.hypot(np.std(losses) / len(losses) ** 0.5, np.sqrt((table["elbo_se"] ** 2).sum()) / 24)
    assert abs(float(table["elbo"].mean()) - np.mean(losses)) < 4.0 * error
    assert (table["status"] == "ok").mean() > 0.9
    assert result.run["families"]["encoder"] == "mean_field"
    assert not result.summary_values.search.skipped  # data can be simulated
