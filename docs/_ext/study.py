"""A small study of digits: what every figure of the gallery is drawn from."""

from dataclasses import replace
from pathlib import Path

import torch

import gapkit
from gapkit.joint import analyze as amortize
from gapkit.joint.models import Saw
from gapkit.ood import separate
from gapkit.sources import DataSource, ModelSource, Source
from gapkit.training import TrainConfig, train

folder = Path("study")
config = TrainConfig(data="digits", hidden=(64,), latent=2, epochs=60, checkpoint_every=20, learning_rate=2e-3)
train(config, out=folder, overwrite=True)


def opened(checkpoint, limit):
    data = DataSource(source="digits", splits=("test", "train"), limit=limit, binarize="sample")
    return Source(model=ModelSource(checkpoint=str(folder / checkpoint)), data=data).open()


# One analysis with all that can be looked at: labels, another family, local steps, simulated data.
given = opened("model.pt", limit=50)
more = {"families": ("mean_field", "full_rank"), "semi_amortized": 50}
spec = gapkit.spec_for("standard", unit_size=50, certificate=20, **more)
spec = replace(spec, evidence=replace(spec.evidence, control=0.5))  # AIS on half of the datapoints
result = gapkit.analyze(**given.arguments(), spec=spec)

# The checkpoints of one training.
runs = {}
for epoch in (20, 40, 60):
    source = opened(f"checkpoints/epoch-{epoch:04d}.pt", limit=40)
    runs[f"epoch {epoch}"] = gapkit.analyze(**source.arguments(), effort="quick")
results = runs
comparison = gapkit.compare(runs)

# Digits that are turned by a quarter are other data.
turned = torch.rot90(given.data.x["test"], 1, (-2, -1))
unusual = gapkit.analyze(given.model, {"turned": turned}, effort="quick", allow=["chance"])
scored = separate(result, unusual, names=("digits", "turned"))

# A hierarchical model: can inference be amortized, and with which window?
saw = Saw()
found = amortize(saw, saw.simulate(60, 1))
