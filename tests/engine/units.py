"""Three units of a small model, and a digest of what one gives."""

import hashlib

import numpy as np
import torch

from gapkit.core.datapoints import Datapoints
from gapkit.engine import spec_for
from gapkit.engine.bank import build_shared_bank
from gapkit.engine.curve import plan_curve
from gapkit.engine.identity import identity_of_work
from gapkit.engine.units import plan_units
from gapkit.engine.work import Work
from gapkit.models.freeze import frozen
from gapkit.models.reference import build
from gapkit.results.records import Families
from gapkit.target import Target

SPEC = spec_for("quick", unit_size=8, semi_amortized=20, details=3)


def made():
    """Three units of a small model with weights of its own, and what they share."""
    torch.manual_seed(3)
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    x = (torch.rand(20, 6, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    families = Families("mean_field", "mean_field", ("mean_field", "full_rank"))
    like = Target(model, x[:1])
    data = {"test": Datapoints.of(x)}
    with frozen(model):
        bank = build_shared_bank(like, data, None, SPEC)
        identity = identity_of_work(like, data["test"], bank)
    work = Work(like, data, bank, SPEC, "mean_field", {}, plan_curve(SPEC, "test", len(x), families), identity)
    return model, work, plan_units(len(x), SPEC.unit_size)


def digest(finished):
    """Of every number and word that a unit gives; not of its seconds."""
    found = hashlib.sha256()
    for table in (finished.table, finished.curve):
        for name in table:
            column = table[name].to_numpy()
            found.update(name.encode() + (column.tobytes() if column.dtype.kind in "if" else "|".join(column).encode()))
    for part in (finished.grouped.value, finished.q.loc, finished.q.scale, finished.q_star.loc, finished.q_star.scale):
        found.update(np.ascontiguousarray(part).tobytes())
    for kept in (*finished.chosen.worst, *finished.chosen.typical):
        found.update(f"{kept.index} {kept.gap!r}".encode() + kept.fits["mean_field"].loc.numpy().tobytes())
    work = [(identity, cost.work) for identity, cost in finished.costs.items()]
    found.update(f"{work} {sorted(finished.skipped.items())}".encode())
    return found.hexdigest()
