"""The pages of docs/ say what works: their commands are run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gapkit.results import Result

DOCS = Path(__file__).parents[1] / "docs"
SIZES = {"fc1": (784, 200), "fc2": (200, 200), "fc3": (200, 100)}
SIZES |= {"fc4": (50, 200), "fc5": (200, 200), "fc6": (200, 784)}


def _commands(page):
    blocks = re.findall(r"```bash\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines()]


@pytest.mark.slow
def test_the_way_from_a_file_of_weights_to_an_analysis(tmp_path):
    """On a file like the published one: the old format, float64, under ``state_dict``."""
    torch.manual_seed(0)
    state = {}
    for name, (inputs, outputs) in SIZES.items():
        layer = torch.nn.Linear(inputs, outputs).double()
        state |= {f"{name}.weight": layer.weight.detach(), f"{name}.bias": layer.bias.detach()}
    payload = {"epoch": 4000, "state_dict": state}
    torch.save(payload, tmp_path / "bdmc_mnist_vae.pth", _use_new_zipfile_serialization=False)
    x = np.random.default_rng(0).integers(0, 256, (20, 784)).astype(np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=x[:10], x_test=x[10:])
    commands = _commands("your_checkpoint.md")
    assert [shlex.split(line)[:2] for line in commands if line.startswith("gapkit")] == [
        ["gapkit", "inspect"],
        ["gapkit", "init"],
        ["gapkit", "doctor"],
        ["gapkit", "analyze"],
    ]
    environment = {**os.environ, "PYTHONPATH": str(DOCS.parent)}
    for line in commands:
        words = shlex.split(line.replace("--limit 200", "--limit 6"))
        if words[0] == "sed":  # which is not the same everywhere
            path, (old, new) = tmp_path / words[-1], words[2].split("/")[1:3]
            before = path.read_text("utf-8").split("\n")
            after = [row.replace(old, new) for row in before]
            path.write_text("\n".join(after), "utf-8")
            assert 1 <= sum(a != b for a, b in zip(before, after, strict=True)) <= 5
            continue
        place = words.index(">") if ">" in words else len(words)
        done = subprocess.run(
            [sys.executable, "-m", *words[:place]], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        if place < len(words):
            (tmp_path / words[-1]).write_text(done.stdout, "utf-8")
    result = Result.load(tmp_path / "gapkit-bdmc_mnist_vae")
    assert len(result.to_frame()) == 6
    assert np.isfinite(result.to_frame()["elbo"]).all()


@pytest.mark.slow
def test_the_models_of_the_page_on_other_kinds_are_analysed():
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "other_models.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) > 5
    names = {}
    with torch.random.fork_rng():
        for block in blocks:
            exec(compile(block, "other_models.md", "exec"), names)
    assert np.isfinite(names["result"].to_frame()["log_px"]).all()
