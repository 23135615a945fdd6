"""`gapkit compare`, and `gapkit analyze` on a series of checkpoints, as a user runs them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer

from gapkit.cli.publish import publish
from gapkit.cli.series import analyze_series, find_checkpoints
from gapkit.core.errors import InputError
from gapkit.inputs.data import load
from gapkit.results import Result
from gapkit.training import TrainConfig, train
from tests.results.by_hand import nothing, three, uneven

FILES = ["compare.html", "compare.pdf", "comparison.json"]
WORDS = ("--effort", "quick", "--limit", 20)


@pytest.fixture
def two(tmp_path):
    for name, seed in (("one", 0), ("two", 1)):
        uneven(seed=seed, run={"checkpoint": {"name": f"{name}.pt"}, "settings": {"seed": 0}}).save(tmp_path / name)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_two_runs(gapkit, two, tmp_path):
    code, out, err = gapkit("compare", "one", "two", "--out", "new")
    assert code == 0, err
    assert names(tmp_path / "new") == FILES
    values = json.loads((tmp_path / "new" / "comparison.json").read_text())
    assert values["reference"] == "one"
    assert values["failed"] == {}
    difference = values["splits"]["test"]["differences"]["two"]["quantities"]["elbo"]
    assert f"{difference['mean']:+.3f}" in out
    assert "two against one: " in out
    assert "two minus one: 12 datapoints of test in common" in out
    assert "L[q*]" in out
    assert out.strip().endswith("new/compare.html")
    assert "Inference gaps of two against one" in (tmp_path / "new" / "compare.html").read_text()
    assert (tmp_path / "new" / "compare.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.usefixtures("no_pictures")
def test_names_may_be_given_and_are_text(gapkit, two, tmp_path):
    bad = "[bold]<script>alert(1)</script> 🎲"
    code, out, err = gapkit("compare", f"{bad}=one", "b=c=two" if (tmp_path / "c=two").exists() else "b=two")
    assert code == 0, err
    assert f"b against {bad}" in out.replace("\n", " ")
    values = json.loads((tmp_path / "gapkit-comparison" / "comparison.json").read_text())
    assert list(values["runs"]) == [bad, "b"]
    assert (tmp_path / "gapkit-comparison" / "compare.html").read_text().count("<script") == 1


def test_folders_of_one_name_are_told_apart(gapkit, tmp_path):
    for place in ("x", "y"):
        three().save(tmp_path / place / "run")
    (tmp_path / "x" / "run").rename(tmp_path / "x" / "a=run")
    three().save(tmp_path / "x" / "run")
    assert gapkit("compare", "x/run", "y/run", "x/a=run", "--format", "html", "--out", "new")[0] == 0
    assert names(tmp_path / "new") == ["compare.html", "comparison.json"]
    assert list(json.loads((tmp_path / "new" / "comparison.json").read_text())["runs"]) == ["x-run", "y-run", "x-a=run"]


def test_runs_without_finite_numbers(gapkit, tmp_path):
    nothing().save(tmp_path / "a")
    nothing().save(tmp_path / "b")
    code, out, err = gapkit("compare", "a", "b", "--out", "new")
    assert code == 0, err
    assert "no datapoint has finite numbers" in out
    assert "not finite" in out


def other_data(folder):
    for name, code in (("one", "a"), ("two", "b")):
        splits = {"test": {"datapoints": 12, "sha256": code * 64}}
        run = {"data": {"source": name, "binarize": "none", "splits": splits}}
        uneven(run=run).save(folder / f"{name}-run")


BAD = {
    "one run": (None, ["one"], "two or more"),
    "the same folder twice": (None, ["one", "a=./one"], "same folder"),
    "a name twice": (None, ["a=one", "a=two"], "more than one run named a"),
    "an empty name": (None, ["=one", "two"], "NAME=FOLDER"),
    "no path": (None, ["a=", "two"], "NAME=FOLDER"),
    "no such run": (None, ["one", "three"], "no datapoints.parquet"),
    "unknown format": (None, ["one", "two", "--format", "svg"], "html or pdf"),
    "other data": (other_data, ["one-run", "two-run"], "different data"),
    "another split": (lambda f: three(split="train").save(f / "train"), ["one", "train"], "no split in common"),
    "a folder with something": (
        lambda f: (f / "new").mkdir() or (f / "new" / "x").write_text(""),
        ["one", "two"],
        "not empty",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(name, gapkit, two, tmp_path):
    prepare, words, expected = BAD[name]
    if prepare:
        prepare(tmp_path)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    code, _, err = gapkit("compare", *words, "--out", "new")
    assert code == 2
    assert expected in err
    assert "to do:" in err
    assert "Traceback" not in err
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Checkpoints of a training, epochs 4, 8 and 12."""
    config = TrainConfig(
        data="digits", hidden=(16,), latent=3, epochs=12, learning_rate=3e-3, binarize="threshold", checkpoint_every=4
    )
    return train(config, out=tmp_path_factory.mktemp("trained")).path.parent / "checkpoints"


