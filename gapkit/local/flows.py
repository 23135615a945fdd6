"""Fitters of coupling flows and auxiliary-variable flows, each datapoint with weights of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gapkit.families import AuxiliaryFlow, CouplingFlow, DiagonalGaussian, FullRankGaussian
from gapkit.families.auxiliary import flat_reverse
from gapkit.families.coupling import identity_weights
from gapkit.families.protocol import log_prob_and_grad
from gapkit.local.certificate import Certificate
from gapkit.local.fitter import LocalFit, Member, first_start
from gapkit.local.gradient import ascend
from gapkit.local.job import Job, picked
from gapkit.models.target import Target

__all__ = ["AuxiliaryFitter", "FlowFitter"]

_LAYERS, _HIDDEN, _RATE = 4, 32, 0.02


@dataclass(frozen=True)
class FlowFitter:
    """Coupling flows: for an encoder with such a posterior its own architecture, else one around the best Gaussian."""

    def refusal(self, dim: int) -> str:
        """A coupling layer needs something to read."""
        return "one latent dimension, which leaves a coupling layer nothing to read" if dim < 2 else ""

    def begin(self, job: Job, found: Mapping[str, LocalFit]) -> tuple[CouplingFlow, Tensor]:
        """The encoder's own flow or the best Gaussian as one, whichever is higher."""
        members = self.known(job, found)
        flow, number = picked([m.q for m in members], [m.elbo.value for m in members])
        starts = torch.stack([member.start for member in members])
        return flow, starts[number, torch.arange(len(number), device=number.device)]

    def known(self, job: Job, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The encoder's q, if it is of the family; and the best Gaussian that the family holds."""
        own = job.encoder
        if isinstance(own, CouplingFlow):
            inner = found["mean_field" if isinstance(own.affine, DiagonalGaussian) else "full_rank"]
            return [Member(own, job.encoder_elbo, first_start(own)), _still(inner, own.weights)]
        inner = found.get("full_rank", found["mean_field"])
        return [_still(inner, identity_weights(1, job.target.dim, _LAYERS, _HIDDEN))]

    def num_steps(self, job: Job) -> int:
        """As the settings say."""
        return job.settings.gradient_steps

    def polish(self, job: Job, q: CouplingFlow, start: Tensor, steps: range) -> CouplingFlow:
        """Path-gradient steps."""
        chart = _FlowChart(job.target, q)
        return chart.member(_ascended(job, chart, q.dim, steps))

    def certify(self, job: Job, q: CouplingFlow, start: Tensor, stage: str) -> Certificate | None:
        """Only further steps can tell."""
        return None


@dataclass(frozen=True)
class AuxiliaryFitter:
    """Auxiliary-variable flows: the encoder's own architecture, or one around the best Gaussian."""

    def refusal(self, dim: int) -> str:
        """Any number of latents will do."""
        return ""

    def begin(self, job: Job, found: Mapping[str, LocalFit]) -> tuple[AuxiliaryFlow, Tensor]:
        """The encoder's own flow or the best Gaussian as one, whichever is higher."""
        members = self.known(job, found)
        flow, number = picked([m.q for m in members], [m.elbo.value for m in members])
        starts = torch.stack([member.start for member in members])
        return flow, starts[number, torch.arange(len(number), device=number.device)]

    def known(self, job: Job, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The encoder's q, if it is of the family; and the best Gaussian that the family holds."""
        own = job.encoder
        if isinstance(own, AuxiliaryFlow):
            return [Member(own, job.encoder_elbo, first_start(own)), _alone(found["mean_field"], own)]
        return [_alone(found["mean_field"], None)]

    def num_steps(self, job: Job) -> int:
        """As the settings say."""
        return job.settings.gradient_steps

    def polish(self, job: Job, q: AuxiliaryFlow, start: Tensor, steps: range) -> AuxiliaryFlow:
        """Path-gradient steps for the flow, plain ones for the reverse model."""
        chart = _AuxiliaryChart(job.target, q)
        return chart.member(_ascended(job, chart, q.noise_dim, steps))

    def certify(self, job: Job, q: AuxiliaryFlow, start: Tensor, stage: str) -> Certificate | None:
        """Only further steps can tell."""
        return None


def _ascended(job: Job, chart: "_FlowChart | _AuxiliaryChart", dim: int, steps: range) -> dict[str, Tensor]:
    """The second stretch of a polish, and those after it, begin with smaller steps."""
    rate = _RATE if steps.start == 0 else 0.4 * _RATE
    return ascend(chart, job.noise(f"{steps.start}", dim), len(steps), job.settings.gradient_samples, rate)


def _still(inner: LocalFit, weights: Mapping[str, Tensor]) -> Member:
    """A Gaussian optimum as a flow of the same architecture as some weights, whose couplings do nothing yet."""
    q, dim = inner.q, inner.q.dim
    hidden, layers = weights["0.hidden_bias"].shape[1], len(weights) // 4
    still = identity_weights(len(q.loc), dim, layers, hidden, dtype=q.loc.dtype, device=q.loc.device)
    return Member(CouplingFlow(q, still), inner.elbo, inner.start)


def _alone(inner: LocalFit, like: AuxiliaryFlow | None) -> Member:
    """A Gaussian optimum as an auxiliary flow in which z and v are independent and r(v|z) = q(v): the same bound."""
    q: DiagonalGaussian = inner.q
    if like is None:
        hidden, layers, reverse = _HIDDEN, _LAYERS, _HIDDEN
    else:
        weights = like.joint.weights
        hidden, layers = weights["0.hidden_bias"].shape[1], len(weights) // 4
        reverse = like.reverse["hidden_bias"].shape[1]
    both = DiagonalGaussian(
        torch.cat([q.loc, torch.zeros_like(q.loc)], 1), torch.cat([q.scale, torch.ones_like(q.scale)], 1)
    )
    still = identity_weights(len(q.loc), both.dim, layers, hidden, dtype=q.loc.dtype, device=q.loc.device)
    return Member(AuxiliaryFlow(CouplingFlow(both, still), flat_reverse(q, reverse)), inner.elbo, inner.start)


@dataclass(frozen=True)
class _FlowChart:
    """Weights as they are; the affine map by a shift in its own units and log factors of its columns."""

    target: Target
    q: CouplingFlow

    def parameters(self) -> dict[str, Tensor]:
        zero = torch.zeros_like(self.q.affine.loc)
        weights = {name: t.detach().clone() for name, t in self.q.tensors().items() if name in self.q.weights}
        return {**weights, "shift": zero, "stretch": zero.clone()}

    def member(self, parameters: Mapping[str, Tensor]) -> CouplingFlow:
        affine, shift, factor = self.q.affine, parameters["shift"], parameters["stretch"].exp()
        moved: DiagonalGaussian | FullRankGaussian
        if isinstance(affine, DiagonalGaussian):
            moved = DiagonalGaussian(affine.loc + affine.scale * shift, affine.scale * factor)
        else:
            loc = affine.loc + (affine.scale_tril @ shift.unsqueeze(-1)).squeeze(-1)
            moved = FullRankGaussian(loc, affine.scale_tril * factor.unsqueeze(1))
        return CouplingFlow(moved, {name: parameters[name] for name in self.q.weights})

    def surrogate(self, parameters: Mapping[str, Tensor], u: Tensor) -> Tensor:
        live = self.member(parameters)
        z = live.forward(u)
        r = _path_gradient(self.target.grad(z.detach()), _detached(live), z.detach())
        return (z * r).sum(-1).mean(0)


@dataclass(frozen=True)
class _AuxiliaryChart:
    """The chart of the flow over (z, v), and the weights of r(v|z)."""

    target: Target
    q: AuxiliaryFlow

    @property
    def _flow(self) -> _FlowChart:
        return _FlowChart(self.target, self.q.joint)

    def parameters(self) -> dict[str, Tensor]:
        reverse = {name: t.detach().clone() for name, t in self.q.tensors().items() if name.startswith("reverse.")}
        return {**self._flow.parameters(), **reverse}

    def member(self, parameters: Mapping[str, Tensor]) -> AuxiliaryFlow:
        reverse = {name: parameters[f"reverse.{name}"] for name in self.q.reverse}
        return AuxiliaryFlow(self._flow.member(parameters), reverse)

    def surrogate(self, parameters: Mapping[str, Tensor], u: Tensor) -> Tensor:
        live = self.member(parameters)
        both = live.joint.forward(u)
        fixed = both.detach()
        with torch.enable_grad():
            leaf = fixed.clone().requires_grad_(True)
            (of_reverse,) = torch.autograd.grad(_detached(live).log_reverse(leaf).sum(), leaf)
        of_joint = self.target.grad(fixed[..., : live.dim].contiguous())
        of_joint = torch.cat([of_joint, torch.zeros_like(of_joint)], -1) + of_reverse
        r = _path_gradient(of_joint, _detached(live.joint), fixed)
        return (both * r).sum(-1).mean(0) + live.log_reverse(fixed).mean(0)


def _path_gradient(of_target: Tensor, q: CouplingFlow, z: Tensor) -> Tensor:
    return of_target - log_prob_and_grad(q, z)[1]


def _detached(q: Any) -> Any:
    return type(q).of(**{name: tensor.detach() for name, tensor in q.tensors().items()})
