"""The README says what is true: its code runs and its model file is the one in the tree."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gapkit.cli import main
from gapkit.models import save_model
from gapkit.models.reference import build
from gapkit.results import Result

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PYTHON = (ROOT / "docs" / "python.md").read_text("utf-8")
MODEL = ROOT / "analyses" / "bring_your_own" / "bdmc_vae.py"


def test_the_python_example_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = [b for b in re.findall(r"```python\n(.*?)```", README, re.S) if "gapkit.analyze" in b]
    assert block in PYTHON
    torch.manual_seed(0)
    exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "nats between log p(x) at" in printed
    assert printed.count("±") > 10  # the summary and the table show their errors
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_example_opens_what_a_run_names(tmp_path, monkeypatch):
    (block,) = [b for b in re.findall(r"```python\n(.*?)```", PYTHON, re.S) if "Source.of" in b]
    model = build("mlp_vae", x_shape=(1, 8, 8), latent=2, hidden=(8,))
    save_model(model, tmp_path / "vae.pt", extra={"data": "digits", "binarize": "dynamic"})
    monkeypatch.chdir(tmp_path)
    words = ["vae.pt", "--limit", "5", "--effort", "quick", "--format", "none", "--out", "run"]
    monkeypatch.setattr(sys, "argv", ["gapkit", "analyze", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    names = {}
    exec(compile(block, "python.md", "exec"), names)
    pd.testing.assert_frame_equal(names["again"].to_frame(), Result.load("run").to_frame(), check_exact=True)


def test_the_model_file_is_the_one_shown_and_short():
    text = MODEL.read_text("utf-8")
    assert f"```python\n{text.rstrip()}\n```" in README
    assert len(text.splitlines()) <= 25


@pytest.mark.slow
def test_the_model_file_opens_a_file_like_the_published_one(tmp_path, monkeypatch, capsys):
    """Legacy format, float64 weights, under `state_dict` beside an epoch."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("bdmc_vae", MODEL)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    payload = {"epoch": 9, "state_dict": module.VAE().double().state_dict()}
    torch.save(payload, tmp_path / "bdmc_mnist_vae.pth", _use_new_zipfile_serialization=False)
    np.savez(tmp_path / "mnist.npz", x_test=np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8))
    (tmp_path / "bdmc_vae.py").write_text(MODEL.read_text("utf-8"))
    monkeypatch.chdir(tmp_path)
    (command,) = re.findall(r"^gapkit (analyze bdmc_mnist_vae.pth .*)$", README, re.M)
    words = [*command.replace("--limit 200", "--limit 3").split(), "--effort", "quick"]
    monkeypatch.setattr(sys, "argv", ["gapkit", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "nats between log p(x) at" in capsys.readouterr().out


def test_the_test_command_is_what_ci_runs():
    assert "make test" in README
    assert "make test" in (ROOT / ".ci" / "run").read_text()
