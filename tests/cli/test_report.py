"""`gapkit report`: the report again from stored results, without model, data or torch."""

import os

import numpy as np
import pytest

from gapkit.report import build, render
from gapkit.results import Result
from tests.processes import TABLES, python
from tests.report.pages import Page
from tests.results.by_hand import nothing, three

FILES = ["datapoints.parquet", "run.json", "summary.json"]


@pytest.fixture
def run(tmp_path):
    return three(run={"checkpoint": {"name": "vae.pt"}}).save(tmp_path / "run")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_both_reports_are_made_beside_the_results(gapkit, run):
    code, out, err = gapkit("report", run)
    assert code == 0, err
    assert names(run) == sorted([*FILES, "report.html", "report.pdf"])
    assert (run / "report.html").read_text() == render(build(Result.load(run)))
    assert (run / "report.pdf").read_bytes().startswith(b"%PDF")
    assert f"report: {run / 'report.html'}" in out.replace("\n", "")


def test_old_reports_are_replaced(gapkit, run):
    (run / "report.html").write_text("old")
    (run / "report.pdf").write_text("old")
    assert gapkit("report", run, "--format", "html")[0] == 0
    assert "<h1" in (run / "report.html").read_text()
    assert (run / "report.pdf").read_text() == "old"
    assert (run / "report.html").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_elsewhere_it_links_to_nothing_that_is_not_there(gapkit, run, tmp_path):
    code, _, err = gapkit("report", run, "--format", "PDF, html", "--out", "new/place")
    assert code == 0, err
    assert names(tmp_path / "new" / "place") == ["report.html", "report.pdf"]
    assert names(run) == FILES
    links = {attrs["href"] for attrs in Page((tmp_path / "new" / "place" / "report.html").read_text()).all("a")}
    assert links
    assert all(link.startswith("#") for link in links)
    assert gapkit("report", run)[0] == 0
    assert "datapoints.parquet" in {attrs["href"] for attrs in Page((run / "report.html").read_text()).all("a")}


def test_the_runs_own_folder_may_be_named(gapkit, run):
    assert gapkit("report", run, "--out", run)[0] == 0
    assert "report.html" in names(run)


def test_a_run_without_finite_numbers(gapkit, tmp_path):
    nothing().save(tmp_path / "empty")
    assert gapkit("report", "empty")[0] == 0
    assert "no datapoint gave finite numbers" in (tmp_path / "empty" / "report.html").read_text()


def test_neither_torch_nor_models_are_imported(run):
    code = (
        "import sys\n"
        f"sys.argv = ['gapkit', 'report', {str(run)!r}]\n"
        "from gapkit.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        "names = 'torch', 'gapkit.models', 'gapkit.engine', 'gapkit.inputs.data'\n"
        "unwanted = [module for module in sys.modules if module.startswith(names)]\n"
        "assert not unwanted, unwanted\n"
    )
    done = python(code, after=TABLES)
    assert done.returncode == 0, done.stderr
    assert "report.pdf" in names(run)


def another(run):
    three().save(run.parent / "other")


def damaged(run):
    (run / "datapoints.parquet").write_bytes(b"PAR1")


BAD = {
    "unknown format": (None, ["--format", "docx"], "html or pdf"),
    "one of two is unknown": (None, ["--format", "html,docx"], "no format docx"),
    "no format": (None, ["--format", ","], "no format at all"),
    "no run": (lambda run: (run / "run.json").unlink(), [], "no run.json"),
    "a damaged table": (damaged, [], "damaged"),
    "the folder of another run": (another, ["--out", "other"], "another run"),
    "a file in the way": (lambda run: (run.parent / "file").write_text(""), ["--out", "file/x"], "--out"),
    "the place is a file": (lambda run: (run.parent / "file").write_text(""), ["--out", "file"], "--out"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(name, gapkit, run, tmp_path):
    spoil, words, expected = BAD[name]
    if spoil:
        spoil(run)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    code, _, err = gapkit("report", run, *words)
    assert code == 2
    assert expected in err
    assert "to do:" in err
    assert "Traceback" not in err
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_details_and_further_numbers_survive(gapkit, tmp_path):
    result = three()
    Result(result.datapoints, result.summary_values, {"settings": {"seed": np.int64(3)}}).save(tmp_path / "run")
    assert gapkit("report", "run", "--format", "html")[0] == 0
    assert "Settings and provenance" in (tmp_path / "run" / "report.html").read_text()
