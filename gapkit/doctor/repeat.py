"""Does the model say the same twice, and the same of a datapoint whatever its neighbours are?

Every estimate takes log p(x, z) and q(z|x) for functions: one that is drawn anew at every call, or that depends on the
rest of the batch, gives numbers that are not those of the model, and no diagnostic of the estimates shows it.
"""

import torch
from torch import Tensor

from gapkit.core.findings import Finding
from gapkit.core.randomness import seeded
from gapkit.doctor.probe import Probe
from gapkit.families.protocol import Posterior, noise_dim
from gapkit.models.conditions import encode_with
from gapkit.models.freeze import coupling_layers
from gapkit.models.unvalidated import unvalidated
from gapkit.target import Target

__all__ = ["input_changed", "neighbours", "random"]

_ABSOLUTE, _RELATIVE = 1e-4, 1e-5  # matrix products round differently for other shapes; nats, and shares of the value
_OF_SCALE = 1e-3  # of a posterior standard deviation


def random(probe: Probe) -> Finding | None:
    """Whether encode, decode or the prior gives other numbers when it is called again."""
    parts = []
    with seeded(0, "doctor/again"):
        moved = _shift(probe.encode(probe.inputs), probe.encode(probe.inputs))
        if moved > _OF_SCALE:
            parts.append(f"encode gives another q(z|x) for the same x (moved by up to {moved:.2g} standard deviations)")
        change, typical = _change(probe.log_likelihood(probe.z), probe.log_likelihood(probe.z))
        if change > 0:
            parts.append(f"decode gives another log p(x|z) for the same x and z (by up to {typical:.3g} nats)")
        change, typical = _change(probe.target.log_prior(probe.z), _fresh_prior(probe))
        if change > 0:
            parts.append(f"prior() gives another log p(z) for the same z (by up to {typical:.3g} nats)")
    if not parts:
        return None
    do = (
        "make it deterministic: functional dropout needs training=self.training, encode must return the parameters of "
        "q and not a draw from it, and decode the parameters of p(x|z)"
    )
    return Finding("random", "error", "a model that gives the same numbers twice", "; ".join(parts), do)


def neighbours(probe: Probe) -> Finding | None:
    """Whether the numbers of a datapoint change with the rest of the batch."""
    parts = []
    count = len(probe.x)
    if count > 2:
        two, ends = [0, 1], [0, count - 1]
        whole = probe.q
        pair, other = (probe.encode(probe.inputs[rows], rows) for rows in (two, ends))
        moved = max(_shift(whole, pair, 1), _shift(pair, other, 1))
        if moved > _OF_SCALE:
            words = f"encode gives another q(z|x) for the same x in another batch ({moved:.2g} standard deviations)"
            parts.append(words)
    first, company = probe.z[0, :1], probe.prior_z.reshape(-1, probe.z.shape[-1])
    values = [_first_of(probe, torch.cat([first, company[rows]])) for rows in (slice(0, 1), slice(1, 2), slice(0, 3))]
    change = max(_change(values[0], value)[0] for value in values[1:])
    if change > 0:
        size = max(float((values[0] - value).abs().max()) for value in values[1:])
        parts.append(f"decode gives another log p(x|z) for the same z in another batch (by up to {size:.3g} nats)")
    if not parts:
        return None
    layers = coupling_layers(probe.model)
    where = f"; layers that do so: {', '.join(layers)}" if layers else ""
    do = (
        "use statistics that are fixed after training (BatchNorm with track_running_stats=True, from the trained "
        "checkpoint), and no mean over the batch in encode or decode"
    )
    asked = "numbers of a datapoint that do not depend on the others in its batch"
    return Finding("neighbours", "error", asked, "; ".join(parts) + where, do)


def input_changed(probe: Probe) -> Finding | None:
    """Whether encode or decode writes into what it is given. Encoders get copies, so that this is only a note."""
    x, z = probe.inputs.clone(), probe.z[0].clone()
    with torch.no_grad(), unvalidated():
        encode_with(probe.model, x, probe.points.condition)
        probe.target.decode(z)
    if not _same(z, probe.z[0]):
        asked, found = "a decoder that leaves its input as it is", "decode changes z in place"
        return Finding("input_changed", "error", asked, found, "work on a copy: z = z.clone() first in decode")
    if _same(x, probe.inputs):
        return None
    asked, found = "an encoder that leaves its input as it is", "encode changes x in place; here it gets copies"
    return Finding("input_changed", "note", asked, found, "work on a copy in your own code too: x = x.clone()")


def _same(one: Tensor, two: Tensor) -> bool:
    return bool(((one == two) | (one.isnan() & two.isnan())).all())


def _shift(one: Posterior, two: Posterior, rows: int | None = None) -> float:
    """How far the same noise lands apart, in standard deviations; ``rows`` of the batch are looked at."""
    rows = len(one.loc) if rows is None else rows
    dim = noise_dim(one, one.dim)
    noise = torch.linspace(-1.0, 1.0, 3 * dim, dtype=one.loc.dtype, device=one.loc.device).reshape(3, 1, dim)
    with torch.no_grad():
        z = [q.push(noise.expand(3, len(q.loc), dim))[0][:, :rows] for q in (one, two)]
        scale = one.marginal_scale()[:rows]
    change = ((z[0] - z[1]).abs() - 10 * _RELATIVE * z[0].abs()).clamp(min=0.0)
    same = (change == 0) | ~(z[0].isfinite() | z[1].isfinite())  # undefined both times is no difference
    return float(torch.where(same, 0.0, change / scale).nan_to_num(nan=torch.inf).max())


def _change(one: Tensor, two: Tensor) -> tuple[float, float]:
    """By how much the largest change exceeds rounding, 0 if none does; and the largest change, in nats."""
    same = (one == two) | (one.isnan() & two.isnan())
    change = torch.where(same, 0.0, (one - two).abs()).nan_to_num(nan=torch.inf, posinf=torch.inf)
    allowed = _ABSOLUTE + _RELATIVE * one.abs().nan_to_num(posinf=0.0, neginf=0.0)
    return float((change - allowed).max().clamp(min=0.0)), float(change.max())


def _fresh_prior(probe: Probe) -> Tensor:
    return Target(probe.model, probe.x, like=probe.target, condition=probe.points.condition).log_prior(probe.z)


def _first_of(probe: Probe, z: Tensor) -> Tensor:
    """Log p(x|z) of the first datapoint at the first latent of a batch of latents, shape (1,)."""
    p = probe.decode(z, torch.zeros(len(z), dtype=torch.long, device=z.device))
    x = probe.x[:1].expand(len(z), *probe.x.shape[1:])
    return p.log_prob(x)[:1]
