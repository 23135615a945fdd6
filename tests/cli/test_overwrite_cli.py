"""`--overwrite` replaces results of gapkit when new ones are whole, and never touches anything else."""

import os

import numpy as np
import pytest
import torch

from gapkit.cli.app import app
from gapkit.models.native import save_model
from gapkit.models.reference import build
from gapkit.results import Result
from tests.results.by_hand import three, uneven

pytestmark = pytest.mark.usefixtures("no_pictures")
COMPARE = ("compare", "one", "two", "--format", "html", "--out", "out")


@pytest.fixture
def two(tmp_path):
    for name, seed in (("one", 0), ("two", 1)):
        uneven(seed=seed, run={"checkpoint": {"name": f"{name}.pt"}, "settings": {"seed": 0}}).save(tmp_path / name)


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    save_model(build("mlp_vae", x_shape=(1, 2, 3), latent=2, hidden=(8,)), tmp_path / "vae.pt")
    x = np.random.default_rng(0).integers(0, 2, (6, 2, 3)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x_train=x[:3], x_test=x[3:])
    return tmp_path / "vae.pt"


def everything(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_comparison_is_replaced_and_leaves_nothing_behind(gapkit, two, tmp_path):
    assert gapkit(*COMPARE)[0] == 0
    before = everything(tmp_path / "out")
    (tmp_path / "out" / ".compare.html.0f3a9c21").write_text("half")  # what a process leaves that was killed
    code, _, err = gapkit(*COMPARE)
    assert code == 2
    assert "choose another" in err
    code, _, err = gapkit("compare", "two", "one", *COMPARE[3:], "--overwrite")
    assert code == 0, err
    assert everything(tmp_path / "out").keys() == before.keys()
    assert everything(tmp_path / "out") != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "out", "two"]


def test_a_folder_of_runs_is_no_run(gapkit, two, tmp_path):
    """What lies in a folder that is itself no result is somebody's collection."""
    runs = tmp_path / "runs"
    runs.mkdir()
    for name in ("one", "two"):
        (tmp_path / name).rename(runs / name)
    before = everything(runs)
    for out in ("runs", "runs/one"):
        if out == "runs/one":
            (runs / "two").rename(runs / "one" / "copy")  # and so is what lies in a run but is none of its parts
            before = everything(runs)
        code, _, err = gapkit("demo", "--out", out, "--overwrite")
        assert code == 2, out
        assert "gapkit did not write" in err or "none of its" in err, err
        assert everything(runs) == before


def test_a_pattern_protects_what_it_is_to_read(gapkit, checkpoint, tmp_path):
    (tmp_path / "dm").mkdir()
    checkpoint.rename(tmp_path / "dm" / "model.pt")
    (tmp_path / "dm" / "run.json").write_text('{"format": 1, "command": []}')
    before = everything(tmp_path / "dm")
    code, _, err = gapkit(
        "analyze", "d*/model.pt", "--data", "x.npz", "--effort", "quick", "--out", "dm", "--overwrite"
    )
    assert code == 2
    assert "to be read" in err
    assert everything(tmp_path / "dm") == before


@pytest.mark.slow
def test_a_run_is_replaced_with_all_it_keeps(gapkit, checkpoint, tmp_path):
    words = ("analyze", checkpoint, "--data", "x.npz", "--effort", "quick", "--format", "none", "--out", "run")
    assert gapkit(*words, "--limit", 2)[0] == 0
    assert gapkit("export", "run")[0] == 0
    code, _, err = gapkit(*words, "--limit", 3, "--overwrite", "--resume")
    assert code == 2
    assert "drop one of both" in err
    code, _, err = gapkit(*words, "--limit", 3, "--overwrite", "--data", "nowhere.npz")
    assert code == 2
    code, _, err = gapkit(*words, "--limit", 3, "--overwrite", "--split", "tset")
    assert code == 2
    assert len(Result.load("run").to_frame()) == 2  # all mistakes leave it as it was
    code, _, err = gapkit(*words, "--limit", 3, "--overwrite")
    assert code == 0, err
    assert len(Result.load("run").to_frame()) == 3
    assert not (tmp_path / "run" / "datapoints.csv").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "vae.pt", "x.npz"]


