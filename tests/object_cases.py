"""For each kind of object that a user's factory may return: such an object, its file of weights, and a truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Case:
    """What the contract test needs.

    Attributes:
        found: what the factory returns, before its weights are filled.
        factory: ``file.py:name`` of it.
        file: of the weights.
        x: data.
        z: latents, as the model has them.
        q_log_prob: log q(z|x) by the library itself.
    """

    found: Any
    factory: str
    file: Path
    x: Tensor
    z: Tensor
    q_log_prob: Tensor


def sbi_posterior(folder):
    from sbi.inference.posteriors import DirectPosterior

    from tests.models.simulators import GAUSSIAN, estimator, likelihood, simulated

    trained, x = estimator(seed=1), simulated(GAUSSIAN, 5, 2)[1]
    torch.save(trained.state_dict(), folder / "model.pt")
    text = (
        "from sbi.inference.posteriors import DirectPosterior\n"
        "from tests.models.simulators import *\n\n"
        "def build():\n    return DirectPosterior(estimator(), GAUSSIAN), likelihood\n"
    )
    (folder / "m.py").write_text(text)
    z = torch.randn(len(x), 2)
    log_q = DirectPosterior(trained, GAUSSIAN).log_prob_batched(z.unsqueeze(0), x, norm_posterior=False)[0]
    found = (DirectPosterior(estimator(), GAUSSIAN), likelihood)
    return Case(found, f"{folder / 'm.py'}:build", folder / "model.pt", x, z, log_q)


def pyro_program(folder):
    from pyro import poutine

    from tests.models.pyro_programs import Tutorial, data

    torch.manual_seed(1)
    program, x = Tutorial(), data()
    torch.save(program.state_dict(), folder / "model.pt")
    (folder / "m.py").write_text("from tests.models.pyro_programs import Tutorial\n")
    z = torch.randn(len(x), 2)
    trace = poutine.trace(poutine.condition(program.guide, data={"latent": z})).get_trace(x)
    trace.compute_log_prob()
    log_q = trace.nodes["latent"]["log_prob"].detach()
    return Case(Tutorial(), f"{folder / 'm.py'}:Tutorial", folder / "model.pt", x, z, log_q)
