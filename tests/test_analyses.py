"""Analyses: what the lab makes is made once, pages hold what was found, and every experiment runs."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analyses.inference_suboptimality.jobs import counted
from analyses.inference_suboptimality.settings import BUDGETS, KINDS, analysed, sources, trained
from analyses.inference_suboptimality.study import Study
from analyses.lab import Lab, Refitted, Source, key_of
from analyses.page import Drawn, Part, write
from gapkit.comparison import Claim, judge
from gapkit.plots.style import new_axes
from gapkit.report.blocks import PlusMinus

SMOKE, ROOT = BUDGETS["smoke"], Path(__file__).parents[1]


def drawn():
    ax = new_axes(2.0, 1.0)
    ax.plot([0, 1])
    return ax


PART = Part(
    "sizes",
    "How large?",
    ("It changes by -0.5 nats.",),
    {
        "Means": pd.DataFrame({"Model": ["a", "b"], "Gap": [PlusMinus(1.25, 0.5), PlusMinus(2.0, None)], "n": [3, 4]}),
        "Others": pd.DataFrame({"Model": ["a"], "Bound": [np.nan]}),
    },
    {"curve": Drawn(drawn, "A curve.", "A rising line.")},
    (judge(Claim("It is positive", "x"), [1.0, 1.1, 0.9]),),
    ("Small print.",),
)


def test_a_page_has_tables_figures_claims_and_words(tmp_path):
    write(tmp_path, "Sizes", [PART])
    with (tmp_path / "sizes_1.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["Model", "Gap", "Gap se", "n"]
    assert rows[1:] == [["a", "1.2500", "0.5000", "3"], ["b", "2.0000", "", "4"]]
    assert (tmp_path / "sizes_2.csv").read_text() == "Model,Bound\na,\n"
    assert json.loads((tmp_path / "claims.json").read_text())["judged"][0]["verdict"] == "holds"
    page = (tmp_path / "report.html").read_text("utf-8")
    for words in ("It changes by −0.5 nats.", "1.250 ± 0.500", "It is positive", "A curve.", "Small print."):
        assert words in page, words
    assert (tmp_path / "report.pdf").read_bytes()[:5] == b"%PDF-"


def test_jobs_have_names_by_what_they_depend_on():
    source = sources(SMOKE)["digits"]
    jobs = [trained(SMOKE, source, kind, seed) for kind in KINDS for seed in range(2)]
    jobs += [trained(SMOKE, Source("digits", "digits", "threshold"), "FFG")]
    jobs += [Refitted(jobs[0], (("epochs", 2),)), analysed(SMOKE, jobs[0]), analysed(SMOKE, jobs[0], "mean_field")]
    assert len({key_of(job) for job in jobs}) == len(jobs)
    assert key_of(trained(SMOKE, source, "FFG")) == key_of(jobs[0])


@pytest.mark.parametrize("budget", BUDGETS)
def test_every_budget_has_its_jobs(budget, tmp_path):
    found = counted(Study(Lab(tmp_path), BUDGETS[budget], sources(BUDGETS[budget])))
    seeds, main = BUDGETS[budget].seeds, BUDGETS[budget].sets[0]
    further = 1 + bool(BUDGETS[budget].long)  # of two latents, and the longer one
    assert found[f"{main}: trained"] == len(KINDS) * seeds + further
    assert {kind.partition(":")[0] for kind in found} == set(BUDGETS[budget].sets)


def test_what_was_made_is_not_made_again(tmp_path, monkeypatch):
    lab, source = Lab(tmp_path, workers=1), sources(SMOKE)["digits"]
    job = trained(SMOKE, source, "FFG", epochs=1)
    lab.make([job])
    assert lab.model(job).latent_shape == (3,)
    monkeypatch.setattr("analyses.lab._make", lambda *_: pytest.fail("made twice"))
    lab.make([job, job])


@pytest.mark.slow
def test_the_study_of_inference_suboptimality_runs(tmp_path):
    words = ["--budget", "smoke", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"), "--workers", "1"]
    command = [sys.executable, "-W", "error", "-m", "analyses.inference_suboptimality", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    claims = json.loads((tmp_path / "out" / "claims.json").read_text())["judged"]
    assert len(claims) > 20
    assert {len(one["trainings"]) for one in claims} == {2}
