"""`gapkit analyze --track`: what arrives at real trackers, and that a tracker never costs a result."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gapkit.cli.job import Job
from gapkit.cli.series import steps_of
from gapkit.models import save_model
from gapkit.models.reference import build
from gapkit.results import Result
from gapkit.trackers import MlflowTracker, TensorBoardTracker
from tests.cli.run_files import FILES as WITH_REPORT
from tests.fast import only
from tests.results.by_hand import three
from tests.trackers import offline, readers

place = offline.place  # the fixture that keeps trackers in a folder, away from any server
pytestmark = pytest.mark.usefixtures("place")

WORDS = ("--data", "x.npz", "--effort", "quick", "--limit", 4, "--format", "none")
FILES = [name for name in WITH_REPORT if not name.startswith("report")]


@pytest.fixture
def checkpoint(tmp_path):
    x = np.random.default_rng(0).integers(0, 2, (12, 2, 3)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x_train=x[:4], x_test=x[4:])
    return save(tmp_path / "vae.pt", {"epoch": 7})


def save(path, extra, seed=0):
    torch.manual_seed(seed)
    return save_model(build("mlp_vae", x_shape=(1, 2, 3), latent=2, hidden=(8,)), path, extra=extra)


def read(kind, folder):
    if kind != "mlflow":
        return readers.tensorboard(folder / "runs") if kind == "tensorboard" else readers.wandb(folder)
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"{folder}/runs")
    (run,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert run.info.status == "FINISHED"
    return readers.mlflow(f"{folder}/runs", run.info.run_id, folder / "read")


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", only(list(offline.KINDS), "tensorboard"))
def test_a_run_arrives_with_its_numbers_files_and_epoch(kind, gapkit, checkpoint, tmp_path):
    name = offline.named(kind, tmp_path)
    code, out, err = gapkit("analyze", checkpoint, *WORDS, "--out", "run", "--track", name)
    assert code == 0, err
    assert files_of(tmp_path / "run") == FILES
    assert out.strip().endswith(f"tracked: {name}, step 7")
    kept, result = read(kind, tmp_path), Result.load(tmp_path / "run")
    assert kept.metrics == {(name, 7): value for name, value in offline.expected_metrics(result).items()}
    assert {step for _, step in kept.pictures} == {7}
    assert kept.params["gapkit/checkpoint/name"] == "vae.pt"
    assert kept.files == {f"gapkit/run/{file.name}": file.read_bytes() for file in (tmp_path / "run").glob("*.*")}


def test_a_run_of_unknown_epoch_has_no_step_and_goes_to_every_tracker_once(gapkit, checkpoint, tmp_path):
    save(checkpoint, {})
    names = ("--track", "tensorboard:one", "--track", "tensorboard:two", "--track", "tensorboard:one")
    code, out, err = gapkit("analyze", checkpoint, *WORDS, "--out", "run", *names)
    assert code == 0, err
    assert out.strip().endswith("tracked: tensorboard:one\ntracked: tensorboard:two")
    wanted = offline.expected_metrics(Result.load(tmp_path / "run"))
    for folder in ("one", "two"):
        assert readers.tensorboard(tmp_path / folder).metrics == {(name, 0): value for name, value in wanted.items()}
        assert len(list((tmp_path / folder).glob("*tfevents*"))) == 1


def test_where_may_be_left_to_the_configuration(gapkit, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{tmp_path}/runs")
    code, out, err = gapkit("analyze", checkpoint, *WORDS, "--out", "run", "--track", "mlflow")
    assert code == 0, err
    assert "tracked: mlflow, step 7" in out
    assert read("mlflow", tmp_path).params["gapkit/checkpoint/name"] == "vae.pt"


@pytest.mark.slow
def test_a_series_arrives_in_one_run_by_epoch(gapkit, checkpoint, tmp_path):
    for number, epoch in ((1, 30), (2, 20)):
        save(tmp_path / f"part{number}.pt", {"epoch": epoch}, seed=number)
    code, out, err = gapkit("analyze", "part*.pt", "no.pt", *WORDS, "--out", "all", "--track", "tensorboard:runs")
    assert code == 2  # for the checkpoint that is not there; the others are tracked
    assert "no.pt failed" in err
    assert out.index("tracked: tensorboard:runs, step 20") < out.index("tracked: tensorboard:runs, step 30")
    assert len(list((tmp_path / "runs").glob("*tfevents*"))) == 1
    kept = readers.tensorboard(tmp_path / "runs")
    wanted = {step: Result.load(tmp_path / "all" / f"part{number}") for number, step in ((1, 30), (2, 20))}
    assert {step for _, step in kept.metrics} == set(wanted)
    for step, result in wanted.items():
        at_step = {name: value for (name, at), value in kept.metrics.items() if at == step}
        assert at_step == offline.expected_metrics(result)
    assert {Path(file).parent.as_posix() for file in kept.files} == {"gapkit/part1", "gapkit/part2"}


def at(name, **told):
    return three(run={"checkpoint": {"name": name, **told}})


STEPS = {
    "epochs that the checkpoints tell": ([at("b.pt", epoch=9), at("a.pt", epoch=3)], [9, 3]),
    "steps where the epochs are alike": ([at("a.pt", epoch=1, step=50), at("b.pt", epoch=1, step=20)], [50, 20]),
    "epochs in the names of a training": ([at("epoch-4.pt"), at("epoch-12.pt")], [4, 12]),
    "two trainings of one length": ([at("b.pt", epoch=5), at("a.pt", epoch=5)], [1, 2]),
    "one that does not tell": ([at("a.pt", epoch=5), at("b.pt")], [1, 2]),
    "one that is left": ([at("a.pt", epoch=5)], [5]),
    "one that is left and does not tell": ([at("a.pt")], [1]),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_of_a_series(name):
    results, steps = STEPS[name]
    names = [f"run{number}" for number in range(len(results))]
    assert steps_of(dict(zip(names, results, strict=True))) == dict(zip(names, steps, strict=True))


def missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)


def a_file(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")


BAD = {
    "unknown tracker": (None, ["tensorbored:runs"], "use tensorboard:FOLDER, mlflow:URI or wandb:PROJECT"),
    "no folder": (None, ["tensorboard"], "no folder"),
    "a package that is not there": (missing, ["wandb:gaps"], "pip install 'gapkit[wandb]'"),
    "a folder that cannot be written": (a_file, ["tensorboard:file/runs"], "write event files"),
    "the folder of the results": (None, ["tensorboard:run"], "choose another place"),
    "inside the folder of the results": (None, [f"mlflow:sqlite:///{Path('run/runs.db')}"], "choose another place"),
    "the second of two": (None, ["tensorboard:runs", "tensorbored:runs"], "no tracker 'tensorbored'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_tracker_that_cannot_be_opened_ends_the_command_at_once(name, gapkit, checkpoint, monkeypatch, tmp_path):
    spoil, names, expected = BAD[name]
    if spoil:
        spoil(monkeypatch, tmp_path)
    closed, close = [], TensorBoardTracker.close

    def closing(self):
        closed.append(self.folder.name)
        close(self)

    monkeypatch.setattr(TensorBoardTracker, "close", closing)
    monkeypatch.setattr(Job, "run", lambda *_, **__: pytest.fail("the analysis began"))
    words = [word for each in names for word in ("--track", each)]
    code, _, err = gapkit("analyze", checkpoint, *WORDS, "--out", "run", *words)
    assert code == 2
    assert expected in err
    assert "to do:" in err
    assert "Traceback" not in err
    assert not (tmp_path / "run").exists()
    assert closed == (["runs"] if len(names) == 2 else [])


def test_an_analysis_that_fails_closes_the_tracker(gapkit, checkpoint, tmp_path):
    np.save("wide.npy", np.zeros((4, 7), np.float32))
    code, _, err = gapkit("analyze", checkpoint, "--data", "wide.npy", "--track", f"mlflow:{tmp_path}/runs")
    assert code == 2
    assert "7" in err
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"{tmp_path}/runs")
    (run,) = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert (run.info.status, run.data.metrics) == ("FINISHED", {})


@pytest.mark.parametrize("method", only(["log_metrics", "log_artifact", "close"], "log_metrics", "close"))
def test_a_tracker_that_fails_afterwards_loses_nothing(method, gapkit, checkpoint, monkeypatch, tmp_path):
    def broken(self, *_):
        raise ConnectionError("the server went away")

    monkeypatch.setattr(MlflowTracker, method, broken)
    names = ("--track", f"mlflow:{tmp_path}/mlruns", "--track", "tensorboard:runs")
    code, out, err = gapkit("analyze", checkpoint, *WORDS, "--out", "run", *names)
    assert code == 2
    assert files_of(tmp_path / "run") == FILES
    assert "results: run" in out
    assert "ConnectionError: the server went away" in err
    assert "to do:" in err
    assert "Traceback" not in err
    how = f"track(Result.load('run'), tracker('mlflow:{tmp_path}/mlruns'), step=7, folder='run')"
    assert (how in err) == (method != "close")
    assert "tracked: tensorboard:runs, step 7" in out
    wanted = offline.expected_metrics(Result.load(tmp_path / "run"))
    assert readers.tensorboard(tmp_path / "runs").metrics == {(name, 7): value for name, value in wanted.items()}


def test_a_series_whose_tracker_fails_is_complete(gapkit, monkeypatch, tmp_path):
    def broken(self, *_):
        raise ConnectionError("the server went away")

    monkeypatch.setattr(TensorBoardTracker, "log_metrics", broken)
    monkeypatch.setattr(Job, "run", lambda self, path, *_, **__: three(run={"checkpoint": {"name": path.name}}))
    code, out, err = gapkit("analyze", "a.pt", "b.pt", "--out", "all", "--track", "tensorboard:runs")
    assert code == 2
    assert {"a", "b", "compare.html", "comparison.json"} <= set(files_of(tmp_path / "all"))
    assert "comparison: all/compare.html" in out
    assert err.count("ConnectionError: the server went away") == 2
    assert "step=1" in err
    assert "step=2" in err


@pytest.mark.parametrize("method", ["log_metrics", "close"])
def test_an_interruption_while_sending_says_where_the_results_are(method, gapkit, checkpoint, monkeypatch, tmp_path):
    close = TensorBoardTracker.close

    def interrupted(self, *_):
        close(self)  # the writer's thread must not outlive the test
        raise KeyboardInterrupt

    monkeypatch.setattr(TensorBoardTracker, method, interrupted)
    code, _, err = gapkit("analyze", checkpoint, *WORDS, "--out", "run", "--track", "tensorboard:runs")
    assert code == 130
    assert files_of(tmp_path / "run") == FILES
    assert "nothing was written" not in err
    assert "what was written is kept" in err


def test_without_the_option_no_tracker_is_imported(gapkit, checkpoint, monkeypatch):
    monkeypatch.setitem(sys.modules, "gapkit.trackers", None)
    assert gapkit("analyze", checkpoint, *WORDS, "--out", "run")[0] == 0
    monkeypatch.delitem(sys.modules, "gapkit.trackers")
    assert "--track" in gapkit("analyze", "--help")[1]
