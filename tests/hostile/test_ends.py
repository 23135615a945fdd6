"""How commands end: what is kept, who hears what, and where nothing can be written."""

import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

from tests.hostile.cases import DATA, MODEL, RUN
from tests.hostile.runner import ROOT

NOBODY = 65534
PATIENCE = 600  # seconds: a guard against a command that hangs, not a promise how soon one ends


@pytest.fixture
def started():
    """Start the command line; whatever still runs in the end is killed."""
    running = []

    def start(folder, *words, **options):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of tests in the background, which would pass it on
            options["preexec_fn"] = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        command = [sys.executable, "-m", "gapkit", *map(str, words)]
        running.append(subprocess.Popen(command, cwd=folder, env=environment, text=True, **options))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        with process:
            pass


@pytest.mark.slow
@pytest.mark.parametrize("also_errors", [False, True])
def test_a_reader_that_leaves_loses_nothing(started, here, also_errors):
    """As by ``gapkit analyze ... | head -1``: the first line is a result, and the run is there in the end."""
    read, write = os.pipe()
    errors = write if also_errors else subprocess.DEVNULL
    running = started(
        here, "analyze", MODEL, "--data", DATA, "--effort", "quick", "--out", "new", stdout=write, stderr=errors
    )
    os.close(write)
    with os.fdopen(read) as stream:
        first = stream.readline()
    assert running.wait(PATIENCE) == 0
    assert first.startswith("data: ") == also_errors, first  # what is said of the data goes to standard error
    assert {"run.json", "report.html", "report.pdf"} <= {path.name for path in (here / "new").iterdir()}


@pytest.mark.slow
def test_a_full_disk_is_told(started, here):
    with open("/dev/full", "w") as full:
        running = started(here, "report", RUN, "--format", "html", "--out", "new", stdout=full)
        error = running.communicate(timeout=PATIENCE)[1]
    assert running.returncode == 2
    assert "write to standard output" in error
    assert "Traceback" not in error
    assert (here / "new" / "report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "ended")]
)
def test_an_interrupted_training_says_what_it_has_kept(started, here, number, code, word):
    words = ("train", "--data", DATA, "--out", "new", "--epochs", 10**6, "--checkpoint-every", 50, "--hidden", "4")
    running = started(here, *words)
    checkpoint = here / "new" / "checkpoints" / "epoch-0050.pt"
    while not checkpoint.exists() and running.poll() is None:  # however long a busy machine takes to import torch
        time.sleep(0.02)
    running.send_signal(number)
    error = running.communicate(timeout=PATIENCE)[1]
    assert running.returncode == code
    last = error.strip().splitlines()[-1]
    assert last.startswith(f"gapkit: {word}; written, and whole, in new: "), last
    told = last.partition("in new: ")[2].split(", ")
    assert told == sorted(str(path.relative_to(here / "new")) for path in (here / "new").rglob("*.pt"))


@pytest.mark.slow
def test_an_interrupted_analysis_has_written_nothing(started, here):
    running = started(here, "analyze", MODEL, "--data", DATA, "--effort", "thorough", "--out", "new")
    for line in running.stderr:
        if "%" in line:
            break
    running.send_signal(signal.SIGINT)
    error = running.communicate(timeout=PATIENCE)[1]
    assert running.returncode == 130
    assert "gapkit: interrupted; nothing was written" in error
    assert not (here / "new").exists()
    assert not [path for path in here.iterdir() if path.name.startswith(".new")]


@pytest.mark.slow
def test_progress_is_no_result(runner, here):
    outcome = runner(here, "train", "--data", DATA, "--out", "new", "--epochs", "2", "--hidden", "4")
    assert outcome.code == 0
    assert outcome.out.splitlines()[0].startswith("model:")
    assert "epoch 2/2" in outcome.err
    outcome = runner(here, "certify", MODEL, "--datapoints", "2", "--effort", "quick")
    assert outcome.out.startswith("On 2 datapoints simulated")
    assert "100%" in outcome.err


@pytest.mark.slow
def test_an_empty_folder_is_filled_where_it_stands(runner, here):
    """It may be one that cannot be replaced, as a mounted one."""
    (here / "new").mkdir()
    before = (here / "new").stat().st_ino
    outcome = runner(
        here, "analyze", MODEL, "--data", DATA, "--effort", "quick", "--out", "new", "--limit", "3", "--format", "none"
    )
    assert outcome.code == 0, outcome.err
    assert (here / "new").stat().st_ino == before
    assert not [path for path in (here / "new").iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_names_are_shown_and_not_obeyed(runner, here):
    """A split's name and a label that would clear the screen, on paper, in the terminal and in a page."""
    path = here / RUN / "summary.json"
    summary = json.loads(path.read_text())
    for part in summary["splits"]["test"]["classes"]:
        part["label"] = "<script>\x1b[2J\x07"
        part["quantities"]["total_gap"] |= {"mean": 1e6, "ci95": [1e6, 1e6], "se_datapoints": 1.0}
    path.write_text(json.dumps(summary))
    (here / RUN).rename(here / "\x1b[2Jrun")
    for words in (
        ("report", "\x1b[2Jrun", "--out", "new", "--format", "html"),
        ("compare", "run2", "\x1b[2Jrun", "--out", "other", "--format", "html"),
    ):
        outcome = runner(here, *words)
        assert outcome.code == 0, outcome.err
        assert "\x1b" not in outcome.out + outcome.err
    assert r"\x1b[2Jrun" in outcome.out
    for page in ("new/report.html", "other/compare.html"):
        text = (here / page).read_text()
        assert "<script>\x1b" not in text
    assert "&lt;script&gt;" in (here / "new" / "report.html").read_text()


@pytest.mark.parametrize(
    ("locked", "words"),
    [
        (MODEL, ("analyze", MODEL, "--data", DATA, "--out", "open/new")),
        (DATA, ("analyze", MODEL, "--data", DATA, "--out", "open/new")),
        (f"{RUN}/summary.json", ("export", RUN, "--out", "open/new.csv")),
        (f"{RUN}/datapoints.parquet", ("export", RUN, "--out", "open/new.csv")),
        (RUN, ("report", RUN, "--out", "open/new")),
        ("shut", ("analyze", MODEL, "--data", DATA, "--out", "shut/new")),
        ("shut", ("train", "--data", DATA, "--out", "shut/new")),
        ("shut", ("certify", MODEL, "--out", "shut/new.json")),
        ("shut", ("report", RUN, "--out", "shut/new")),
        ("shut", ("analyze", MODEL, "--data", "shut")),
    ],
)
def test_no_permission(runner, good, locked, words):
    """Neither reading nor writing what one may not; whoever may everything becomes nobody for that."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        folder = pathlib.Path(shutil.copytree(good, pathlib.Path(place) / "here"))
        for name in ("open", "shut"):
            (folder / name).mkdir()
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        (folder / locked).chmod(0)
        outcome = runner(folder, *words, user=NOBODY if os.geteuid() == 0 else None)
        assert outcome.code == 2, outcome
        assert "ermission" in outcome.err or "not readable" in outcome.err, outcome.err
        assert "Traceback" not in outcome.err
        (folder / locked).chmod(0o700)
        assert not list((folder / "open").iterdir())
