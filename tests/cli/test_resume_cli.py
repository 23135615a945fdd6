"""A run that is interrupted loses nothing, whatever happens to it, and is continued only as the run that it is."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock

from gapkit.models.native import save_model
from gapkit.models.reference import build

RUN = ("--data", "x.npz", "--effort", "quick", "--format", "none", "--threads", "1", "--out", "run")
ONCE = {}  # a finished run, by whether the test is slow: for these, quick means something else


def table(folder):
    return pd.read_parquet(folder / "datapoints.parquet")


def facts(folder, name="run.json"):
    return json.loads((folder / name).read_text())


def kept(folder):
    return sorted(path.name.partition("-")[0] for path in (folder / "units").rglob("*.safetensors"))


@pytest.fixture
def finished(request, gapkit, three_units, tmp_path, tmp_path_factory):
    """A run that was never interrupted."""
    slow = request.node.get_closest_marker("slow") is not None
    if slow not in ONCE:
        assert gapkit("analyze", three_units, *RUN)[0] == 0
        ONCE[slow] = (tmp_path / "run").rename(tmp_path_factory.mktemp("once") / "run")
    return shutil.copytree(ONCE[slow], tmp_path / "run")


def test_a_finished_run_is_continued_only_if_asked_and_then_makes_nothing_again(gapkit, three_units, finished):
    before, numbers = table(finished), facts(finished, "summary.json")
    assert kept(finished).count("rows") == 3
    code, _, err = gapkit("analyze", three_units, *RUN)
    assert code == 2
    assert "another run, which is finished" in err
    assert "--resume" in err
    assert gapkit("analyze", three_units, *RUN, "--resume")[0] == 0
    assert table(finished).equals(before)
    assert facts(finished, "summary.json") == numbers
    assert {"bounds", "fits", "evidence", "route"}.isdisjoint(facts(finished)["seconds"])


@pytest.mark.slow
def test_one_more_family_costs_its_fits_alone(gapkit, three_units, finished):
    before = table(finished)
    words = ("--family", "mean_field", "--family", "low_rank", "--resume")
    assert gapkit("analyze", three_units, *RUN, *words)[0] == 0
    frame = table(finished)
    assert "elbo_star_low_rank" in frame
    assert frame[list(before)].equals(before)
    assert {"bounds", "evidence", "route"}.isdisjoint(facts(finished)["seconds"])
    assert kept(finished).count("fits%2Flow_rank") == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--seed", "4"), "seed 4 (it was 0)"),
        (("--effort", "standard"), "effort standard (it was quick)"),
        (("--threads", "2"), "threads 2 (it was 1)"),
        (("--binarize", "threshold"), "data: binarize threshold"),
    ],
)
def test_a_run_of_something_else_is_refused_and_says_what_differs(words, told, gapkit, three_units, finished):
    before = table(finished)
    code, _, err = gapkit("analyze", three_units, *RUN, "--resume", *words)
    assert code == 2
    assert told in err
    assert "choose another --out" in err
    assert table(finished).equals(before)


@pytest.mark.parametrize("changed", ["model", "data"])
def test_another_model_or_other_data_of_the_same_name_are_refused(changed, gapkit, three_units, finished, tmp_path):
    if changed == "model":
        save_model(build("mlp_vae", x_shape=(1, 2, 3), latent=2, hidden=(8,)), three_units)
    else:
        x = np.random.default_rng(1).integers(0, 2, (460, 2, 3)).astype(np.uint8)
        np.savez(tmp_path / "x.npz", x_train=x[:20], x_test=x[20:])
    code, _, err = gapkit("analyze", three_units, *RUN, "--resume")
    assert code == 2
    assert {"model": "another checkpoint", "data": "other contents"}[changed] in err


def test_two_processes_do_not_write_to_one_run(gapkit, three_units, finished):
    with FileLock(finished / "units" / ".lock"):
        code, _, err = gapkit("analyze", three_units, *RUN, "--resume")
    assert code == 2
    assert f"another process that writes there (process {os.getpid()} on " in err
    assert gapkit("analyze", three_units, *RUN, "--resume")[0] == 0


def test_a_second_process_without_resume_is_told_of_the_first(gapkit, three_units, finished):
    with FileLock(finished / "units" / ".lock"):
        code, _, err = gapkit("analyze", three_units, *RUN)
    assert code == 2
    assert "another process that writes there" in err
    code, _, err = gapkit("analyze", three_units, *RUN)
    assert code == 2
    assert "another run, which is finished" in err


def test_a_run_that_is_refused_before_any_work_leaves_nothing(gapkit, three_units, tmp_path):
    code, _, err = gapkit("analyze", three_units, *RUN, "--allow", "nothing")
    assert code == 2, err
    assert not (tmp_path / "run").exists()


def test_what_happens_is_told_to_programs_an_event_a_line(gapkit, three_units, tmp_path):
    assert gapkit("analyze", three_units, *RUN, "--limit", 20, "--log-json", "log.jsonl")[0] == 0
    assert gapkit("analyze", three_units, *RUN, "--resume", "--seed", 3, "--log-json", "log.jsonl")[0] == 2
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    names = [event["event"] for event in events]
    assert names == ["begun", *["stage"] * (len(names) - 4), "done", "begun", "failed"]
    stages = [event for event in events if event["event"] == "stage"]
    assert {"bank", "search", "bounds", "fits", "evidence", "route", "details"} <= {event["stage"] for event in stages}
    assert stages[-1]["done"] == stages[-1]["total"]
    assert events[0]["command"][:2] == ["gapkit", "analyze"]
    assert "seed 3" in events[-1]["why"]
    code, _, err = gapkit("analyze", three_units, *RUN, "--resume", "--log-json", tmp_path)
    assert code == 2
    assert "--log-json" in err


@pytest.mark.parametrize("content", ["[1]", "{}", "torn"])
def test_a_damaged_request_is_refused_in_words(content, gapkit, three_units, finished):
    (finished / "units" / "request.json").write_text(content)
    code, _, err = gapkit("analyze", three_units, *RUN, "--resume")
    assert code == 2
    assert "request.json" in err
    assert "choose another --out" in err
    assert kept(finished).count("rows") == 3


def test_what_was_there_is_told(gapkit, three_units, finished):
    code, _, err = gapkit("analyze", three_units, *RUN, "--resume")
    assert code == 0
    assert "resumed: 3 units were there as a whole" in err
    code, _, err = gapkit("analyze", three_units, *RUN, "--resume", "--limit", 30)  # a unit of another shape
    assert code == 0
    assert "resumed: 0 units were there as a whole" in err


@pytest.mark.slow
def test_nothing_of_the_result_before_stays_beside_a_new_one(gapkit, three_units, finished):
    (finished / "report.html").write_text("of before")
    assert gapkit("analyze", three_units, *RUN, "--resume", "--limit", 30)[0] == 0
    assert not (finished / "report.html").exists()
    assert len(table(finished)) == 30


def test_of_a_run_that_is_not_finished_there_is_no_result_yet(gapkit, three_units, finished):
    (finished / "run.json").unlink()
    code, _, err = gapkit("report", "run")
    assert code == 2
    assert "finish this run with --resume" in err


def started(tmp_path, *words):
    code = "from gapkit.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "analyze", "vae.pt", *RUN, *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(tmp_path, stages, process):
    """Until so many outputs are kept, or the run has ended."""
    while process.poll() is None and len(list((tmp_path / "run" / "units").rglob("*.safetensors"))) < stages:
        time.sleep(0.01)


@pytest.mark.slow
def test_ctrl_c_ends_after_the_stage_and_says_how_to_go_on(gapkit, three_units, finished, tmp_path):
    finished.rename(tmp_path / "whole")
    process = started(tmp_path)
    wait_for(tmp_path, 3, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "ends after this stage" in err
    assert "with --resume to go on" in err
    assert not (tmp_path / "run" / "run.json").exists()
    begun = len(kept(tmp_path / "run"))
    assert 3 <= begun < 15
    assert gapkit("analyze", three_units, *RUN, "--resume")[0] == 0
    assert table(tmp_path / "run").equals(table(tmp_path / "whole"))
    assert facts(tmp_path / "run", "summary.json") == facts(tmp_path / "whole", "summary.json")


@pytest.mark.slow
def test_killed_runs_go_on_and_end_as_if_nothing_had_happened(gapkit, three_units, finished, tmp_path):
    finished.rename(tmp_path / "whole")
    for stages in (1, 4, 6, 11):
        process = started(tmp_path, "--resume")
        wait_for(tmp_path, stages, process)
        process.kill()
        process.communicate()
    torn = max((tmp_path / "run" / "units").rglob("*.safetensors"), key=lambda path: path.stat().st_mtime)
    torn.write_bytes(torn.read_bytes()[:-10])
    code, _, err = gapkit("analyze", three_units, *RUN, "--resume")
    assert code == 0, err
    assert table(tmp_path / "run").equals(table(tmp_path / "whole"))
    assert facts(tmp_path / "run", "summary.json") == facts(tmp_path / "whole", "summary.json")


@pytest.mark.slow
def test_where_no_more_can_be_written_what_is_done_stays(gapkit, three_units, finished, tmp_path):
    """A limit on the size of a file makes the system refuse to write, as a full disk does."""
    finished.rename(tmp_path / "whole")
    sizes = [path.stat().st_size for path in (tmp_path / "whole" / "units").rglob("*.safetensors")]
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({max(sizes) - 1}, {max(sizes) - 1}))\n"
        "from gapkit.cli import main; main()"
    )
    words = ["analyze", "vae.pt", *RUN]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "File too large" in done.stderr
    assert "--resume" in done.stderr
    assert "Traceback" not in done.stderr
    assert 0 < len(kept(tmp_path / "run")) < len(sizes)
    assert gapkit("analyze", three_units, *RUN, "--resume")[0] == 0
    assert table(tmp_path / "run").equals(table(tmp_path / "whole"))


MODEL = """
import torch
from torch import nn
from torch.distributions import Independent, Normal

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(6, 4), nn.Linear(2, 6)
    def encode(self, x):
        if len(x) <= 200 and (x[:, 0] == 0.5).any():
            raise RuntimeError("this one I cannot encode")
        mean, logvar = self.enc(x).chunk(2, -1)
        return Independent(Normal(mean, (logvar / 2).exp()), 1)
    def decode(self, z):
        return Independent(Normal(self.dec(z), 0.7), 1)
    def prior(self):
        return Independent(Normal(torch.zeros(2), 1.0), 1)
