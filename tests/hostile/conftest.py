"""Good files of every kind, small; and the runner."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from gapkit.engine import analyze, spec_for
from gapkit.models import save_model
from gapkit.models.reference import build
from tests.hostile.cases import DATA, EMPTY, MODEL, RUN
from tests.hostile.runner import Runner


@pytest.fixture(scope="session")
def runner():
    made = Runner()
    yield made
    made.close()


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """A folder with a model, data that it explains, and a run of it with all that a run can have."""
    folder = tmp_path_factory.mktemp("good")
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(1, 8, 8), latent=2, hidden=(8,), decoder_hidden=(6,), likelihood="bernoulli")
    torch.save({"plain": 1}, folder / "plain.pt")
    save_model(model, folder / MODEL, extra={"epoch": 3, "data": "digits", "binarize": "threshold"})
    rng = np.random.default_rng(0)
    x = (rng.random((16, 8, 8)) > 0.5).astype(np.uint8)
    np.savez(folder / DATA, x_train=x[8:], x_test=x[:8], y_train=np.arange(8) % 2, y_test=np.arange(8) % 2)
    splits = {
        name: torch.tensor(part[:, None], dtype=torch.float32)
        for name, part in zip(("test", "train"), (x[:12], x[12:]), strict=True)
    }
    spec = spec_for("quick", seed=0, semi_amortized=4, convergence=4, certificate=8)
    labels = {"test": np.arange(12) % 2, "train": np.arange(4) % 2}
    result = analyze(
        model,
        splits,
        spec,
        labels=labels,
        encoders={"other": model},
        provenance={
            "checkpoint": {"name": MODEL, "sha256": "0" * 64, "description": "a model"},
            "data": {"source": DATA, "binarize": "none", "splits": {"test": {"datapoints": 12, "sha256": "1" * 64}}},
        },
    )
    result.save(folder / RUN)
    shutil.copytree(folder / RUN, folder / "run2")
    table = pd.DataFrame(x.reshape(16, 64)[:8], columns=[f"p{i}" for i in range(64)]).astype(float)
    table.to_csv(folder / "good.csv", index=False)
    table.to_parquet(folder / "good.parquet")
    (folder / EMPTY).touch()  # data that are refused once the model is built
    return folder


@pytest.fixture
def here(good, tmp_path):
    """A copy of the good files."""
    return shutil.copytree(good, tmp_path / "here")
