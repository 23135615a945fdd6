"""Imports go one way: a module may import from its own row and from rows above it, and never in a cycle."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gapkit

ROOT = Path(gapkit.__file__).parent

# What the reference encoders are made of; the rest of the families needs models.
TRANSPORTS = ("auxiliary", "coupling", "distribution", "flow", "gaussian", "low_rank", "protocol")

# Rows from the top down; a longer prefix wins.
ROWS = [
    {
        "version",
        "baseline",
        "checks",
        "complexity",
        "files",
        "intervals",
        "khat_limit",
        "ladder",
        "numerics",
        "outline",
        "pareto",
        "phrases",
        "randomness",
        "roc",
        "rows",
        "sample_size",
        "status",
    },
    {"inputs"},
    {"models", "data", *(f"families.{name}" for name in TRANSPORTS)},
    {"models.target", "models.simulate", "families"},
    {"kernels", "checkpoints", "training", "doctor"},
    {"estimators"},
    {
        "card",
        "curve",
        "encoders",
        "evidence",
        "iwae_curve",
        "ladder.arithmetic",
        "latents",
        "regions",
        "run_schema",
        "schema_words",
        "score_verdict",
        "summary",
        "verdict",
    },
    {"local"},
    {"stored"},
    {"results", "comparison", "plot_accessor", "score"},
    {"engine", "export", "plots", "progress"},
    {"report", "trackers"},
    {"cli", "lightning"},
    {"__main__"},
]


def _modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            yield name, path


MODULES = dict(_modules())


def _row(module: str) -> int:
    best = max(
        (prefix for row in ROWS for prefix in row if module == prefix or module.startswith(prefix + ".")),
        key=len,
        default=None,
    )
    assert best is not None, f"gapkit.{module} has no row: add it to ROWS where its imports allow"
    return next(number for number, row in enumerate(ROWS) if best in row)


def _imports(path: Path) -> set[str]:
    """Modules of gapkit that a file imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "gapkit":
            base = ".".join(node.module.split(".")[1:])
            for alias in node.names:
                inner = f"{base}.{alias.name}".strip(".")
                found.add(inner if inner in MODULES else base)
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("gapkit.") for a in node.names if a.name.startswith("gapkit.")}
    return found - {""}


def test_no_import_goes_up():
    upward = [
        f"gapkit.{module} (row {_row(module)}) imports gapkit.{imported} (row {_row(imported)})"
        for module, path in MODULES.items()
        for imported in _imports(path)
        if _row(imported) > _row(module)
    ]
    assert not upward, "\n".join(upward)


def test_no_cycles():
    # A package's __init__ gathers names from its own files, so it is left out as a source within its own package.
    graph = {
        module: {i for i in _imports(path) if not (i.startswith(module + ".") or i == module)}
        for module, path in MODULES.items()
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


def test_the_walk_sees_the_imports():
    assert "families" in _imports(ROOT / "estimators" / "elbo.py")
    assert _row("cli.app") > _row("engine.run") > _row("estimators.elbo") > _row("numerics")


def test_presentation_needs_no_model():
    for module, path in MODULES.items():
        if module.startswith(("plots", "report", "trackers")) or module.split(".")[0] in {
            "comparison",
            "results",
            "summary",
            "verdict",
        }:
            names = {
                n.split(".")[0]
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Import)
                for n in (a.name for a in node.names)
            }
            assert "torch" not in names, f"gapkit.{module} imports torch"
            assert not {i for i in _imports(path) if i.startswith(("models", "engine", "estimators", "local"))}


@pytest.mark.parametrize("first", ["gapkit.models", "gapkit.families"])
def test_models_and_families_load_in_either_order(first):
    """Reference encoders use families and the prior's proposal uses models: packages meet, modules must not."""
    code = (
        f"import {first}, gapkit.families as f, gapkit.models as m; f.PriorProposal, f.TransportDistribution, m.build"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
