"""`gapkit analyze` with local steps and with further encoders, on real digits."""

import json

import pandas as pd
import pytest
import torch

from gapkit.models import load_model, save_model

WORDS = ("--data", "digits", "--limit", 30, "--effort", "quick")


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.slow
def test_local_steps_and_a_refit_from_start_to_report(gapkit, given, tmp_path):
    options = ("--data", "digits", "--limit", 300, "--evaluate", 30)
    code, _, err = gapkit("refit", given, *options, "--epochs", 60, "--learning-rate", 0.003, "--out", "new")
    assert code == 0, err
    words = ("analyze", given, *WORDS, "--semi-amortized", 20, "--encoder", "refit=new/model.pt", "--out", "run")
    code, out, err = gapkit(*words, "--format", "html")
    assert code == 0, err
    frame = pd.read_parquet(tmp_path / "run" / "datapoints.parquet")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    report = (tmp_path / "run" / "report.html").read_text()

    curve = summary["semi_amortized"]
    assert curve["datapoints"] == 20
    assert curve["curve"][0]["elbo"]["mean"] == frame["elbo"].head(20).to_numpy().mean()
    gains = [point["gain"]["mean"] for point in curve["curve"]]
    assert gains[0] == 0 < gains[1] < gains[-1]
    assert f"{curve['steps_to_90']} local steps from the encoder's q close 90% of the amortization gap" in out
    assert "Local steps at test time" in report
    assert 'id="local-steps"' in report

    gain = summary["quantities"]["gain_refit"]
    assert gain["mean"] == pytest.approx((frame["elbo_refit"] - frame["elbo"]).mean())
    assert gain["mean"] > 4 * gain["se_datapoints"]
    assert "The encoder refit gains" in out
    assert 'data-row="gain_refit"' in report
    assert run["encoders"]["refit"]["name"] == "model.pt"
    assert len(run["encoders"]["refit"]["sha256"]) == 64
    assert run["settings"]["semi_amortized"] == 20


MINE = """
from dataclasses import dataclass
import gapkit

@dataclass(frozen=True)
class OneDraw(gapkit.Estimator):
    \"\"\"The bound of two draws.\"\"\"
    label = "Two draws"

    def on(self, target, q, key):
        return gapkit.Iwae(num_samples=2).on(target, q, key)

large = gapkit.Iwae(num_samples=64)
"""


@pytest.mark.usefixtures("no_pictures")
def test_further_bounds_from_start_to_report(gapkit, given, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    bounds = (
        "--bound",
        "reciprocal",
        "--bound",
        "mine.py:OneDraw",
        "--bound",
        "more=mine.py:large",
        "--bound",
        "again=iwae",
    )
    code, out, err = gapkit("analyze", given, *WORDS, *bounds, "--out", "run", "--format", "html")
    assert code == 0, err
    assert "Reciprocal importance" in out
    frame = pd.read_parquet(tmp_path / "run" / "datapoints.parquet")
    assert frame["reciprocal"].mean() > frame["more"].mean() > frame["OneDraw"].mean()
    assert frame["again"].mean() == pytest.approx(frame["iwae"].mean(), abs=0.5)  # the same bound of more draws
    report = (tmp_path / "run" / "report.html").read_text()
    assert "Reciprocal importance sampling (upper bound)" in report
    assert "The bound of two draws. A lower bound" in report
    assert 'data-row="more"' in report
    assert json.loads((tmp_path / "run" / "run.json").read_text())["bounds"]["more"]["settings"]["num_samples"] == 64
    code, _, err = gapkit("export", "run")
    assert code == 0, err
    assert "reciprocal,reciprocal_se" in (tmp_path / "run" / "datapoints.csv").read_text().partition("\n")[0]


def other_decoder(given, folder):
    model = load_model(given)
    with torch.no_grad():
        model.decoder.net[0].weight *= 2
    save_model(model, folder / "other.pt")


BAD = {
    "no path": (["--encoder", "refit"], "NAME=PATH"),
    "no name": (["--encoder", "=other.pt"], "letters, digits and underscores"),
    "a name twice": (["--encoder", "a=other.pt", "--encoder", "a=other.pt"], "another encoder named a"),
    "no identifier": (["--encoder", "my-refit=other.pt"], "letters, digits and underscores"),
    "a column's name": (["--encoder", "star=other.pt"], "another column"),
    "a missing file": (["--encoder", "a=nowhere.pt"], "nowhere.pt"),
    "another decoder": (["--encoder", "a=other.pt"], "different log p(x, z)"),
    "no such bound": (["--bound", "renyi"], "reciprocal, or name your own"),
    "a bound twice": (["--bound", "reciprocal", "--bound", "reciprocal"], "another bound named reciprocal"),
    "a column's name for a bound": (["--bound", "elbo=reciprocal"], "another column"),
    "a bound that is none": (["--bound", "fractions:Fraction"], "gapkit.Estimator"),
    "a bound in no file": (["--bound", "nowhere.py:Mine"], "no such file"),
    "a negative number": (["--semi-amortized", -1], "semi_amortized=-1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(name, gapkit, given, tmp_path):
    words, expected = BAD[name]
    other_decoder(given, tmp_path)
    code, _, err = gapkit("analyze", given, *WORDS, *words, "--out", "run")
    assert code == 2
    assert expected in err
    assert "to do:" in err
    assert "Traceback" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["other.pt"]
