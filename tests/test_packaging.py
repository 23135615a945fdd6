"""What people get and see beside the code: versions that agree, files of the forge, a demo without tools for tests."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import gapkit

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FORMS = sorted((ROOT / ".github").rglob("*.yml"))


def test_one_version_everywhere():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert cited["version"] == gapkit.__version__
    assert cited["license"] == PROJECT["project"]["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    changes = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert next(name for name in changes if name != "Unreleased") == gapkit.__version__


def test_the_demo_needs_no_tools_of_developers():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (recipe,) = re.findall(r"^\.venv-demo/installed:.*?(?=^\S)", makefile, re.M | re.S)
    assert "dev" not in recipe
    assert "--editable ." in recipe
    needed = {re.split(r"[\[><=]", name)[0] for name in PROJECT["project"]["dependencies"]}
    assert not needed & {"pytest", "ruff", "mypy", "ray", "mlflow-skinny", "wandb", "lightning", "playwright"}


def test_ci_builds_and_runs_what_users_get():
    steps = (ROOT / ".ci" / "run").read_text("utf-8")
    assert steps.index("make dist") < steps.index("make demo WHEEL=")
    assert "py.typed" in steps
    assert (ROOT / "gapkit" / "py.typed").exists()


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_files_of_the_forge_can_be_read(path):
    found = yaml.safe_load(path.read_text("utf-8"))
    if path.parent.name == "workflows":
        runs = [step.get("run") for job in found["jobs"].values() for step in job["steps"]]
        assert [line for line in runs if line] == [".ci/run"]  # all else is there, and can be run anywhere
        assert found["permissions"] == {"contents": "read"}
    elif path.name != "config.yml":
        assert {"name", "description", "body"} <= set(found)
        assert all(part.keys() >= {"type", "attributes"} for part in found["body"])
