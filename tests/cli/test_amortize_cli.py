"""``gapkit amortize``, and the page of docs/ that shows it: a user's own model of 20 lines."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from gapkit.cli import main
from gapkit.results import Result
from gapkit.results.amortization import Study

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "your_hierarchical_model.md").read_text("utf-8")
OWN = ROOT / "analyses" / "bring_your_own"
LINE = """
from torch.distributions import Normal
from gapkit.joint import HierarchicalModel


class Line(HierarchicalModel):
    global_size = 1

    def __init__(self, slope=1.0):
        self.slope = slope

    def log_prior(self, theta):
        return Normal(0.0, 1.0).log_prob(theta).sum(-1)

    def log_local(self, theta, z, x):
        z = z[..., 0]
        return Normal(0.0, 1.0).log_prob(z) + Normal(theta + self.slope * z, 0.5).log_prob(x[:, 0])


def plain():
    return 3
"""


def _block(name, kind):
    (found,) = re.findall(rf"<!-- {name}: begin -->\n```{kind}\n(.*?)```\n<!-- {name}: end -->", PAGE, re.S)
    return found


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    (tmp_path / "line.py").write_text(LINE)
    np.savetxt(tmp_path / "x.csv", np.linspace(-2, 3, 12), header="value", comments="")
    monkeypatch.chdir(tmp_path)

    def called(*words):
        monkeypatch.setattr("sys.argv", ["gapkit", "amortize", *words])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return called


def test_a_model_file_becomes_a_verdict_and_a_folder(run, tmp_path):
    code, out, _ = run("line.py:Line", "--data", "x.csv", "--model-arg", "slope=2.0", "--format", "html")
    assert code == 0
    assert out.startswith("Amortize: a polynomial of degree 1 in x[n] loses 0.000 nats over 12 datapoints")
    folder = tmp_path / "gapkit-amortize-Line"
    assert {path.name for path in folder.iterdir()} == {
        "amortization.json",
        "datapoints.parquet",
        "report.html",
        "run.json",
        "summary.json",
    }
    study = Study.of(json.loads((folder / "amortization.json").read_text()))
    assert (study.model, study.objective) == ("Line", "exact")
    assert Result.load(folder).ladder.bottom.label == "L[const]"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("line.py:plain", "--data", "x.csv"), "derive the class from gapkit.joint.HierarchicalModel"),
        (("line.py:Lines", "--data", "x.csv"), "did you mean Line?"),
        (("line.py:Line", "--data", "y.csv"), "y.csv"),
        (("line.py:Line", "--data", "x.csv", "--half-widths", "0,one"), "give such as --half-widths 0,1"),
        (("line.py:Line", "--data", "x.csv", "--widths", "0"), "give such as --widths 1,2"),
        (("line.py:Line", "--data", "x.csv", "--format", "doc"), "doc"),
    ],
)
def test_bad_input_is_explained(run, tmp_path, words, said):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / "gapkit-amortize-Line").exists()


def test_a_folder_that_holds_something_is_refused(run, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "run.json").write_text("{}")
    code, _, err = run("line.py:Line", "--data", "x.csv", "--out", "full")
    assert code == 2
    assert "choose another one (--out)" in err


def test_the_model_of_the_page_is_that_of_the_tree():
    code = _block("model", "python")
    assert code == (OWN / "places.py").read_text("utf-8")
    body = code.split("class Places", 1)[1]
    assert len(body.splitlines()) <= 20


@pytest.mark.slow
def test_the_page_says_what_the_command_says(run, tmp_path):
    for name in ("places.py", "places.csv"):
        (tmp_path / name).write_text((OWN / name).read_text("utf-8"))
    (line,) = [line for line in PAGE.splitlines() if line.startswith("gapkit amortize")]
    code, out, _ = run(*line.split()[2:])
    assert code == 0
    # Numbers may differ in their last digits where another processor rounds otherwise.
    numbers = re.compile(r"\d+\.\d+")
    told, found = _block("verdict", "text"), out
    assert numbers.sub("#", told) == numbers.sub("#", found)
    pairs = zip(numbers.findall(told), numbers.findall(found), strict=True)
    assert all(float(one) == pytest.approx(float(other), abs=0.05) for one, other in pairs)


@pytest.mark.slow
def test_the_python_of_the_page_runs(monkeypatch, tmp_path):
    (block,) = [part for part in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "found = analyze" in part]
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(OWN))
    x = torch.from_numpy(np.loadtxt(OWN / "places.csv", delimiter=",", skiprows=1))
    quick = block.replace("    x,\n", "    x,\n    settings=quick,\n    widths=(),\n")
    from gapkit.joint import Settings

    names = {"x": x[:15], "other_x": x[15:30], "quick": Settings(steps=60, polish=30, starts=2, seeds=(0,))}
    exec(compile(quick, "your_hierarchical_model.md", "exec"), names)
    assert len(names["found"].result.datapoints) == 2
    assert (tmp_path / "report.pdf").exists()
