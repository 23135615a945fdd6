"""The examples of docs/other_libraries.md run as they stand."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gapkit.results import Result

PAGE = Path(__file__).parents[1] / "docs" / "other_libraries.md"
SECTIONS = {"pyro": ("## Pyro", 10), "sbi": ("## sbi", 8), "scvi": ("## scvi-tools", 10)}


@pytest.mark.slow
@pytest.mark.parametrize("library", SECTIONS)
def test_examples_run(library, tmp_path):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed: it has an environment of its own")
    head, count = SECTIONS[library]
    section = PAGE.read_text("utf-8").partition(f"\n{head}")[2].partition("\n## ")[0]
    files = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", section, re.DOTALL)
    lines = [line for block in re.findall(r"```bash\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]
    assert files
    assert any(line.startswith("gapkit analyze") for line in lines)
    for name, text in files:
        (tmp_path / name).write_text(text, "utf-8")
    for line in lines:
        words = shlex.split(line)
        command = [sys.executable, *(words[1:] if words[0] == "python" else ["-m", *words])]
        environment = {**os.environ, "PYTHONPATH": str(PAGE.parents[1])}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}: {done.stderr}"
    (run,) = tmp_path.glob("gapkit-*")
    table = Result.load(run).to_frame()
    assert len(table) == count
    assert np.isfinite(table["elbo"]).all()
    assert (table["status"] == "ok").mean() >= 0.5
