"""A few datapoints and latents at which a model is examined, and its bound there under another reading of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from gapkit.core.datapoints import Loaded
from gapkit.core.randomness import Key, seeded
from gapkit.core.trees import rows_of
from gapkit.families.protocol import Posterior, noise_dim
from gapkit.models.encoding import encoded
from gapkit.models.protocol import LatentModel
from gapkit.models.unvalidated import unvalidated
from gapkit.target import Target, recognise

__all__ = ["Probe", "innermost", "probe"]

DATAPOINTS = 12
DRAWS = 8
_UPHILL = 40


@dataclass(frozen=True)
class Probe:
    """What the checks look at; B datapoints, S draws of q for each, and as many of the prior.

    Attributes:
        model: frozen, on the data's device.
        points: B datapoints; evenly spaced rows of the whole.
        rows: their places in the whole, shape (B,).
        everything: all data.
        target: log p(x, z) of the B datapoints.
        q: the encoder's posterior for them.
        noise: what draws of q are made from, shape (S, B, the family's own size).
        z: draws of q, shape (S, B, D).
        log_q: their log densities, shape (S, B).
        prior_z: draws of the prior, shape (S, B, D); those of q where the prior cannot be drawn from.
    """

    model: LatentModel
    points: Loaded
    rows: Tensor
    everything: Loaded
    target: Target
    q: Posterior
    noise: Tensor
    z: Tensor
    log_q: Tensor
    prior_z: Tensor

    @property
    def x(self) -> Tensor:
        """Data, shape (B, *x_shape)."""
        return self.target.x

    @property
    def inputs(self) -> Tensor:
        """What the encoder is given for them; x itself unless it is trained on another form of the data."""
        return self.points.inputs

    def encode(self, inputs: Tensor, rows: Any = slice(None)) -> Posterior:
        """Q(z|x) of data, shape (P, ...), with the conditions of some of the datapoints."""
        return recognise(encoded(self.model, inputs, rows_of(self.points.condition, rows)))

    def posterior(self, points: Loaded) -> Posterior:
        """Q(z|x) of any datapoints."""
        return recognise(encoded(self.model, points.inputs, points.condition))

    def decode(self, z: Tensor, owner: Tensor | None = None) -> Distribution:
        """P(x|z) for latents of shape (N, D), from a copy of them; all datapoints in turn, or each of its owner."""
        with torch.no_grad():
            return self.target.decode(z.clone(), owner)

    def log_likelihood(self, z: Tensor, change: Callable[[Distribution], Distribution] | None = None) -> Tensor:
        """Log p(x|z) through the model's own decode: (S, B, D) to (S, B), in nats.

        Args:
            z: latents.
            change: another reading of what decode returned, whose innermost distribution it takes.
        """
        rows, most = z.reshape(-1, z.shape[-1]), self.target.max_rows
        whose = torch.arange(len(self.x), device=z.device).repeat(z.shape[0])
        parts = []
        with torch.no_grad(), unvalidated():
            for part, owner in zip(rows.split(most), whose.split(most), strict=True):
                p, data = self.decode(part, owner), self.x[owner]
                if change is not None:
                    base, depth = innermost(p)
                    p = Independent(change(base), depth, validate_args=False)
                parts.append(p.log_prob(data))
        return torch.cat(parts).reshape(z.shape[:2])

    @cached_property
    def bound(self) -> Tensor:
        """L[q] of every datapoint from these few draws, shape (B,), in nats."""
        return (self.likelihoods + self.target.log_prior(self.z) - self.log_q).mean(0)

    def bound_of(self, q: Posterior, change: Callable[[Distribution], Distribution] | None = None) -> Tensor:
        """L of another posterior, on the same noise, or of another reading of decode: shape (B,), in nats."""
        with torch.no_grad():
            z, log_q = q.push(self.noise)
        return (self.log_likelihood(z, change) + self.target.log_prior(z) - log_q).mean(0)

    @cached_property
    def likelihoods(self) -> Tensor:
        """Log p(x|z) at the draws of q, shape (S, B), in nats."""
        return self.log_likelihood(self.z)

    @cached_property
    def modes(self) -> Tensor:
        """Latents of high log p(x, z), one for each datapoint, uphill from the location of q: shape (B, D).

        What the decoder can do for these datapoints, wherever the encoder points. Steps that lead nowhere (no gradient,
        undefined values) leave the location of q.
        """
        start = self.q.loc.detach().clone()
        z = start.clone()
        optimizer = torch.optim.LBFGS([z], max_iter=_UPHILL, history_size=20, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            value, gradient = self.target.log_joint_and_grad(z.unsqueeze(0))
            z.grad = -gradient[0].nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
            return -value.nan_to_num(nan=0.0, neginf=-1e30).sum()

        try:
            optimizer.step(loss)
        except Exception:  # of the user's own code, when it is asked for a gradient; the checks tell of it
            return start
        return torch.where(z.isfinite(), z, start)

    @cached_property
    def decoded(self) -> Distribution:
        """P(x|z) at the location of q, batch shape (B,)."""
        return self.decode(self.q.loc)


def innermost(p: Distribution) -> tuple[Distribution, int]:
    """The distribution inside ``Independent``, and how many of its axes make one event."""
    depth = 0
    while isinstance(p, Independent):
        depth += p.reinterpreted_batch_ndims
        p = p.base_dist
    return p, depth


def probe(model: LatentModel, points: Loaded, seed: int = 0) -> Probe:
    """Choose datapoints and latents to examine a model at.

    Args:
        model: frozen, on the data's device, with data in the form that :func:`gapkit.doctor.prepare` gives.
        points: N datapoints in memory.
        seed: of the draws.
    """
    rows = torch.linspace(0, len(points) - 1, min(DATAPOINTS, len(points)), device=points.x.device).long()
    few = points[rows]
    target = Target(model, few.x, condition=few.condition)
    with torch.no_grad(), unvalidated():
        q = recognise(encoded(model, few.inputs, few.condition))
        streams = Key(seed, tuple(range(len(few)))).streams("doctor", target.dtype, target.device)
        noise = streams.normal(DRAWS, noise_dim(q, q.dim))
        z, log_q = q.push(noise)
        try:
            with seeded(seed, "doctor"):
                count = DRAWS if target.own_prior else DRAWS * len(few)
                drawn = target.prior.sample((count,)).reshape(z.shape).to(z)
        except NotImplementedError:  # some priors cannot be drawn from
            drawn = z
    return Probe(model, few, rows, points, target, q, noise, z, log_q, drawn)
