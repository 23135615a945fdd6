"""Certificates on exact models and through the command line."""

import json
import sys

import pytest
import torch

import gapkit
from gapkit.cli import main
from gapkit.core.errors import InputError
from gapkit.models.native import save_model
from gapkit.models.reference import build
from gapkit.target.simulate import simulate
from tests.yardsticks import ppca


def test_the_sandwich_holds_the_truth():
    model = ppca("scaled", 0.5)
    certificate = gapkit.certify(model, num_datapoints=60, seed=3)
    x, _ = simulate(model, 60, 3)
    exact = model.log_px(x).numpy()
    frame = certificate.datapoints
    for side in (exact - frame["lower"], frame["upper"] - exact):
        assert side.mean() > -4 * side.std() / 60**0.5
    assert certificate.summary.loc["gap", "mean"] < 0.05
    assert certificate.summary.loc["gap", "mean"] == certificate.summary_values.gap.mean
    assert certificate.summary.index.tolist() == ["lower", "upper", "gap"]
    assert repr(certificate.summary).count("±") == 1 + 3
    assert "±" in repr(certificate.table)
    assert certificate.to_frame().equals(frame)
    assert "60 datapoints" in certificate.sentence()
    assert len(frame) == 60
    again = gapkit.certify(model, num_datapoints=60, seed=3).datapoints
    assert frame.equals(again)


def test_too_few_datapoints():
    with pytest.raises(InputError, match="at least 2"):
        gapkit.certify(ppca(), num_datapoints=1)


def test_the_command(tmp_path, monkeypatch, capsys):
    save_model(build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)), tmp_path / "m.pt")
    words = ["gapkit", "certify", str(tmp_path / "m.pt"), "--datapoints", "12", "--effort", "quick"]
    monkeypatch.setattr(sys, "argv", [*words, "--out", str(tmp_path / "c.json")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "sandwich of" in capsys.readouterr().out
    assert json.loads((tmp_path / "c.json").read_text())["summary"]["gap"]["count"] == 12
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2  # the file is there


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--device", "tpu9"], "cuda:N"),
        (["--out", "nowhere/c.json"], "nowhere"),
        (["--effort", "huge"], "thorough"),
        (["--datapoints", "1"], "at least 2"),
        pytest.param(
            ["--device", "cuda"],
            "--device cpu",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device to use"),
        ),
    ],
)
def test_bad_input_is_explained(words, message, tmp_path, monkeypatch, capsys):
    save_model(build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)), tmp_path / "m.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gapkit", "certify", "m.pt", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["m.pt"]