"""


def test_datapoints_without_numbers_make_the_exit_code_3(gapkit, tmp_path):
    (tmp_path / "net.py").write_text(MODEL)
    torch.manual_seed(0)
    namespace = {}
    exec(compile(MODEL, "net.py", "exec"), namespace)
    torch.save(namespace["Net"]().state_dict(), tmp_path / "net.pt")
    x = np.random.default_rng(0).integers(0, 2, (230, 6)).astype(np.float32)
    x[201, 0] = 0.5
    np.save(tmp_path / "x.npy", x)
    words = ("--model", "net.py:Net", "--data", "x.npy", "--effort", "quick", "--format", "none", "--out", "run")
    code, out, err = gapkit("analyze", "net.pt", *words)
    assert code == 3, err
    assert "1 datapoint without numbers" in err
    assert "results: run" in out
    (failed,) = facts(tmp_path / "run")["failed"]
    assert (failed["from"], failed["to"]) == (201, 201)
    assert "this one I cannot encode" in failed["reason"]
    assert table(tmp_path / "run")["log_px"].isna().sum() == 1


@pytest.mark.slow
def test_a_series_goes_on_where_it_stopped(gapkit, three_units, tmp_path, monkeypatch):
    from gapkit.cli.job import Job

    torch.manual_seed(1)
    save_model(build("mlp_vae", x_shape=(1, 2, 3), latent=2, hidden=(8,)), tmp_path / "other.pt")
    words = (*RUN[:-1], "all", "--limit", 20)
    assert gapkit("analyze", "vae.pt", "other.pt", *words[:-4], "--out", "whole", "--limit", 20)[0] == 0
    inner = Job.run

    def stops(self, path, *arguments, **given):
        if path.name == "other.pt":
            raise KeyboardInterrupt
        return inner(self, path, *arguments, **given)

    with monkeypatch.context() as patched:
        patched.setattr(Job, "run", stops)
        code, _, err = gapkit("analyze", "vae.pt", "other.pt", *words)
        assert code == 130
        assert "1 finished run in all: vae; run the same command with --resume to go on" in err
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["vae"]
    code, _, err = gapkit("analyze", "vae.pt", "other.pt", *words)
    assert code == 2
    assert "--resume" in err
    assert gapkit("analyze", "vae.pt", "other.pt", *words, "--resume")[0] == 0
    for name in ("vae", "other"):
        assert table(tmp_path / "all" / name).equals(table(tmp_path / "whole" / name))
    assert {"bounds", "fits"}.isdisjoint(facts(tmp_path / "all" / "vae")["seconds"])
    assert "fits" in facts(tmp_path / "all" / "other")["seconds"]
    one, other = (facts(tmp_path / folder, "comparison.json") for folder in ("all", "whole"))
    assert {**one, "runs": None} == {**other, "runs": None}  # which hold times and folders
