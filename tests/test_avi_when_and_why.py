"""The analysis of amortized against factorized inference at its smallest budget: all runs, known numbers stand."""

import json

import pandas as pd
import pytest

from analyses.avi_when_and_why.__main__ import EXPERIMENTS
from analyses.avi_when_and_why.chain import chain
from analyses.avi_when_and_why.process import process
from analyses.avi_when_and_why.study import BUDGETS, TITLE
from analyses.page import write

SMOKE = BUDGETS["smoke"]


@pytest.mark.slow
def test_all_experiments_become_one_report(tmp_path):
    parts = [experiment(SMOKE) for experiment in EXPERIMENTS]
    write(tmp_path, TITLE, parts)
    names = {part.name for part in parts}
    assert names == {"linear", "saw", "chain", "process", "nonlinear", "bayesian_vae"}
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".json", ".html", ".pdf"}
    claims = json.loads((tmp_path / "claims.json").read_text())
    assert len(claims["judged"]) == sum(len(part.judged) for part in parts)
    linear = pd.read_csv(tmp_path / "linear_1.csv")
    assert linear["amortization gap"].iloc[-1] == pytest.approx(linear["known"].iloc[-1], abs=1e-4)
    assert abs(linear["amortization gap"].iloc[1]) < 1e-4


def test_the_chains_words_have_the_counterexamples():
    part = chain(SMOKE)
    assert "fails with the correct algebra" in part.words[1]
    assert "run from 0.382 to 1.000" in part.words[1]
    assert part.judged[0].verdict == "holds"


def test_processes_are_exact_and_need_no_seed():
    table = next(iter(process(SMOKE).tables.values()))
    assert (table["half-width 0"] > table["half-width 1"]).all()
    assert (table["half-width 1"] > table["half-width 2"]).all()
