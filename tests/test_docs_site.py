"""The documentation leaves nothing out, its commands can be parsed, and what stands in its blocks runs.

`make docs` builds it, and fails where a link, a figure or a docstring is broken.
"""

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from sklearn.datasets import load_digits

import gapkit
from gapkit.cli import main
from gapkit.cli.app import app

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
# Pages whose blocks this file runs, in the folder of the tutorial; the others are run elsewhere.
HERE = ("tutorial", "wiring", "which_family", "the_encoder", "effort", "ci", "unusual_data")
ELSEWHERE = {
    "many_data_sets": "meta/test_analysis.py",
    "other_formats": "cli/test_other_formats_page.py",
    "other_libraries": "test_other_libraries.py",
    "other_models": "test_docs.py",
    "python": "test_readme.py",
    "trainers": "test_aevb.py",
    "your_checkpoint": "test_docs.py",
    "your_hierarchical_model": "cli/test_amortize_cli.py",
}
SHORT = {"--limit": "12", "--effort": "quick", "--format": "none", "--epochs": "2", "--probe": "1"}
COMMANDS = typer.main.get_command(app).commands


def blocks(text, *kinds):
    return re.findall(rf"^```({'|'.join(kinds)})\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def options(command):
    named = {name for parameter in COMMANDS[command].params for name in (*parameter.opts, *parameter.secondary_opts)}
    return {*named, "--help", "-h"}


def lines_of(text):
    """Every command of the page: those of blocks, and those in a sentence."""
    found = [line.removeprefix("$ ") for _, block in blocks(text, "bash", "console") for line in block.splitlines()]
    said = re.findall(r"(?<!`)`(gapkit [a-z]+(?: [^`]*)?)`(?!`)", text.replace("\n", " "))
    return [line for line in found if line.startswith("gapkit ")] + said


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.stem)
def test_commands_are_those_that_there_are(page):
    for line in lines_of(page.read_text("utf-8")):
        command, *words = shlex.split(line.partition(" > ")[0])[1:]
        if command.startswith("-"):
            continue
        assert command in COMMANDS, line
        named = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert named <= options(command), f"{line}: no option {named - options(command)}"


def test_every_block_is_run_somewhere():
    having = {page.stem for page in PAGES if blocks(page.read_text("utf-8"), "python", "bash")}
    assert having == {*HERE, *ELSEWHERE}
    for page, test in ELSEWHERE.items():
        assert f"{page}.md" in (ROOT / "tests" / test).read_text("utf-8")


def test_every_namespace_analysis_and_page_is_there():
    reference = (DOCS / "api" / "index.md").read_text("utf-8")
    public = {name for name in dir(gapkit) if hasattr(getattr(gapkit, name), "__all__")} - {"core", "inputs"}
    assert not {name for name in public if f"   gapkit.{name}\n" not in reference}
    reports = {path.parent.name for path in ROOT.glob("reports/*/claims.json")}
    assert reports == {path.stem for path in DOCS.glob("analyses/*.md")} - {"index"}


def test_every_figure_has_an_example(monkeypatch):
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    import gallery

    study = gallery.STUDY.read_text("utf-8")
    for name, draw in gallery.figures().items():
        word = re.search(r"\((\w+)\)|^(\w+)\.plot", gallery.call_of(name, draw))
        assert f"{word[1] or word[2]} = " in study, f"{name}: no such example in docs/_ext/study.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the tutorial has been gone through as far as its checkpoint."""
    made = tmp_path_factory.mktemp("tutorial")
    np.savez(made / "other.npz", x=np.rot90(load_digits().images[1500:1560], axes=(1, 2)) / 16)
    with pytest.MonkeyPatch.context() as patch:
        run_page("tutorial", made, patch, until="gapkit inspect")
    return made


@pytest.mark.slow
@pytest.mark.parametrize("page", HERE)
def test_the_blocks_of_a_page_run(page, folder, monkeypatch):
    run_page(page, folder, monkeypatch)


def run_page(page, folder, patch, until="nothing"):
    """Run its blocks from the top: files are written, commands and code are run, commands with less work."""
    patch.chdir(folder)
    patch.syspath_prepend(str(folder))
    for kind, block in blocks((DOCS / f"{page}.md").read_text("utf-8"), "python", "bash"):
        file = re.match(r"# (\w+\.py)\n", block)
        if kind == "python" and file:
            (folder / file[1]).write_text(block.replace("range(60)", "range(20)"), "utf-8")
            run = file[1] == "check_gaps.py"
        else:
            run = kind == "python"
        if run:
            exec(compile(block, f"{page}.md", "exec"), {})
        for line in block.splitlines() if kind == "bash" else ():
            if line.startswith(until):
                return
            command, _, out = line.partition(" > ")
            words = shlex.split(command)
            if words[0] == "python":
                exec(compile((folder / words[1]).read_text("utf-8"), words[1], "exec"), {"__name__": "__main__"})
                continue
            printed = called(words, patch)
            if out:
                (folder / out).write_text(printed, "utf-8")


def called(words, patch):
    """What a command of the page prints, with less work where it can be said."""
    less = [part for name, value in SHORT.items() if name in options(words[1]) for part in (name, value)]
    patch.setattr(sys, "argv", [*words, *less, *(["--overwrite"] if "--overwrite" in options(words[1]) else [])])
    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, words
    return out.getvalue()