@pytest.fixture
def checkpoints(trained, tmp_path):
    """Copies, named so that neither the alphabet nor the numbers in their names give their order."""
    folder = tmp_path / "ckpts"
    folder.mkdir()
    for epoch, name in ((4, "c"), (8, "b"), (12, "a")):
        (folder / f"{name}.pt").write_bytes((trained / f"epoch-{epoch:04d}.pt").read_bytes())
    return folder


@pytest.mark.slow
def test_a_series_of_checkpoints(gapkit, checkpoints, tmp_path):
    (checkpoints / "b.pt").write_bytes(b"damaged")
    payload = torch.load(checkpoints / "c.pt", weights_only=True)
    payload["extra"]["data"] = "mnist"
    torch.save(payload, checkpoints / "d.pt")
    code, out, err = gapkit("analyze", "ckpts/*.pt", *WORDS)
    assert code == 2  # one of them failed
    place = tmp_path / "gapkit-ckpts"
    assert names(place) == ["a", "c", *FILES]
    assert "b.pt failed" in err
    assert "2 of 4 checkpoints failed: b, d" in err
    values = json.loads((place / "comparison.json").read_text())
    assert list(values["runs"]) == ["c", "a"]
    assert values["series"] == {
        "axis": "epoch",
        "numbers": {"c": 4, "a": 12},
        "told_by": "the configuration of their training",
    }
    assert set(values["failed"]) == {"b", "d"}
    assert "it was trained on mnist, and the series is analysed on digits" in values["failed"]["d"]
    assert "b and d could not be analysed" in (place / "compare.html").read_text()
    assert "a against c: " in out
    one, two = Result.load(place / "a"), Result.load(place / "c")
    assert one.run["data"] == two.run["data"]
    assert one.run["settings"] == two.run["settings"]
    assert (
        one.datapoints["label"].tolist() == two.datapoints["label"].tolist() == load("digits", limit=20).labels.tolist()
    )
    assert one.run["checkpoint"]["training"] == two.run["checkpoint"]["training"]
    assert {"report.html", "report.pdf"} <= set(names(place / "a"))
    assert one.run["checkpoint"]["epoch"] == 12
    levels = values["splits"]["test"]["levels"]
    assert levels["a"]["elbo"]["mean"] == pytest.approx(one.datapoints["elbo"].mean())
    assert levels["a"]["elbo"]["mean"] > levels["c"]["elbo"]["mean"]  # it was trained for longer
    assert values["splits"]["test"]["differences"]["a"]["shares_noise"]

    code, _, err = gapkit("compare", "gapkit-ckpts/c", "gapkit-ckpts/a", "--format", "html", "--out", "again")
    assert code == 0, err
    again = json.loads((tmp_path / "again" / "comparison.json").read_text())
    assert {**again, "failed": values["failed"]} == values


