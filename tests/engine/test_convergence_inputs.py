"""The check whether the budgets were enough looks at the same q as the analysis, with the encoder's own inputs."""

from dataclasses import replace

import torch

import gapkit
from gapkit.engine import convergence, spec_for
from gapkit.models.reference import build


def test_the_encoder_is_given_its_own_inputs(monkeypatch):
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(12,), latent=2, hidden=(8,))
    grey = torch.rand(10, 12)
    x, batches, make_batch = torch.bernoulli(grey), [], convergence.make_batch

    def seen(*args):
        batches.append(make_batch(*args))
        return batches[-1]

    monkeypatch.setattr("gapkit.engine.convergence.make_batch", seen)
    spec = replace(spec_for("quick"), convergence=2)
    gapkit.analyze(model, x, spec, encoder_x=grey)
    (batch,) = batches
    rows = list(batch.key.indices)
    assert torch.equal(batch.points.inputs, grey[rows])
    assert torch.equal(batch.target.x, x[rows])
