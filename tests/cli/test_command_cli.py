"""Every file of results says by which command it was made, and old ones that do not are read all the same."""

import json
import shutil

import pytest

from gapkit.results import Result
from gapkit.results.format import FORMAT

BRIEF = ("--effort", "quick", "--limit", 10)


@pytest.mark.usefixtures("no_pictures")
def test_the_command_is_kept_as_it_was_given(gapkit, given, tmp_path):
    words = ["analyze", str(given), "--data", "digits", *map(str, BRIEF), "--format", "html", "--out", "a run"]
    code, _, err = gapkit(*words)
    assert code == 0, err
    run = json.loads((tmp_path / "a run" / "run.json").read_text())
    assert run["command"] == ["gapkit", *words]
    report = (tmp_path / "a run" / "report.html").read_text()
    assert "--limit 10 --format html --out &#39;a run&#39;" in report
    assert str(tmp_path) not in report  # where files lie is no part of a report
    shutil.copytree("a run", "b")
    assert gapkit("score", "--run", "a run", "--reference-run", "b", "--out", "scores")[0] == 0
    assert str(tmp_path) not in (tmp_path / "scores" / "score.html").read_text()
    for name in ("command", "source"):
        del run[name]
    (tmp_path / "a run" / "run.json").write_text(json.dumps(run))
    code, _, err = gapkit("report", "a run", "--format", "html")
    assert code == 0, err
    assert {"format": FORMAT, **Result.load("a run").run} == run


def test_all_commands_that_leave_a_run_keep_it(gapkit, given, tmp_path):
    made = {
        "score/score.json": ("score", given, "--data", "digits", *BRIEF, "--out", "score"),
        "new/refit.json": ("refit", given, "--data", "digits", "--epochs", 1, "--evaluate", 5, "--out", "new"),
        "c.json": ("certify", given, "--datapoints", 2, "--effort", "quick", "--out", "c.json"),
    }
    for name, words in made.items():
        code, _, err = gapkit(*words)
        assert code == 0, err
        values = json.loads((tmp_path / name).read_text())
        assert values.get("run", values)["command"] == ["gapkit", *map(str, words)]


def test_settings_of_a_file_are_written_out(gapkit, given, tmp_path):
    lines = (
        f'checkpoint = "{given}"',
        "datapoints = 2",
        "seed = 5",
        'effort = "quick"',
        "quiet = true",
        'out = "c.json"',
    )
    (tmp_path / "run.toml").write_text("\n".join(lines))
    code, _, err = gapkit("certify", "--config", "run.toml", "--seed", 7)
    assert code == 0, err
    first = json.loads((tmp_path / "c.json").read_text())
    added = ["--datapoints", "2", "--effort", "quick", "--out", "c.json", "--quiet"]
    assert first["command"] == ["gapkit", "certify", str(given), *added, "--seed", "7"]
    (tmp_path / "run.toml").unlink()
    (tmp_path / "c.json").unlink()
    assert gapkit(*first["command"][1:])[0] == 0
    again = json.loads((tmp_path / "c.json").read_text())
    assert (again["command"], again["summary"]) == (first["command"], first["summary"])


def test_a_certificate_is_replaced_and_nothing_else(gapkit, given, tmp_path):
    words = ("certify", given, "--datapoints", 2, "--effort", "quick", "--out", "c.json", "-q")
    assert gapkit(*words)[0] == 0
    first = (tmp_path / "c.json").read_bytes()
    code, _, err = gapkit(*words)
    assert code == 2
    assert "--overwrite" in err
    assert gapkit(*words, "--overwrite", "--datapoints", 0)[0] == 2  # a run that fails leaves the old one
    assert (tmp_path / "c.json").read_bytes() == first
    code, _, err = gapkit(*words, "--overwrite")
    assert code == 0, err
    assert json.loads((tmp_path / "c.json").read_text())["command"][-1] == "--overwrite"
    (tmp_path / "link.json").symlink_to("c.json")
    (tmp_path / "mine.json").write_text('{"command": ["gapkit", "analyze"], "summary": {}, "settings": {}}')
    (tmp_path / "text.json").write_text("mine")
    for name in ("link.json", "mine.json", "text.json"):
        before = (tmp_path / name).read_bytes()
        code, _, err = gapkit(*words[:-2], name, "--overwrite")
        assert code == 2
        assert "did not write" in err or "symbolic link" in err
        assert (tmp_path / name).read_bytes() == before


def test_a_series_keeps_it_in_every_run(gapkit, given, tmp_path):
    (tmp_path / "1.pt").write_bytes(given.read_bytes())
    (tmp_path / "2.pt").write_bytes(given.read_bytes())
    words = ("analyze", "[12].pt", *map(str, BRIEF), "--format", "none", "--out", "all")
    code, _, err = gapkit(*words)
    assert code == 0, err
    runs = [json.loads((tmp_path / "all" / name / "run.json").read_text()) for name in "12"]
    assert [run["command"] for run in runs] == [["gapkit", *words]] * 2
    assert [run["source"]["model"]["checkpoint"] for run in runs] == ["1.pt", "2.pt"]


@pytest.mark.slow
def test_the_demo_names_the_model_that_it_keeps(gapkit, tmp_path):
    from gapkit.sources import Source

    words = ("demo", "--epochs", "5", "--limit", "10", "--effort", "quick", "--out", "d")
    code, _, err = gapkit(*words)
    assert code == 0, err
    source = Source.of("d")
    assert source.open().data.x["test"].shape == (10, 1, 8, 8)
    assert json.loads((tmp_path / "d" / "run.json").read_text())["command"] == ["gapkit", *words]
