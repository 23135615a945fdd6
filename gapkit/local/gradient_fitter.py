"""The fitter that any family gets whose draws have gradients.

It climbs by path gradients (:mod:`gapkit.local.gradient`) through automatic differentiation of the family's draws and
density. Places move in units of the widths to begin with, positive parameters by factors, and all others as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gapkit.families.protocol import log_prob_and_grad, noise_dim
from gapkit.local.certificate import Certificate
from gapkit.local.fitter import LocalFit, Member, first_start, highest
from gapkit.local.gradient import ascend
from gapkit.local.problem import Problem
from gapkit.target import Target

__all__ = ["GradientFitter"]

_RATE = 0.03


@dataclass(frozen=True)
class GradientFitter:
    """Path-gradient steps for any family whose draws are differentiable in its tensors.

    Attributes:
        family: its class, with ``matching(loc, deviation)``; the names in its ``positive`` stay positive, those in
            ``places`` move in units of the widths, those in ``fixed`` stay.
    """

    family: Any

    @property
    def within_encoders(self) -> bool:
        """Whether an encoder of another family has no member."""
        return bool(getattr(self.family, "within_encoders", False))

    def refusal(self, dim: int) -> str:
        """Any number of latents will do."""
        return ""

    def begin(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[Any, Tensor]:
        """The encoder's q or the member nearest to the best factorised Gaussian, whichever is higher."""
        return highest([*self._own(problem), self._near(problem, found)])

    def elsewhere(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[Any, Tensor] | None:
        """One place is enough: the modes were compared before."""
        return None

    def known(self, problem: Problem, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The encoder's q, if it is of the family; else the member with the moments of the best factorised Gaussian.

        Beside the encoder's q that member is a place to begin and nothing more: it is no optimum of anything, and where
        the judge's noise favours it over both the fit and the encoder's q, L[q*] would be as much too high.
        """
        return self._own(problem) or [self._near(problem, found)]

    def _own(self, problem: Problem) -> list[Member]:
        own: Any = problem.encoder
        return [Member(own, problem.encoder_elbo, first_start(own))] if type(own) is self.family else []

    def _near(self, problem: Problem, found: Mapping[str, LocalFit]) -> Member:
        inner, own = found["mean_field"], problem.encoder
        kind: Any = own if type(own) is self.family else self.family
        near = kind.matching(inner.q.loc, inner.q.marginal_scale())
        return Member(near, problem.judged(near), inner.start)

    def num_steps(self, problem: Problem) -> int:
        """As the settings say."""
        return problem.settings.gradient_steps

    def polish(self, problem: Problem, q: Any, start: Tensor, steps: range) -> Any:
        """Path-gradient steps; those after the first stretch are smaller."""
        chart = _Chart(problem.target, q)
        rate = _RATE if steps.start == 0 else 0.4 * _RATE
        noise = problem.noise(f"{steps.start}", noise_dim(q, problem.target.dim))
        return chart.member(ascend(chart, noise, len(steps), problem.settings.gradient_samples, rate))

    def certify(self, problem: Problem, q: Any, start: Tensor, stage: str) -> Certificate | None:
        """Only further steps can tell."""
        return None


@dataclass(frozen=True)
class _Chart:
    """Places by shifts in units of the widths, positive tensors by log factors, the others by themselves."""

    target: Target
    q: Any

    def _names(self, kind: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        return tuple(getattr(self.q, kind, default))

    def parameters(self) -> dict[str, Tensor]:
        moved = (*self._names("places", ("loc",)), *self._names("positive"))
        tensors = {name: tensor.detach() for name, tensor in self.q.tensors().items()}
        free = {name: tensor for name, tensor in tensors.items() if name not in self._names("fixed")}
        return {name: torch.zeros_like(t) if name in moved else t.clone() for name, t in free.items()}

    def member(self, parameters: Mapping[str, Tensor]) -> Any:
        tensors = {}
        for name, tensor in self.q.tensors().items():
            if name not in parameters:
                tensors[name] = tensor
            elif name in self._names("places", ("loc",)):
                tensors[name] = tensor + self.q.marginal_scale().detach() * parameters[name]
            elif name in self._names("positive"):
                tensors[name] = tensor * parameters[name].exp()
            else:
                tensors[name] = parameters[name]
        return self.q.of(**tensors)

    def surrogate(self, parameters: Mapping[str, Tensor], u: Tensor) -> Tensor:
        live = self.member(parameters)
        z, _ = live.push(u)
        fixed = live.of(**{name: tensor.detach() for name, tensor in live.tensors().items()})
        r = self.target.grad(z.detach()) - log_prob_and_grad(fixed, z.detach())[1]
        return (z * r).sum(-1).mean(0)
