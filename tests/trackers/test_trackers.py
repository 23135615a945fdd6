"""What trackers keep is read back with their own libraries and held against the result, digit by digit."""

import ast
import contextlib
import inspect
import math
import sys
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.core.means import Mean
from gapkit.engine import analyze
from gapkit.models.reference import build
from gapkit.report import write_report
from gapkit.results import Result
from gapkit.results.records import Split
from gapkit.trackers import (
    MlflowTracker,
    TensorBoardTracker,
    Tracker,
    WandbTracker,
    metrics,
    parameters,
    track,
    tracker,
)
from tests.engine.cheap import short
from tests.fast import only
from tests.results.by_hand import ODD, join, three
from tests.trackers import offline, readers
from tests.trackers.offline import KINDS, expected_metrics, named

place = offline.place
PROVENANCE = {"checkpoint": {"name": "vae.pt", "sha256": "ab" * 32}, "data": {"source": "digits", "limit": None}}


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A real analysis of two splits and the folder where it was saved, with a report."""
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    x = (torch.rand(12, 6, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    result = analyze(model, {"test": x[:6], "train": x[6:]}, short(details=2), provenance=PROVENANCE)
    folder = result.save(tmp_path_factory.mktemp("runs") / "first run")
    write_report(result, folder / "report.html")
    for name in ("model.pt", ".report.html.half"):  # neither is sent
        (folder / name).write_text("")
    return result, folder


def read(kind, opened, place):
    if kind == "mlflow":
        return readers.mlflow(f"{place}/runs", opened.run_id, place / "read")
    return readers.tensorboard(place / "runs") if kind == "tensorboard" else readers.wandb(place)


@pytest.mark.parametrize("kind", only(KINDS, "tensorboard"))
def test_what_a_tracker_kept_is_the_result(kind, real, place):
    result, folder = real
    with contextlib.closing(tracker(named(kind, place))) as opened:
        assert isinstance(opened, Tracker)
        track(result, opened, step=7, folder=folder)
    kept = read(kind, opened, place)
    wanted = expected_metrics(result)
    assert len(wanted) > 100
    assert {name: value for (name, step), value in kept.metrics.items() if step == 7} == wanted
    assert {step for _, step in kept.metrics} == {7}
    wanted = parameters(result.run)
    assert wanted["gapkit/checkpoint/sha256"] == "ab" * 32
    assert wanted["gapkit/families/encoder"] == "mean_field"
    assert wanted["gapkit/settings/elbo/num_samples"] == 128
    assert kept.params == ({name: str(value) for name, value in wanted.items()} if kind == "mlflow" else wanted)
    pictures = {f"gapkit/{split}/{name}" for split in ("test", "train") for name in ("ladder", "gap_scatter")}
    assert {name for name, _ in kept.pictures} == pictures
    assert {step for _, step in kept.pictures} == {7}
    assert all(width > 700 and height > 450 for width, height in kept.pictures.values())
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.stat().st_size}
    assert {"datapoints.parquet", "report.html", "run.json", "summary.json"} <= set(files)
    assert kept.files == {f"gapkit/first_x20_run/{name}": data for name, data in files.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_series_keeps_every_step_in_any_order(kind, place):
    results = {4: three(run={"settings": {"seed": 0}, "checkpoint": {"sha256": "aa"}})}
    results[2] = join(three(), three(split="train"), run={"settings": {"seed": 0}, "checkpoint": {"sha256": "bb"}})
    with contextlib.closing(tracker(named(kind, place))) as opened:
        for step, result in results.items():
            track(result, opened, step)
    kept = read(kind, opened, place)
    for step, result in results.items():
        assert {name: v for (name, at), v in kept.metrics.items() if at == step} == expected_metrics(result)
    assert {(name, step) for name, step in kept.pictures if "test/ladder" in name} == {
        ("gapkit/test/ladder", 2),
        ("gapkit/test/ladder", 4),
    }
    assert kept.params["gapkit/checkpoint/sha256"] == "bb"  # the latest
    assert str(kept.params["gapkit/settings/seed"]) == "0"


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_no_tracker_takes_come_through(kind, place):
    split = '<script> "ä" ..\\/🙂'
    result = three(split=split, run={"data": {"source": split, "splits": {split: {"datapoints": 3}}}})
    with contextlib.closing(tracker(named(kind, place))) as opened:
        track(result, opened)
    kept = read(kind, opened, place)
    assert {step for _, step in kept.metrics} == {0}
    means = {name: value for (name, _), value in kept.metrics.items() if name.endswith("/elbo")}
    assert list(means.values()) == [result.summary_values.quantities["elbo"].mean]
    assert len(kept.metrics) == len(metrics(result.summary_values))
    assert kept.params["gapkit/data/source"] == split
    assert len(kept.pictures) == 2


@pytest.mark.parametrize("name", only(ODD, "nothing finite", "second split not finite", "infinite"))
def test_odd_results_send_what_is_finite(name, place):
    result = ODD[name]()
    with contextlib.closing(TensorBoardTracker(place / "runs")) as opened:
        track(result, opened)
    kept = readers.tensorboard(place / "runs")
    assert {name: value for (name, _), value in kept.metrics.items()} == expected_metrics(result)
    assert all(math.isfinite(value) for value in kept.metrics.values())
    assert len(kept.pictures) == 2 * len(result.summary_values.splits)


def summary_of(**quantities):
    split = Split.of({"datapoints": 2, "status": {"ok": 2}, "other_start": 0})
    return replace(three().summary_values, splits={"test": replace(split, quantities=quantities)})


def test_what_is_unknown_or_infinite_is_left_out():
    elbo = Mean(-1.5, None, float("nan"), (-math.inf, -1.0), None, np.int64(2), 0)
    found = metrics(summary_of(elbo=elbo))
    assert found == {
        "gapkit/test/elbo": -1.5,
        "gapkit/test/elbo_ci95_high": -1.0,
        "gapkit/test/elbo_count": 2,
        "gapkit/test/datapoints": 2,
        "gapkit/test/status/ok": 2,
    }


def test_two_numbers_of_one_name_are_refused():
    one = Mean(1.0, None, None, None, None, 3, 0)
    with pytest.raises(InputError, match="gapkit/test/elbo_refit_count"):
        metrics(summary_of(elbo_refit=one, elbo_refit_count=one))


def test_parameters_leave_out_work_and_what_is_not_set():
    run = {"model": None, "seconds": {"total": 3.0}, "settings": {"tolerance": math.inf, "families": (), "ok": True}}
    assert parameters(run) == {"gapkit/settings/ok": True}


def test_a_folder_without_a_run_is_refused_before_anything_is_sent(place):
    with (
        contextlib.closing(TensorBoardTracker(place / "runs")) as opened,
        pytest.raises(InputError, match=r"no run\.json"),
    ):
        track(three(), opened, folder=place)
    assert readers.tensorboard(place / "runs").metrics == {}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tensorbored:x", "no tracker 'tensorbored'"),
        ("", "no tracker ''"),
        ("wandb", "no colon"),
        ("tensorboard:", "no folder"),
    ],
)
def test_odd_names_are_refused(name, found):
    with pytest.raises(InputError, match=found):
        tracker(name)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_package_is_named_with_its_extra(kind, place, monkeypatch):
    monkeypatch.setitem(sys.modules, kind, None)  # what Python itself notes for "cannot be imported"
    with pytest.raises(InputError, match=rf"pip install 'gapkit\[{kind}\]'"):
        tracker(named(kind, place))


def test_a_folder_that_cannot_be_written_is_refused(place):
    (place / "file").write_text("")
    with pytest.raises(InputError, match="write event files"):
        tracker("tensorboard:file/runs")


def test_mlflow_says_what_it_needs_for_a_folder(place, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    with pytest.raises(InputError, match="MLFLOW_ALLOW_FILE_STORE"):
        tracker(f"mlflow:{place}/runs")


def test_mlflow_heeds_its_own_variables(place, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{place}/elsewhere")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "encoders")
    with contextlib.closing(tracker("mlflow:")) as opened:
        opened.log_metrics({"gapkit/test/elbo": 0.1 + 0.2})
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"{place}/elsewhere")
    run = client.get_run(opened.run_id)
    assert run.data.metrics == {"gapkit/test/elbo": 0.1 + 0.2}
    assert client.get_experiment(run.info.experiment_id).name == "encoders"
    assert run.info.status == "FINISHED"


# SQLAlchemy 2.1 on MLflow's own use of it: "The ``noload`` loader strategy is deprecated".
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")
def test_mlflow_in_a_database(place):
    from importlib.util import find_spec

    uri = f"sqlite:///{place}/runs.db"
    if find_spec("sqlalchemy") is None:
        with pytest.raises(InputError, match="pip install sqlalchemy alembic"):
            MlflowTracker(uri)
        return
    with contextlib.closing(MlflowTracker(uri)) as opened:
        track(three(), opened, step=1)
    kept = readers.mlflow(uri, opened.run_id, place / "read")
    assert {name: value for (name, _), value in kept.metrics.items()} == expected_metrics(three())
    assert {path.name for path in place.iterdir()} == {"runs.db", "runs-artifacts", "read"}


def test_wandb_leaves_a_run_open_that_was_going(place):
    import wandb

    run = wandb.init(project="training", settings=wandb.Settings(console="off"))
    for opened in (tracker("wandb:"), WandbTracker(run=run)):
        assert opened.run is run
        opened.log_metrics({"gapkit/test/elbo": -1.0}, step=3)
        opened.close()
    run.log({"loss": 2.0})  # an error if it were finished
    run.finish()
    kept = readers.wandb(place)
    assert kept.metrics == {("gapkit/test/elbo", 3): -1.0}


def test_pictures_change_neither_figure_nor_settings(place):
    import matplotlib
    from matplotlib.figure import Figure

    from gapkit.trackers.picture import png

    before, figure = dict(matplotlib.rcParams), Figure(figsize=(2.0, 1.0), dpi=70)
    assert png(figure) == png(figure)
    assert (figure.dpi, dict(matplotlib.rcParams)) == (70, before)


def test_the_result_is_not_changed(place):
    result = three()
    before = Result(result.to_frame(), deepcopy(result.summary_values), dict(result.run))
    with contextlib.closing(TensorBoardTracker(place / "runs")) as opened:
        track(result, opened)
    assert result.datapoints.equals(before.datapoints)
    assert result.summary_values == before.summary_values


def test_no_tracker_is_imported_before_it_is_opened():
    for path in Path(inspect.getfile(Tracker)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None) or node.names[0].name
                assert module.split(".")[0] not in ("torch", *KINDS), path.name
