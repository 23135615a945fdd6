"""``python -m benchmarks.memory --json FILE``: peak memory against datapoints, temperatures, samples and chains.

Every figure is the peak of a process of its own.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

_SETUP = """
import resource, torch
from gapkit import analyze
from gapkit.engine import spec_for
from gapkit.estimators import Ais, Iwae
from gapkit.models.reference import build
torch.manual_seed(0)
model = build("mlp_vae", x_shape=(784,), latent=50, hidden=(200, 200)).requires_grad_(False)
def data(count):
    return torch.bernoulli(torch.full((count, 784), 0.5))
def run(estimator):
    x = data(50)
    estimator(model, x, model.encode(x), 0)
{work}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

_PAIRS = {
    "datapoints 1000 and 10000, a whole analysis": (
        'analyze(model, data(1000), spec_for("quick"))',
        'analyze(model, data(10000), spec_for("quick"))',
    ),
    "temperatures 100 and 1000": ("run(Ais(num_temperatures=100))", "run(Ais(num_temperatures=1000))"),
    "samples 2000 and 20000": ("run(Iwae(num_samples=2000))", "run(Iwae(num_samples=20000))"),
}


def peak(work: str) -> float:
    """Peak resident memory of a process that does some work, in MB."""
    done = subprocess.run([sys.executable, "-c", _SETUP.format(work=work)], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def main() -> None:
    """Measure all pairs and write them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    found = {}
    for name, (few, many) in _PAIRS.items():
        small, large = peak(few), peak(many)
        found[name] = {"few_mb": small, "many_mb": large, "ratio": large / small}
        print(name, found[name], flush=True)
    arguments.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
