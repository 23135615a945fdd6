"""The pages of docs/ say what works: their commands are run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from gapkit.results import Result

DOCS = Path(__file__).parents[1] / "docs"
SIZES = [
    ("fc1", 784, 200),
    ("fc2", 200, 200),
    ("fc3", 200, 100),
    ("fc4", 50, 200),
    ("fc5", 200, 200),
    ("fc6", 200, 784),
]


def _commands(page):
    blocks = re.findall(r"```bash\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines()]


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
        into = None
        if ">" in words:
            into = (tmp_path / words[words.index(">") + 1]).open("w")
            words = words[: words.index(">")]
        if words[0] == "gapkit":
            words = [sys.executable, "-m", *words]
        if words[0] == "sed":  # which is not the same everywhere
            path = tmp_path / words[-1]
            old, new = words[2].split("/")[1:3]
            before = path.read_text("utf-8")
            path.write_text(before.replace(old, new), "utf-8")
            assert (
                sum(a != b for a, b in zip(before.split("\n"), path.read_text("utf-8").split("\n"), strict=True)) <= 5
            )
            continue
        done = subprocess.run(words, cwd=tmp_path, env=environment, stdout=into, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, f"{line}: {done.stderr}"
    result = Result.load(tmp_path / "gapkit-bdmc_mnist_vae")
    assert len(result.to_frame()) == 6
    assert np.isfinite(result.to_frame()["elbo"]).all()
