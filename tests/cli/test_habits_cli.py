"""What every command can do: short help in panels, examples, one JSON object, few words or many, the browser."""

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest
import torch
import typer

from gapkit.cli.app import app
from gapkit.cli.examples import BEGIN, EXAMPLES
from gapkit.cli.panels import PANELS, WORDS
from gapkit.engine import spec_for
from gapkit.inputs.data.files import READERS
from gapkit.inputs.data.named import NAMED
from gapkit.inputs.known import KINDS, NAMES
from gapkit.ladder import FAMILIES
from gapkit.models.reference import build
from gapkit.results import Result
from tests.processes import python
from tests.results.by_hand import uneven

GROUP = typer.main.get_command(app)
COMMANDS = GROUP.commands


@pytest.fixture
def two(tmp_path):
    for name, seed in (("one", 0), ("two", 1)):
        uneven(seed=seed, run={"checkpoint": {"name": f"{name}.pt"}, "settings": {"seed": 0}}).save(tmp_path / name)


def test_help_is_short_and_keeps_square_brackets(gapkit, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = gapkit("-h")
    assert code == 0
    assert all(f"{name} " in out for name in COMMANDS)
    assert "--install-completion" in out
    assert gapkit("--help")[1] == out
    code, out, _ = gapkit("analyze", "-h")
    assert code == 0
    assert "Make the curve of L[q] after local steps" in out
    assert all(panel in out for panel in ("The model", "The data", "Where it runs", "What it leaves", "What it says"))
    assert "gapkit analyze 'ckpts/*.pt' --data mnist --binarize sample" in out
    assert "fit q* for every datapoint" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_panel(name):
    placed = {parameter.name: getattr(parameter, "rich_help_panel", None) for parameter in COMMANDS[name].params}
    options = {parameter.name for parameter in COMMANDS[name].params if parameter.opts[0].startswith("-")} - {"help"}
    assert {option for option in options if placed[option] not in PANELS} == set()


def test_no_panel_names_an_option_that_is_gone():
    known = {parameter.name for command in COMMANDS.values() for parameter in command.params}
    assert {name for names in PANELS.values() for name in names} <= known
    assert set(WORDS) <= known


@pytest.mark.parametrize("line", [*BEGIN, *(line for lines in EXAMPLES.values() for line in lines)])
def test_examples_can_be_read(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text("limit = 5\n")
    words = shlex.split(line)
    words = words[1 : words.index(">")] if ">" in words else words[1:]
    with COMMANDS[words[0]].make_context(words[0], words[1:]) as context:
        assert context.params
    assert set(EXAMPLES) == set(COMMANDS)


def test_words_that_complete_an_option_are_those_it_takes():
    assert set(WORDS["data"]) == set(NAMED) == set(NAMES)
    assert tuple(READERS) == KINDS
    assert set(WORDS["family"]) == set(FAMILIES) - {"mixture"}
    for word in WORDS["effort"]:
        assert spec_for(word)
    for word in WORDS["log_px"]:
        assert replace(spec_for("quick").evidence, method=word)
    (option,) = [each for each in COMMANDS["analyze"].params if each.name == "effort"]
    found = option.shell_complete(COMMANDS["analyze"].make_context("analyze", []), "s")
    assert [item.value for item in found] == ["standard"]


def test_the_answer_is_one_object_whatever_a_model_prints(gapkit, tmp_path):
    (tmp_path / "net.py").write_text(
        "from gapkit.models.reference import build as make\nprint('chatty')\n"
        "def build():\n    print('chatty')\n    return make('mlp_vae', x_shape=(1, 2, 3), latent=2, hidden=(8,))\n"
    )
    torch.manual_seed(0)
    torch.save(build("mlp_vae", x_shape=(1, 2, 3), latent=2, hidden=(8,)).state_dict(), tmp_path / "vae.pt")
    np.save(tmp_path / "x.npy", np.eye(6, dtype=np.float32)[:2].reshape(2, 1, 2, 3))
    words = ("analyze", "vae.pt", "--model", "net.py:build", "--data", "x.npy", "--effort", "quick", "--format", "none")
    code, out, err = gapkit(*words, "--out", "run", "--json", "-v")
    assert code == 0, err
    found, result = json.loads(out), Result.load("run")
    assert found["verdict"] == result.verdict()
    assert found["summary"]["quantities"]["elbo"]["mean"] == result.summary_values.quantities["elbo"].mean
    assert found["decision"]["action"] == result.decision().action
    assert (found["out"], found["results"], found["failed"]) == ("run", "run", [])
    for said in ("chatty", "results: run", "data: x.npy, 2 datapoints", "seconds: bank "):
        assert said in err


@pytest.mark.usefixtures("no_pictures")
def test_finished_runs_answer_too(gapkit, two):
    code, out, err = gapkit("compare", "one", "two", "--format", "html", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["summary"]["reference"] == "one"
    assert found["comparison"].endswith("compare.html")
    assert "two against one" in " ".join(found["verdict"]["test"])
    code, out, err = gapkit("report", "one", "--format", "html", "--json", "-q")
    assert (code, err) == (0, "")
    assert json.loads(out)["verdict"] == Result.load("one").verdict()


def test_an_error_leaves_standard_output_empty(gapkit):
    code, out, err = gapkit("report", "nowhere", "--json")
    assert (code, out) == (2, "")
    assert "to do:" in err
    code, out, err = gapkit("report", "nowhere", "-q")
    assert (code, out) == (2, "")
    assert "to do:" in err


def test_more_words_tell_where_an_error_came_from(gapkit):
    assert "Traceback" not in gapkit("report", "nowhere")[2]
    code, _, err = gapkit("report", "nowhere", "-v")
    assert code == 2
    assert "Traceback" in err
    assert err.rstrip().endswith("to do: give the --out folder of a run")


@pytest.mark.usefixtures("no_pictures")
def test_the_report_is_opened(gapkit, two, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda place: opened.append(place) or len(opened) == 1)
    assert gapkit("report", "one", "--format", "pdf,html", "--open")[0] == 0
    assert opened == [(tmp_path / "one" / "report.html").as_uri()]
    code, _, err = gapkit("compare", "one", "two", "--format", "html", "--open")
    assert code == 0
    assert "no browser was found; open gapkit-comparison/compare.html yourself" in err


WRONG = {
    "checkpoint": (["analyze", "vae.pt", "--data", "digits"], "read the checkpoint vae.pt"),
    "pattern": (["analyze", "ckpts/*.pt", "--data", "digits"], "no file or folder that matches"),
    "data": (["train", "--data", "mnits", "--out", "x"], "did you mean mnist or digits?"),
    "data file": (["train", "--data", "nowhere.npz", "--out", "x"], "no such file"),
    "data function": (["train", "--data", "nowhere.py:make", "--out", "x"], "no such file"),
    "encoder": (["doctor", "is.pt", "--data", "digits", "--encoder", "a=nowhere.pt"], "read the checkpoint nowhere.pt"),
    "program": (["plan", "--encoder-file", "is.pt", "--decoder-file", "no.pt2", "--data", "digits"], "no.pt2"),
    "bound": (["analyze", "is.pt", "--data", "digits", "--bound", "nowhere.py:mine"], "no such file"),
    "model": (["certify", "is.pt", "--model", "nowhere.py:make"], "no such file"),
    "hierarchical model": (["amortize", "nowhere.py:Mine", "--data", "digits"], "no such file"),
    "file to inspect": (["inspect", "nowhere.pt"], "no such file"),
    "earlier refit": (["refit", "is.pt", "--data", "digits", "--out", "x", "--against", "nowhere.pt"], "no such file"),
    "settings": (["analyze", "--config", "nowhere.toml"], "read the settings in nowhere.toml"),
}


def test_wrong_paths_are_told_before_torch_is_imported(tmp_path):
    (tmp_path / "is.pt").write_bytes(b"x")
    code = (
        "import io, sys, json, contextlib\n"
        "from gapkit.cli import main\n"
        "found = {}\n"
        "for name, words in json.loads(sys.argv[1]).items():\n"
        "    sys.argv = ['gapkit', *words]\n"
        "    with contextlib.redirect_stderr(io.StringIO()) as said:\n"
        "        try:\n            main()\n"
        "        except SystemExit as stop:\n            found[name] = (stop.code, said.getvalue())\n"
        "    assert 'torch' not in sys.modules, name\n"
        "print(json.dumps(found))\n"
    )
    words = json.dumps({name: words for name, (words, _) in WRONG.items()})
    done = python(code, words, after=(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name, (_, expected) in WRONG.items():
        code, said = found[name]
        assert code == 2, (name, said)
        assert expected in said, name
        assert "to do:" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["is.pt"]
