"""Memory is bounded by chunks, whatever the number of samples, chains or temperatures."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from gapkit.estimators import Ais, Iwae
from gapkit.models.reference import build

torch.manual_seed(0)
model = build("mlp_vae", x_shape=(784,), latent=20, hidden=(200,)).requires_grad_(False)
x = torch.bernoulli(torch.full((20, 784), 0.5))
with torch.no_grad():
    q = model.encode(x)
{work}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(work):
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(work=work)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("few", "many"),
    [
        ("Iwae(num_samples=2000)(model, x, q, 0)", "Iwae(num_samples=20000)(model, x, q, 0)"),
        ("Ais(num_temperatures=20)(model, x, q, 0)", "Ais(num_temperatures=200)(model, x, q, 0)"),
        (
            "Ais(num_chains=100, num_temperatures=3)(model, x, q, 0)",
            "Ais(num_chains=1000, num_temperatures=3)(model, x, q, 0)",
        ),
    ],
    ids=["samples", "temperatures", "chains"],
)
def test_peak_memory_is_flat(few, many):
    assert peak(many) < 1.2 * peak(few)
