"""The analysis of meta-amortization with its smallest budget, and the page about many data sets."""

import json
import re
import sys
from pathlib import Path

import pytest

from analyses.meta_amortization.__main__ import EXPERIMENTS, main
from analyses.meta_amortization.settings import BUDGETS
from gapkit import Result
from gapkit.cli import main as gapkit

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_smallest_budget_makes_the_whole_report(tmp_path, monkeypatch, capsys):
    words = ["--budget", "smoke", "--mnist", "digits", "--work", tmp_path / "work", "--out", tmp_path / "out"]
    monkeypatch.setattr(sys, "argv", ["meta_amortization", *map(str, words), "--workers", "1"])
    main()
    printed = capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert (tmp_path / "out" / "report.pdf").stat().st_size > 10_000
    names = [each.__name__.rpartition(".")[2] for each in EXPERIMENTS]
    assert all(list((tmp_path / "out").glob(f"{name}*.csv")) for name in names)
    claims = json.loads((tmp_path / "out" / "claims.json").read_text())
    assert len(claims["judged"]) >= 15
    assert {len(one["trainings"]) for one in claims["judged"]} == {BUDGETS["smoke"].seeds}
    assert "report.html" in printed
    assert "Meta-amortization" in page


@pytest.mark.slow
def test_the_page_about_many_data_sets_works(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "many_data_sets.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (command,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    assert "steps=5000" in code
    assert "steps=500," in code
    short = (
        re.sub(r"steps=\d+", "steps=3", code).replace("latent=5", "latent=5, epochs=2").replace("(512, 512)", "(9,)")
    )
    monkeypatch.chdir(tmp_path)
    exec(compile(short, "many_data_sets.md", "exec"), {})
    line = [*command.split(), "--effort", "quick", "--format", "none", "--out", "run"]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as ended:
        gapkit()
    assert not ended.value.code
    assert "meta_amortization_gap" in Result.load(tmp_path / "run").to_frame()
