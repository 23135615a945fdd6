"""What the tests of several commands share."""

import sys
import warnings

import numpy as np
import pytest
import torch

from gapkit.cli import main
from gapkit.models.native import save_model
from gapkit.models.reference import build
from gapkit.training import TrainConfig, train
from tests.engine.cheap import make_quick_quicker


@pytest.fixture(autouse=True)
def _brief(request, monkeypatch):
    if not request.node.get_closest_marker("slow"):
        make_quick_quicker(monkeypatch)


@pytest.fixture
def gapkit(monkeypatch, capsys, tmp_path):
    """Run the command line in a folder of its own; return its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["gapkit", *map(str, words)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                code = main()
            except SystemExit as stop:
                code = stop.code
        printed = capsys.readouterr()
        return code or 0, printed.out, printed.err

    return run


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    """A model of digits after a few epochs: plenty of unfinished optimisation."""
    folder = tmp_path_factory.mktemp("given")
    config = TrainConfig(data="digits", hidden=(16,), latent=3, epochs=4, learning_rate=3e-3, binarize="threshold")
    return train(config, out=folder).path


@pytest.fixture
def three_units(tmp_path):
    """The checkpoint ``vae.pt`` of a small model, beside data ``x.npz`` of three units at quick."""
    torch.manual_seed(0)
    save_model(build("mlp_vae", x_shape=(1, 2, 3), latent=2, hidden=(8,)), tmp_path / "vae.pt")
    x = np.random.default_rng(0).integers(0, 2, (460, 2, 3)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x_train=x[:20], x_test=x[20:])
    return tmp_path / "vae.pt"
