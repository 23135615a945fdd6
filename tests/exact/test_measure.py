"""How an analysis is held against the truth, and the page that is made of it."""

import json
import sys
from dataclasses import replace

import pytest
import torch

from benchmarks import truth as command
from benchmarks.exact import CASES, build
from benchmarks.exact.measure import Measured, measure, strictly_right
from benchmarks.readme_truth import truth

GOOD = Measured(
    25,
    bias=0.01,
    rmse=0.02,
    worst=0.05,
    z_rms=1.1,
    flagged=0.0,
    missed=0.0,
    gradients=1500.0,
    seconds=1.0,
    action="family",
)


def test_names_and_kinds():
    assert build("ring").name == "ring"
    with pytest.raises(KeyError):
        build("no such case")
    assert len(CASES) >= 50


def test_verdicts():
    assert GOOD.verdict == "right"
    assert replace(GOOD, bias=0.06).verdict == "noticed"
    assert replace(GOOD, z_rms=1.6).verdict == "noticed"
    assert replace(GOOD, z_rms=None).verdict == "noticed"
    assert replace(GOOD, bias=0.06, missed=0.1).verdict == "missed"
    assert replace(GOOD, contradicted=True).verdict == "missed"
    assert Measured(25, error="ValueError: no").verdict == "failed"
    assert replace(GOOD, refused="asked: a slope").verdict == "refused"
    assert strictly_right(GOOD)
    assert not strictly_right(replace(GOOD, bias=0.03))
    assert not strictly_right(replace(GOOD, flagged=0.04))


def test_a_model_in_closed_form_is_right():
    found = measure(build("linear_small"), "quick")
    assert found.verdict == "right"
    assert abs(found.star) < 0.05
    assert found.action == "family"
    assert not found.contradicted


def test_a_wrong_truth_is_seen():
    case = build("linear_small")
    found = measure(replace(case, exact=case.exact + 0.3, fault="encoder"), "quick")
    assert found.bias == pytest.approx(-0.3, abs=0.03)
    assert found.verdict == "missed"
    assert found.missed == 1.0
    assert found.contradicted


@pytest.mark.slow
def test_a_model_that_raises_is_a_result_and_one_that_is_refused_goes_on():
    class Broken:
        def __getattr__(self, name):
            raise RuntimeError("nobody home")

    assert measure(replace(build("linear_small"), model=Broken()), "quick").verdict == "failed"
    found = measure(build("rounding_decoder"), "quick")
    assert found.verdict == "refused"
    assert "slope" in found.refused
    assert found.bias is not None


def test_the_command_writes_what_the_page_reads(tmp_path, monkeypatch, capsys):
    file = tmp_path / "truth.json"
    words = ["truth", "linear_small", "--effort", "quick", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", words)
    command.main()
    monkeypatch.setattr(sys, "argv", [*words[:1], "collapsed", *words[2:], "--keep"])
    command.main()
    assert "linear_small" in capsys.readouterr().out
    found = json.loads(file.read_text("utf-8"))
    assert list(found["cases"]) == ["linear_small", "collapsed"]
    page = truth(found, found)
    assert "| linear small | right |" in page
    assert "* Handled at quick: linear small; collapsed." in page
    width = {line.count("|") for line in truth(found).splitlines() if line.startswith("| linear small | right")}
    assert len(width) == 1
    found["cases"]["linear_small"]["efforts"]["quick"] |= {
        "bias": None,
        "error": "ValueError: a | b",
        "verdict": "failed",
    }
    assert "ValueError: a / b" in truth(found)


def test_unknown_names_are_refused(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["truth", "no_such_case"])
    with pytest.raises(SystemExit):
        command.main()


@pytest.mark.slow
def test_data_are_of_the_models_type():
    for name in ("ring", "linear_small", "counts_of_1000"):
        case = build(name)
        assert case.exact.dtype == torch.float64
        assert case.exact.shape == (len(case.x),)
        assert 20 <= len(case.x) <= 30
