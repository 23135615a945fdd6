"""A mixture of proposals per datapoint: the balance heuristic, and cover for several modes.

Drawing from the mixture and weighting by its whole density is Veach & Guibas' balance heuristic ("Optimally Combining
Sampling Techniques for Monte Carlo Rendering", 1995, section 3.3): no component's blind spot can spoil the estimate as
long as another one covers it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gapkit.families.protocol import Transport, can_be_cut, log_prob_and_grad
from gapkit.randomness import Streams

__all__ = ["Mixture"]


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
        for k in self._switched_on:
            moved = self.components[k].forward(noise)
            z = torch.where((label == k).unsqueeze(-1), moved, z)
        return z, self.log_prob(z)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of the whole mixture: shape (S, B, D) to (S, B), in nats."""
        terms = []
        for log_weight, component in self._parts():
            # A component that is switched off may have parameters that are not numbers: masking both its input and
            # its output keeps them out of the value and of the gradient. A flow is undefined where it does not reach:
            # it has no density there.
            off = log_weight.isneginf()
            term = component.log_prob(torch.where(off.unsqueeze(-1), 0.0, z))
            terms.append(torch.where(off | term.isnan(), -torch.inf, log_weight + term))
        return torch.logsumexp(torch.stack(terms), 0)

    def log_prob_and_grad(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log density (S, B) and its gradient (S, B, D): the components' gradients, weighted by responsibilities."""
        terms, gradients = [], []
        for log_weight, component in self._parts():
            off = log_weight.isneginf()
            term, gradient = log_prob_and_grad(component, torch.where(off.unsqueeze(-1), 0.0, z))
            nowhere = off | term.isnan()
            terms.append(torch.where(nowhere, -torch.inf, log_weight + term))
            gradients.append(torch.where(nowhere.unsqueeze(-1), 0.0, gradient))
        stacked = torch.stack(terms)
        log_q = torch.logsumexp(stacked, 0)
        total = torch.zeros_like(z)
        for term, gradient in zip(terms, gradients, strict=True):
            total.addcmul_((term - log_q).exp().unsqueeze(-1), gradient)
        return log_q, total

    def _parts(self) -> Iterator[tuple[Tensor, Transport]]:
        """Weights and components, without those that are switched off for every datapoint."""
        return ((self.log_weights[k], self.components[k]) for k in self._switched_on)

    @cached_property
    def _switched_on(self) -> list[int]:
        on = (~self.log_weights.isneginf()).any(1).tolist()
        return [k for k, used in enumerate(on) if used]

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
