"""`gapkit export` as a user runs it: the whole table comes out, and no file is lost."""

import pandas as pd
import pytest

from gapkit.results import Result
from tests.processes import TABLES, python
from tests.results.by_hand import ODD


@pytest.fixture
def run(tmp_path):
    return ODD["two splits"]().save(tmp_path / "run")


def table(path):
    return pd.read_csv(path, keep_default_na=False, na_values=["nan"])


def test_the_table_is_written_into_the_run_and_reads_back(gapkit, run):
    code, out, err = gapkit("export", run)
    assert code == 0, err
    assert out.strip() == f"table: {run / 'datapoints.csv'}"
    frame = Result.load(run).to_frame()
    pd.testing.assert_frame_equal(table(run / "datapoints.csv"), frame, check_exact=True, check_dtype=False)


def test_another_file(gapkit, run, tmp_path):
    before = sorted(path.name for path in run.iterdir())
    assert gapkit("export", run, "--format", "csv", "--out", "t.txt")[0] == 0
    assert len(table(tmp_path / "t.txt")) == len(Result.load(run).to_frame())
    assert sorted(path.name for path in run.iterdir()) == before


@pytest.mark.parametrize("words", [(), ("--out", "t.csv")])
def test_a_file_that_differs_is_kept(words, gapkit, run, tmp_path):
    path = tmp_path / "t.csv" if words else run / "datapoints.csv"
    assert gapkit("export", run, *words)[0] == 0
    assert gapkit("export", run, *words)[0] == 0  # the same once more
    noted = path.read_text() + "my notes\n"
    path.write_text(noted)
    code, _, err = gapkit("export", run, *words)
    assert code == 2
    assert "another file of that name" in err
    assert path.read_text() == noted
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []


def test_overwrite_replaces_an_earlier_table_and_nothing_else(gapkit, run, tmp_path):
    other = ODD["labels"]().save(tmp_path / "other")
    assert gapkit("export", other, "--out", "t.csv")[0] == 0
    code, _, err = gapkit("export", run, "--out", "t.csv")
    assert code == 2
    assert "--overwrite" in err
    assert gapkit("export", run, "--out", "t.csv", "--overwrite")[0] == 0
    assert len(table(tmp_path / "t.csv")) == len(Result.load(run).to_frame())
    ours = (tmp_path / "t.csv").read_bytes()
    with_notes = b"\n".join(line + (b",mine" if line else b"") for line in ours.split(b"\n"))
    for content in (ours + b"my notes\n", with_notes, b"split,index\n", b"\xff", b""):
        (tmp_path / "t.csv").write_bytes(content)
        code, _, err = gapkit("export", other, "--out", "t.csv", "--overwrite")
        assert code == 2
        assert "did not write" in err
        assert (tmp_path / "t.csv").read_bytes() == content


BAD = {
    "no run": (["nowhere"], "no datapoints.parquet"),
    "unknown format": (["run", "--format", "xlsx"], "use csv"),
    "a folder": (["run", "--out", "run"], "a folder of that name"),
    "the run's own table": (["run", "--out", "run/datapoints.parquet"], "another file of that name"),
    "no such folder": (["run", "--out", "nowhere/t.csv"], "nowhere"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(name, gapkit, run, tmp_path):
    words, expected = BAD[name]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, _, err = gapkit("export", *words)
    assert code == 2
    assert expected in err
    assert "to do:" in err
    assert "Traceback" not in err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_it_needs_no_torch(run):
    code = f"import sys\nsys.argv = ['gapkit', 'export', {str(run)!r}]\nfrom gapkit.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit as stop:\n    sys.exit(stop.code or 'torch' in sys.modules)"
    assert python(code, after=TABLES).returncode == 0
    assert (run / "datapoints.csv").is_file()
