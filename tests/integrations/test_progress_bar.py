"""Progress where one works: a bar in a notebook (see test_notebooks.py), a line on a terminal, lines in a log."""

import io
import re
import sys

import pytest
import torch

import gapkit
from gapkit.core.following import followed
from gapkit.engine import Progress
from gapkit.integrations.progress_bar import progress_bar
from gapkit.models.reference import build
from gapkit.training import RefitConfig, refit

STEPS = [Progress(done, 40, "fits" if done % 2 else "evidence") for done in range(1, 41)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_about_ten_lines_for_each_analysis(capsys):
    show = progress_bar()
    for _ in range(2):
        for step in STEPS:
            show(step)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 22
    assert lines[:2] == ["  2%  fits", " 10%  evidence"]
    assert lines[10] == "100%  evidence"
    assert lines[:11] == lines[11:]


def test_a_terminal_gets_one_line_that_is_written_anew(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    show = progress_bar()
    for step in STEPS:
        show(step)
    written = terminal.getvalue()
    assert written.count("\r") == 40
    assert written.count("\n") == 1
    assert written.endswith("\n")
    states = written.strip("\n").split("\r")[1:]
    assert len({len(state) for state in states}) == 1  # so that each covers the one before
    assert "━" * 15 + " " in states[19]
    assert re.search(r"50%  evidence, \d+:\d\d", states[19])
    assert re.search(r"done in \d+:\d\d", states[-1])
    assert states[-1].count("━") == 30


def _fill(show):
    show(STEPS[0])
    raise RuntimeError("full")


def test_an_analysis_that_fails_leaves_nothing_running(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(RuntimeError, match="full"), followed(True) as show:
        _fill(show)
    assert "\x1b" not in terminal.getvalue()  # no hidden cursor that somebody would have to bring back
    assert terminal.getvalue().endswith("\n")  # what is said of the error has a line of its own


def test_true_is_a_bar_and_false_is_silence(capsys):
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    gapkit.analyze(model, torch.eye(6), effort="quick", progress=progress_bar())
    gapkit.certify(model, num_datapoints=2, effort="quick", progress=True)
    refit(model, torch.eye(6), RefitConfig(epochs=2), progress=True)
    written = capsys.readouterr()
    full = [line for line in written.err.splitlines() if line.startswith("100%")]
    assert len(full) == 3
    assert full[1] == "100%  sandwich"
    assert full[2].startswith("100%  loss ")
    assert written.out == ""
    refit(model, torch.eye(6), RefitConfig(epochs=1), progress=False)
    assert capsys.readouterr() == ("", "")


def test_ipython_without_a_kernel_is_no_notebook(capsys):
    pytest.importorskip("IPython")
    assert "IPython" in sys.modules
    progress_bar()(Progress(1, 1, "bank"))
    assert capsys.readouterr().err == "100%  bank\n"