def test_files_and_patterns(checkpoints, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for number in (2, 10):
        (checkpoints / f"v{number}.pt").write_text("")
    (checkpoints / "folder.pt").mkdir()
    found = find_checkpoints(["ckpts/v*.pt", "ckpts/c.pt", "nowhere.pt", "ckpts/v2.pt", "./ckpts/c.pt"])
    assert [str(path) for path in found] == ["ckpts/v2.pt", "ckpts/v10.pt", "ckpts/c.pt", "nowhere.pt"]
    (tmp_path / "a[1].pt").write_text("")  # a file of that very name is no pattern
    assert find_checkpoints(["a[1].pt"]) == [Path("a[1].pt")]
    with pytest.raises(InputError, match="no file or folder that matches"):
        find_checkpoints(["ckpts/*.ckpt"])


def series_of(folder, found):
    """Go through a series whose analyses have these results already; an error is raised."""

    def run(path, out, like):
        result = found[path.stem]
        if isinstance(result, BaseException):
            raise result
        return result

    analyze_series([Path(f"{name}.pt") for name in found], folder, run, publish)


def test_only_one_of_a_series_can_be_used(tmp_path, capsys):
    with pytest.raises(typer.Exit) as stop:
        series_of(tmp_path / "run", {"a": InputError("x", "y", "z"), "b": three(), "c": RuntimeError("odd shapes")})
    assert stop.value.exit_code == 2
    printed = capsys.readouterr()
    assert "nothing to compare" in printed.out
    assert "c.pt failed" in printed.err
    assert names(tmp_path / "run") == ["b", "comparison.json"]
    failed = json.loads((tmp_path / "run" / "comparison.json").read_text())["failed"]
    assert failed == {"a": "asked: x\nfound: y\nto do: z", "c": "RuntimeError: odd shapes"}


@pytest.mark.usefixtures("no_pictures")
def test_an_interrupted_series_says_what_there_is(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        series_of(tmp_path / "run", {"a": three(), "b": KeyboardInterrupt(), "c": three()})
    assert stop.value.code == 130
    assert f"1 finished run in {tmp_path / 'run'}: a" in capsys.readouterr().err
    assert names(tmp_path / "run") == ["a"]
    with pytest.raises(SystemExit):
        series_of(tmp_path / "other", {"a": KeyboardInterrupt()})
    assert "nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("no_pictures")
def test_checkpoints_that_tell_no_epoch_keep_the_order_in_which_people_count(tmp_path):
    series_of(tmp_path / "run", {"v10": three(), "v9": uneven(), "w1": nothing()})
    assert list(json.loads((tmp_path / "run" / "comparison.json").read_text())["runs"]) == ["v9", "v10", "w1"]


NONE = {
    "no match": (["ckpts/*.ckpt"], [], "no file or folder that matches"),
    "unknown data": (["ckpts/*.pt"], ["--data", "digts"], "did you mean digits?"),
    "texts as data": (["ckpts/*.pt"], ["--data", "words.npy"], "none of the 3 could be analysed"),
    "unknown effort": (["ckpts/*.pt"], ["--effort", "huge"], "thorough"),
    "a missing file beside another": (["nowhere.pt", "nothing.pt"], [], "no such file"),
    "nothing at all": ([], [], "no CHECKPOINT"),
}


@pytest.mark.parametrize("name", NONE)
def test_a_series_without_any_run_leaves_nothing(name, gapkit, checkpoints, tmp_path):
    paths, words, expected = NONE[name]
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    code, _, err = gapkit("analyze", *paths, *WORDS, *words, "--out", "run")
    assert code == 2
    assert expected in err
    assert "Traceback" not in err
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_the_same_reason_is_told_once(gapkit, checkpoints):
    np.save("words.npy", np.array(["a", "b"]))
    _, _, err = gapkit("analyze", "ckpts/*.pt", *WORDS, "--data", "words.npy")
    assert err.count("found: ") == 2  # that of the first, and that of the series
    assert err.count("for the same reason") == 2
