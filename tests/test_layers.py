"""The house: rooms on storeys; imports go down, also those by a string; no module at the root, none too long.

Its tests stand in rooms of the same names, and share what they share through helper modules.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import gapkit
from tests.processes import python

ROOT = Path(gapkit.__file__).parent

# From the ground up. A room may import from those below it and from itself; the root package, on top, from all.
STOREYS = [
    "core",  # errors, numbers, random keys, intervals, files
    "inputs",  # what comes from outside: files, user code, data
    "datasets",  # data to try things on, by name
    "families",  # q(z) as transports
    "models",  # the contract, pairs of networks, likelihoods, priors, reference models
    "target",  # log p(x, z) of a batch
    "checkpoints",  # files of models, read without trust
    "sources",  # what to analyse, as values that run.json holds
    "kernels",  # HMC, paths, pilots
    "doctor",  # is the model wired as it is read?
    "estimators",  # bounds on log p(x), and the evidence made of them
    "ladder",  # rungs, gaps, quantities, and their arithmetic
    "local",  # q* of a datapoint
    "results",  # table, summary, words, card
    "training",  # reference trainers, refitted encoders
    "comparison",  # runs side by side, series
    "joint",  # models with latents that all datapoints share: A-VI against F-VI
    "ood",  # scores, and how well they tell data apart
    "engine",  # an analysis: units, stages, store
    "meta",  # many data sets: doubly amortized encoders, trainers, the ladder of four rungs
    "plots",
    "report",
    "trackers",
    "integrations",  # gapkit inside other tools
    "cli",
]
AT_THE_ROOT = {"__init__.py", "__main__.py", "version.py", "py.typed"}
PRESENTATION = ("results", "comparison", "plots", "report", "trackers")
LONGEST = 300  # lines of a module
TESTS = Path(__file__).parent
LONGEST_TESTS = 320  # lines of a file of tests


def _modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(_modules())


def _storey(module: str) -> int:
    room = module.split(".")[0]
    if room == "version":
        return -1
    return STOREYS.index(room) if room in STOREYS else len(STOREYS)


@cache
def _imports(path: Path) -> set[str]:
    """Modules of gapkit that a file imports anywhere, also inside functions, and those that it names in a string."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "gapkit":
            base = ".".join(node.module.split(".")[1:])
            for alias in node.names:
                inner = f"{base}.{alias.name}".strip(".")
                found.add(inner if inner in MODULES else base)
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("gapkit.") for a in node.names if a.name.startswith("gapkit.")}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = re.fullmatch(r"gapkit\.([\w.]+)", node.value)
            if named and named[1] in MODULES:
                found.add(named[1])
    return found - {""}


def test_no_import_goes_up():
    upward = [
        f"gapkit.{module} imports gapkit.{imported}"
        for module, path in MODULES.items()
        for imported in _imports(path)
        if _storey(imported) > _storey(module)
    ]
    assert not upward, "\n".join(upward)


def test_every_module_is_in_a_room():
    assert {path.name for path in ROOT.iterdir() if path.is_file()} <= AT_THE_ROOT
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(STOREYS), "say in STOREYS where a new room stands"


def test_no_module_is_long():
    long = {str(path.relative_to(ROOT)) for path in MODULES.values() if len(path.read_text().splitlines()) > LONGEST}
    assert not long


def test_no_cycles():
    # A package's __init__ gathers names from its own files, so it is left out as a source within its own package.
    graph = {
        module: {i for i in _imports(path) if not (i.startswith(module + ".") or i == module)}
        for module, path in MODULES.items()
        if module
    }
    done, active = set(), []

    def visit(module):
        if module in done:
            return
        assert module not in active, " -> ".join([*active[active.index(module) :], module])
        active.append(module)
        for imported in graph.get(module, ()):
            visit(imported)
        active.pop()
        done.add(module)

    for module in graph:
        visit(module)


def test_the_walk_sees_the_imports(tmp_path):
    assert "families" in _imports(ROOT / "estimators" / "elbo.py")
    by_string = tmp_path / "hidden.py"
    by_string.write_text('from importlib import import_module\nimport_module("gapkit.plots")\n')
    assert _imports(by_string) == {"plots"}
    assert _storey("cli.app") > _storey("engine.run") > _storey("estimators.elbo") > _storey("core.numerics")


@pytest.mark.parametrize("room", PRESENTATION)
def test_presentation_needs_no_model(room):
    for module, path in MODULES.items():
        if module.split(".")[0] == room:
            names = {
                n.split(".")[0]
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Import)
                for n in (a.name for a in node.names)
            }
            assert "torch" not in names, f"gapkit.{module} imports torch"
            assert not {i for i in _imports(path) if i.startswith(("models", "engine", "estimators", "local"))}


@pytest.mark.parametrize("room", ["", *STOREYS])
def test_every_room_can_be_entered_first(room):
    """In a process of its own, so that no other import has filled what it needs."""
    done = python(f"import {'.'.join(['gapkit', room]).strip('.')}", warnings="error")
    assert done.returncode == 0, done.stderr


def _tests():
    return {path.relative_to(TESTS): path.read_text() for path in sorted(TESTS.rglob("*.py"))}


def _names_another(text):
    """Whether it names a file of tests, in any form of an import; also in code for another process."""
    by_its_path = r"\btests\.(?:\w+\.)*test_\w+|\bfrom\s+\.+(?:\w+\.)*test_\w+"
    of_its_folder = r"\bfrom\s+(?:tests\b|\.)[\w.]*\s+import\s+(?:\([^)]*|[^\n]*)\btest_\w+"
    return re.search(f"{by_its_path}|{of_its_folder}", text) is not None


OTHER = "test" + "_other"


@pytest.mark.parametrize(
    "form",
    [
        f"import tests.cli.{OTHER} as other",
        f"from tests.cli.{OTHER} import place",
        f"from tests.cli import readers, {OTHER}",
        f"from tests import (\n    cli,\n    {OTHER} as other,\n)",
        f"from .{OTHER} import place",
        f"from . import {OTHER}",
        f'import_module("tests.cli.{OTHER}")',
    ],
)
def test_every_form_of_such_an_import_is_seen(form):
    assert _names_another(f"import sys\n{form}\n")
    assert not _names_another(form.replace(OTHER, "other") + f"\ndef {OTHER}():\n    pass\n")


def test_no_test_imports_from_another():
    """What two files share is in a helper module or in conftest.py; also code that a test runs in another process."""
    another = {str(path) for path, text in _tests().items() if _names_another(text)}
    assert not another


def test_no_file_of_tests_is_long():
    long = {str(path) for path, text in _tests().items() if len(text.splitlines()) > LONGEST_TESTS}
    assert not long


def test_tests_stand_in_rooms_of_the_package():
    of_the_whole = {"exact", "hostile"}  # analyses of exact models; hostile files at the command line
    rooms = {path.parent.parts[0] for path in _tests() if len(path.parts) > 1}
    assert rooms <= {*STOREYS, *of_the_whole}
