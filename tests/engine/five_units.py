"""A small model, data of five units, and settings."""

import torch

from gapkit.engine import spec_for
from gapkit.models.reference import build

SPEC = spec_for("quick", unit_size=8, details=2, families=("mean_field", "low_rank"))


def made():
    """The model and the data, the same every time."""
    torch.manual_seed(3)
    model = build("mlp_vae", x_shape=(6,), latent=3, hidden=(8,))
    return model, (torch.rand(36, 6, generator=torch.Generator().manual_seed(0)) < 0.5).float()
