"""``python -m benchmarks.million``: a million datapoints through plan, shards, merge and report, and what it takes.

Data of 784 binary values are written to a ``.npy`` file, which is larger than what one process should hold as float32.
A small model and a budget far below ``quick`` keep it short: memory is looked at here, and not the numbers. Every step
is a command in a process of its own, whose largest resident memory is read when it ends.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.output import machine

_STEP = "--step"


def main() -> None:
    """Make data and model, take them through all steps, print and write what each took."""
    if _STEP in sys.argv:
        _step(sys.argv[sys.argv.index(_STEP) + 1 :])
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    parser.add_argument("--datapoints", type=int, default=10**6)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument(
        "--folder", type=Path, help="where to work; a temporary one, removed in the end, if none is named"
    )
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        _write_data(folder / "x.npy", arguments.datapoints)
        _write_model(folder)
        steps = _through(folder, arguments.shards)
    found = {"machine": machine(), "datapoints": arguments.datapoints, "shards": arguments.shards, "steps": steps}
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _through(folder: Path, shards: int) -> dict[str, Any]:
    asked = ["trained/model.pt", "--data", "x.npy", "--effort", "quick", "--threads", "1"]
    merged = ["merge", "run", "--format", "none"]
    steps = {
        "plan": [["plan", *asked]],
        "shards": [["analyze", *asked, "--out", "run", "--shard", f"{number}/{shards}"] for number in range(shards)],
        "merge": [merged],
        "report": [["report", "run"]],
    }
    found = {}
    for name, commands in steps.items():
        began = time.time()
        running = [_started(folder, words) for words in commands]
        peaks = [_peak(process) for process in running]
        found[name] = {"seconds": round(time.time() - began), "peak_mb": round(max(peaks) / 2**10)}
        print(
            f"{name:8s} {found[name]['seconds']:6d} s  {found[name]['peak_mb']:6d} MB at most in a process", flush=True
        )
    return found


def _started(folder: Path, words: list[str]) -> "subprocess.Popen[bytes]":
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.million", _STEP, *words]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def _peak(process: "subprocess.Popen[bytes]") -> int:
    """KiB of the process, which has ended well then."""
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(map(str, process.args))} ended with status {status}")
    return usage.ru_maxrss


def _step(words: list[str]) -> None:
    """A command of gapkit, at a budget that is as small as can be."""
    from gapkit.cli import main as command
    from gapkit.engine import EFFORTS
    from gapkit.estimators import Ais, Elbo, Iwae
    from gapkit.local import FitSettings

    quick = EFFORTS["quick"]()
    pooled = Iwae(num_samples=32, stage="pooled")
    evidence = replace(
        quick.evidence,
        target_se=0.5,
        pooled=pooled,
        max_samples=32,
        control=0.0,
        ais=Ais(num_chains=4, num_temperatures=3),
    )
    fit = FitSettings(
        num_starts=0, polish_steps=6, polish_samples=4, select_samples=8, certificate_samples=8, gradient_steps=10
    )
    bounds = {"elbo": Elbo(num_samples=16, antithetic=True), "iwae": Iwae(num_samples=16)}
    small = replace(quick, unit_size=1000, evidence=evidence, fit=fit, **bounds)
    EFFORTS["quick"] = lambda: small
    sys.argv = ["gapkit", *words]
    command()


def _write_data(path: Path, size: int) -> None:
    """Draws of a model with one latent."""
    rng = np.random.default_rng(0)
    slope, bias = rng.normal(size=784).astype(np.float32), rng.normal(size=784).astype(np.float32) - 1.0
    x = np.lib.format.open_memmap(path, "w+", np.uint8, (size, 784))
    for start in range(0, size, 10_000):
        z = rng.normal(size=(min(10_000, size - start), 1)).astype(np.float32)
        x[start : start + len(z)] = rng.random((len(z), 784), dtype=np.float32) < 1.0 / (
            1.0 + np.exp(-(z * slope + bias))
        )
    x.flush()


def _write_model(folder: Path) -> None:
    """A small model, trained on the first datapoints."""
    from gapkit.training import TrainConfig, train

    first = torch.from_numpy(np.load(folder / "x.npy", mmap_mode="r")[:10_000].astype(np.float32))
    train(TrainConfig(hidden=(8,), latent=1, epochs=20, binarize="none"), first, folder / "trained", overwrite=True)


if __name__ == "__main__":
    main()
