"""The train command on a small app of its own."""

import subprocess
import sys

import pytest
import torch
import typer
from typer.testing import CliRunner

from gapkit import analyze, spec_for
from gapkit.checkpoints import load
from gapkit.cli.train import train
from gapkit.core.errors import InputError
from gapkit.inputs.data import binarize
from gapkit.inputs.data import load as load_data
from gapkit.models import HEADS, load_model
from gapkit.target import family_name, recognise
from tests.fast import only


@pytest.fixture
def invoke():
    app = typer.Typer()
    app.command()(train)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_trains_and_names_the_next_command(tmp_path, invoke):
    out = tmp_path / "run"
    result = invoke("--data", "digits", "--out", out, "--epochs", 2, "--hidden", "16,8", "--latent", 2, "--limit", 200)
    assert result.exit_code == 0, result.output
    assert "epoch 2/2" in result.output
    assert f"model: {out}/model.pt (epoch 2" in result.output
    assert f"gapkit analyze {out}/model.pt --data digits --binarize sample" in result.output
    assert (out / "model.pt").is_file()


@pytest.mark.parametrize("posterior", HEADS)
def test_posteriors_are_trained_by_name(tmp_path, invoke, posterior):
    words = ("--data", "digits", "--epochs", 2, "--hidden", "16", "--latent", 2, "--limit", 200)
    result = invoke(*words, "--out", tmp_path, "--posterior", posterior)
    assert result.exit_code == 0, result.output
    model = load_model(tmp_path / "model.pt")
    assert family_name(recognise(model.encode(torch.zeros(3, 1, 8, 8)))) == posterior


@pytest.mark.parametrize("objective", only(["iwae", "wake_sleep", "mcem", "full_vb"], "mcem"))
def test_what_any_objective_leaves_is_analysed(tmp_path, invoke, objective):
    words = ("--data", "digits", "--epochs", 2, "--hidden", "16", "--latent", 2, "--limit", 200)
    further = ("--optimizer", "adagrad", "--weight-prior", 1, "--initial-std", 0.1)
    result = invoke(*words, *further, "--out", tmp_path, "--objective", objective)
    assert result.exit_code == 0, result.output
    loaded = load(tmp_path / "model.pt")
    assert loaded.extra["config"]["objective"] == objective
    x = binarize(load_data("digits", split="test", limit=4).x, "threshold", 0)
    gaps = analyze(loaded.model, x, spec_for("quick")).to_frame()
    assert (gaps["total_gap"] > 0).all()


def test_the_help_names_every_posterior(invoke):
    shown = " ".join(invoke("--help").output.split())
    assert all(name in shown for name in HEADS)


def test_bad_input_reaches_the_command_line_as_an_input_error(tmp_path, invoke):
    digits = ("--data", "digits")
    wrong = (("--hidden", "a,b"), ("--epochs", 0), ("--posterior", "planar"), ("--posterior", "flow", "--latent", 1))
    for words in (("--data", "digts"), *((*digits, *more) for more in wrong)):
        result = invoke(*words, "--out", tmp_path)
        assert isinstance(result.exception, InputError), result.output


def test_importing_the_command_does_not_import_torch():
    code = "import sys, gapkit.cli.train; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
