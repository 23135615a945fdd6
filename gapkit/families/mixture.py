"""A mixture of proposals per datapoint: the balance heuristic, and cover for several modes.

Drawing from the mixture and weighting by its whole density is Veach & Guibas' balance heuristic ("Optimally Combining
Sampling Techniques for Monte Carlo Rendering", 1995, section 3.3): no component's blind spot can spoil the estimate as
long as another one covers it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from gapkit.core.randomness import Streams
from gapkit.families.protocol import Transport, can_be_cut, log_prob_and_grad

__all__ = ["Mixture"]

# A component that is on for at most this share of the datapoints is evaluated for them alone.
_FEW = 0.5


class _Part(NamedTuple):
    """A component in use: its number, its log weights (B,), and the only datapoints it is made for, (P,), or None."""

    number: int
    log_weight: Tensor
    component: Transport
    rows: Tensor | None

    def log_prob(self, z: Tensor, *, with_gradient: bool = False) -> tuple[Tensor, Tensor]:
        """Its weighted log density (S, B), -inf where it is off, and the gradient: (S, B, D), or (S, P, D) of its rows.

        A component that is switched off may have parameters that are not numbers: masking both its input and its
        output keeps them out of the value and of the gradient. A flow is undefined where it does not reach: it has no
        density there.
        """
        off = self.log_weight.isneginf()
        log_weight = self.log_weight
        if self.rows is None:
            z = torch.where(off.unsqueeze(-1), 0.0, z)
        else:
            z, off, log_weight = z[:, self.rows], off[self.rows], log_weight[self.rows]
        if with_gradient:
            term, gradient = log_prob_and_grad(self.component, z)
        else:
            term, gradient = self.component.log_prob(z), z
        nowhere = off | term.isnan()
        term = torch.where(nowhere, -torch.inf, log_weight + term)
        if self.rows is not None:
            everywhere = torch.full((len(z), len(self.log_weight)), -torch.inf, dtype=term.dtype, device=term.device)
            term = everywhere.index_copy(1, self.rows, term)
        return term, torch.where(nowhere.unsqueeze(-1), 0.0, gradient) if with_gradient else gradient


@dataclass(frozen=True)
class Mixture:
    """q(z) = sum_k weight_k q_k(z), with weights and components of each datapoint's own.

    Attributes:
        log_weights: log mixture weights, shape (K, B); -inf switches a component off for a datapoint.
        components: K transports for the B datapoints.
        frame: coordinates for Markov chains; None takes those of the first component.
    """

    log_weights: Tensor
    components: tuple[Transport, ...]
    frame: Transport | None = None

    @property
    def noise_dim(self) -> int:
        """Standard normal numbers that a draw takes: one chooses the component, the others are its noise."""
        return self.components[0].dim + 1

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and the mixture's log density at it, shape (S, B), in nats.

        Each draw has numbers of its own, so any chunking gives the same draws.
        """
        return self.push(streams.normal(num_samples, self.noise_dim))

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The same from noise of shape (S, B, D + 1)."""
        noise, uniform = u[..., :-1], torch.special.ndtr(u[..., -1])
        label = torch.searchsorted(
            self.log_weights.exp().cumsum(0).mT.contiguous(), uniform.mT.contiguous(), right=True
        ).mT.clamp_(max=len(self.components) - 1)
        z = torch.zeros_like(noise)
        for part in self._parts:
            chosen = (label == part.number).unsqueeze(-1)
            if part.rows is None:
                z = torch.where(chosen, part.component.forward(noise), z)
            else:
                moved = part.component.forward(noise[:, part.rows])
                z[:, part.rows] = torch.where(chosen[:, part.rows], moved, z[:, part.rows])
        return z, self.log_prob(z)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of the whole mixture: shape (S, B, D) to (S, B), in nats."""
        return torch.logsumexp(torch.stack([part.log_prob(z)[0] for part in self._parts]), 0)

    def log_prob_and_grad(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log density (S, B) and its gradient (S, B, D): the components' gradients, weighted by responsibilities."""
        found = [part.log_prob(z, with_gradient=True) for part in self._parts]
        log_q = torch.logsumexp(torch.stack([term for term, _ in found]), 0)
        total = torch.zeros_like(z)
        for part, (term, gradient) in zip(self._parts, found, strict=True):
            share = (term - log_q).exp().unsqueeze(-1)
            if part.rows is None:
                total.addcmul_(share, gradient)
            else:
                total[:, part.rows] = torch.addcmul(total[:, part.rows], share[:, part.rows], gradient)
        return log_q, total

    @cached_property
    def _parts(self) -> list["_Part"]:
        """The components without those that are switched off for every datapoint."""
        on = ~self.log_weights.isneginf()
        counts = on.sum(1).tolist()
        parts = []
        for k, (count, component) in enumerate(zip(counts, self.components, strict=True)):
            if count == 0 and (k or any(counts)):  # of a mixture without any the first is left, which has no weight
                continue
            rows = None
            if count <= _FEW * on.shape[1] and can_be_cut(component):
                rows = on[k].nonzero()[:, 0]
                component = component.select(rows)
            parts.append(_Part(k, self.log_weights[k], component, rows))
        return parts

    def select(self, rows: Tensor) -> "Mixture":
        """Return the mixtures of some datapoints: rows has shape (P,)."""
        frame = None if self.frame is None else self.frame.select(rows)
        return Mixture(self.log_weights[:, rows], tuple(c.select(rows) for c in self.components), frame)

    def can_be_cut(self) -> bool:
        """Whether single datapoints can be taken out of the batch."""
        return all(can_be_cut(component) for component in self.components)

    def whitening(self) -> Transport:
        """The coordinates chains move in: a fixed choice for each datapoint, so that every transition is valid."""
        return self.frame or self.components[0]