def test_results_are_put_back_where_a_command_fails(gapkit, two, tmp_path, monkeypatch):
    assert gapkit(*COMPARE)[0] == 0
    before = everything(tmp_path)
    code, _, err = gapkit("compare", "one", "nowhere", *COMPARE[3:], "--overwrite")
    assert code == 2, err
    assert everything(tmp_path) == before

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gapkit.cli.compare.write_comparison", interrupted)
    code, _, err = gapkit(*COMPARE, "--overwrite")
    assert code == 130
    assert everything(tmp_path) == before


def test_an_empty_folder_or_none_is_no_obstacle(gapkit, two, tmp_path):
    assert gapkit(*COMPARE, "--overwrite")[0] == 0
    (tmp_path / "empty").mkdir()
    assert gapkit(*COMPARE[:-1], "empty", "--overwrite")[0] == 0


def own_file(folder):
    (folder / "notes.txt").write_text("mine")


def own_file_below(folder):
    (folder / "units" / "test").mkdir(parents=True)
    (folder / "units" / "test" / "notes.txt").write_text("mine")


def own_folder(folder):
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.tex").write_text("mine")


def empty_folder(folder):
    (folder / "mine").mkdir()


def link(folder):
    (folder / "model.pt").symlink_to(folder.parent / "one")


def other_json(folder):
    for path in folder.iterdir():
        path.unlink()
    (folder / "run.json").write_text('{"steps": 5}')


def no_json(folder):
    for path in folder.iterdir():
        path.unlink()
    (folder / "report.html").write_text("<p>mine</p>")


@pytest.mark.parametrize(
    "spoil", [own_file, own_file_below, own_folder, empty_folder, link, other_json, no_json], ids=lambda f: f.__name__
)
def test_what_gapkit_did_not_write_is_never_replaced(spoil, gapkit, two, tmp_path):
    three().save(tmp_path / "out")
    spoil(tmp_path / "out")
    before = everything(tmp_path)
    code, _, err = gapkit(*COMPARE, "--overwrite")
    assert code == 2
    assert "--overwrite out" in err
    assert "choose another --out, or remove it yourself" in err
    assert everything(tmp_path) == before


def test_places_that_are_no_folder_of_results(gapkit, two, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    code, _, err = gapkit(*COMPARE[:-1], "file", "--overwrite")
    assert code == 2
    assert "a file of that name" in err
    (tmp_path / "link").symlink_to(tmp_path / "one")
    code, _, err = gapkit(*COMPARE[:-1], "link", "--overwrite")
    assert code == 2
    assert "a symbolic link" in err
    (tmp_path / "home").mkdir()
    code, _, err = gapkit(*COMPARE[:-1], tmp_path, "--overwrite")
    assert code == 2
    three().save(tmp_path / "here")
    os.chdir(tmp_path / "here")
    from gapkit.cli.replacing import set_aside
    from gapkit.core.errors import InputError

    with pytest.raises(InputError, match="the folder that you are in"):
        set_aside(tmp_path / "here")
    assert Result.load(tmp_path / "here")


@pytest.mark.parametrize("words", [("compare", "one", "two"), ("compare", "a=one", "b=two")], ids=["plain", "named"])
def test_what_is_to_be_read_is_not_replaced(words, gapkit, two, tmp_path):
    before = everything(tmp_path)
    code, _, err = gapkit(*words, "--out", "one", "--overwrite")
    assert code == 2
    assert "one, which is to be read" in err
    assert everything(tmp_path) == before


@pytest.mark.slow
def test_results_stay_where_the_new_ones_are_not_whole(gapkit, checkpoint, tmp_path, monkeypatch):
    words = ("analyze", checkpoint, "--data", "x.npz", "--effort", "quick", "--format", "none", "--out", "run")
    assert gapkit(*words, "--limit", 2)[0] == 0
    before = everything(tmp_path / "run")

    def ended(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gapkit.cli.analyze.publish", ended)  # units are there, results are not
    code, _, err = gapkit(*words, "--limit", 3, "--overwrite")
    assert code == 130
    assert "run the same command with --resume" in err
    assert "the results before are in run.replaced" in err
    assert everything(tmp_path / "run.replaced") == before
    assert (tmp_path / "run" / "units").is_dir()
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)


def test_every_command_that_makes_results_can_replace_them():
    import typer

    commands = typer.main.get_command(app).commands
    able = {name for name, each in commands.items() if any(p.name == "overwrite" for p in each.params)}
    assert able == {"amortize", "analyze", "certify", "compare", "demo", "export", "refit", "score", "train"}
