"""Fitters of coupling flows and auxiliary-variable flows, each datapoint with weights of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gapkit.families import AuxiliaryFlow, CouplingFlow, DiagonalGaussian, FullRankGaussian, Mixture
from gapkit.families.auxiliary import flat_reverse
from gapkit.families.coupling import identity_weights
from gapkit.families.protocol import log_prob_and_grad
from gapkit.local.certificate import Certificate
from gapkit.local.fitter import LocalFit, Member, first_start, highest
from gapkit.local.gradient import ascend
from gapkit.local.problem import Problem
from gapkit.target import Target

__all__ = ["AuxiliaryFitter", "FlowFitter"]

_LAYERS, _HIDDEN, _RATE, _NARROW = 4, 32, 0.02, 8
_COVER_STEPS, _COVER_SAMPLES = 1000, 64


@dataclass(frozen=True)
class FlowFitter:
    """Coupling flows: for an encoder with such a posterior its own architecture, else one around the best Gaussian.

    Attributes:
        decay: the shortfall falls as the number of steps to minus this power, as fits of up to 5,000 steps of trained
            models with 2 to 50 latents had it.
    """

    decay: float = 0.6

    def refusal(self, dim: int) -> str:
        """A coupling layer needs something to read."""
        return "one latent dimension, which leaves a coupling layer nothing to read" if dim < 2 else ""

    def begin(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[CouplingFlow, Tensor]:
        """The encoder's own flow or the best Gaussian as one, whichever is higher."""
        return highest(self.known(problem, found))

    def elsewhere(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[CouplingFlow, Tensor] | None:
        """A flow that covers all modes where there are several: from within one of them it would not find the others.

        It is fitted to draws from the modes' Gaussians by maximum likelihood, without any use of the decoder.
        """
        rows = problem.modes.several().nonzero()[:, 0]
        if len(rows) == 0:
            return None
        modes, like = problem.modes.select(rows), self.known(problem, found)[0].q
        mixture, wide = modes.pooled(), modes.spread_out()
        if isinstance(like.affine, DiagonalGaussian) or isinstance(wide, DiagonalGaussian):
            wide = DiagonalGaussian(wide.loc, wide.marginal_scale())
        chart = _CoverChart(_FlowChart(problem.target, CouplingFlow(wide, _still_weights(wide, like.weights))), mixture)
        noise = problem.select(rows).noise("cover", mixture.noise_dim)
        covering = ascend(chart, noise, _COVER_STEPS, _COVER_SAMPLES, _RATE)
        return chart.flow.member(covering), rows

    def known(self, problem: Problem, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The encoder's q, if it is of the family; and the best Gaussian that the family holds."""
        own = problem.encoder
        if isinstance(own, CouplingFlow):
            inner = found["mean_field" if isinstance(own.affine, DiagonalGaussian) else "full_rank"]
            return [Member(own, problem.encoder_elbo, first_start(own)), _still(inner, own.weights)]
        inner = found.get("full_rank", found["mean_field"])
        return [_still(inner, identity_weights(1, problem.target.dim, _LAYERS, _HIDDEN))]

    def num_steps(self, problem: Problem) -> int:
        """As the settings say."""
        return problem.settings.gradient_steps

    def polish(self, problem: Problem, q: CouplingFlow, start: Tensor, steps: range) -> CouplingFlow:
        """Path-gradient steps."""
        chart = _FlowChart(problem.target, q)
        return chart.member(_ascended(problem, chart, q.dim, steps))

    def certify(self, problem: Problem, q: CouplingFlow, start: Tensor, stage: str) -> Certificate | None:
        """Only further steps can tell."""
        return None


@dataclass(frozen=True)
class AuxiliaryFitter:
    """Auxiliary-variable flows: the encoder's own architecture, or one around the best Gaussian.

    Attributes:
        decay: as for coupling flows.
    """

    decay: float = 0.6

    def refusal(self, dim: int) -> str:
        """Any number of latents will do."""
        return ""

    def begin(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[AuxiliaryFlow, Tensor]:
        """The encoder's own flow or the best Gaussian as one, whichever is higher."""
        return highest(self.known(problem, found))

    def elsewhere(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[AuxiliaryFlow, Tensor] | None:
        """A Gaussian that spans all modes where there are several: from within one it would not find the others."""
        rows = problem.modes.several().nonzero()[:, 0]
        if len(rows) == 0:
            return None
        wide, own = problem.modes.select(rows).spread_out(), problem.encoder
        like = own if isinstance(own, AuxiliaryFlow) else None
        diagonal = like is not None or isinstance(wide, DiagonalGaussian)
        return _alone(DiagonalGaussian(wide.loc, wide.marginal_scale()) if diagonal else wide, like), rows

    def known(self, problem: Problem, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The encoder's q, if it is of the family; and the best Gaussian that the family holds."""
        own = problem.encoder
        if isinstance(own, AuxiliaryFlow):
            return [Member(own, problem.encoder_elbo, first_start(own)), self._inner(found, own)]
        return [self._inner(found, None)]

    @staticmethod
    def _inner(found: Mapping[str, LocalFit], like: AuxiliaryFlow | None) -> Member:
        inner = found["mean_field"] if like else found.get("full_rank", found["mean_field"])
        return Member(_alone(inner.q, like), inner.elbo, inner.start)

    def num_steps(self, problem: Problem) -> int:
        """As the settings say."""
        return problem.settings.gradient_steps

    def polish(self, problem: Problem, q: AuxiliaryFlow, start: Tensor, steps: range) -> AuxiliaryFlow:
        """Path-gradient steps for the flow, plain ones for the reverse model."""
        chart = _AuxiliaryChart(problem.target, q)
        return chart.member(_ascended(problem, chart, q.noise_dim, steps))

    def certify(self, problem: Problem, q: AuxiliaryFlow, start: Tensor, stage: str) -> Certificate | None:
        """Only further steps can tell."""
        return None


def _ascended(problem: Problem, chart: "_FlowChart | _AuxiliaryChart", dim: int, steps: range) -> dict[str, Tensor]:
    """The second stretch of a polish, and those after it, begin with smaller steps."""
    rate = _RATE if steps.start == 0 else 0.4 * _RATE
    noise, samples = problem.noise(f"{steps.start}", dim), problem.settings.gradient_samples
    return ascend(chart, noise, len(steps), samples, rate, _strides(chart.q.tensors()))


def _strides(tensors: Mapping[str, Tensor]) -> dict[str, float]:
    """Shorter steps for weights of wide layers.

    What a unit adds up moves by all of its weights' steps together, about by the root of their number. With steps that
    are right for a few inputs the units of wide layers saturate, and a fit of more steps ends lower.
    """
    widths = {name: tensor.shape[-1] for name, tensor in tensors.items() if name.endswith("_weight")}
    return {name: min(1.0, (_NARROW / width) ** 0.5) for name, width in widths.items()}


def _still(inner: LocalFit, weights: Mapping[str, Tensor]) -> Member:
    """A Gaussian optimum as a flow of the same architecture as some weights, whose couplings do nothing yet."""
    return Member(CouplingFlow(inner.q, _still_weights(inner.q, weights)), inner.elbo, inner.start)


def _still_weights(q: DiagonalGaussian | FullRankGaussian, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    hidden, layers = like["0.hidden_bias"].shape[1], len(like) // 4
    return identity_weights(len(q.loc), q.dim, layers, hidden, dtype=q.loc.dtype, device=q.loc.device)


def _alone(q: DiagonalGaussian | FullRankGaussian, like: AuxiliaryFlow | None) -> AuxiliaryFlow:
    """A Gaussian as an auxiliary flow in which z and v are independent and r(v|z) = q(v): the same bound."""
    if like is None:
        hidden, layers, reverse = _HIDDEN, _LAYERS, _HIDDEN
    else:
        weights = like.joint.weights
        hidden, layers = weights["0.hidden_bias"].shape[1], len(weights) // 4
        reverse = like.reverse["hidden_bias"].shape[1]
    loc, own = torch.cat([q.loc, torch.zeros_like(q.loc)], 1), DiagonalGaussian(q.loc, q.marginal_scale())
    both: DiagonalGaussian | FullRankGaussian
    if isinstance(q, DiagonalGaussian):
        both = DiagonalGaussian(loc, torch.cat([q.scale, torch.ones_like(q.scale)], 1))
    else:
        tril = torch.diag_embed(torch.ones_like(loc))
        tril[:, : q.dim, : q.dim] = q.scale_tril
        both = FullRankGaussian(loc, tril)
    still = identity_weights(len(q.loc), both.dim, layers, hidden, dtype=q.loc.dtype, device=q.loc.device)
    return AuxiliaryFlow(CouplingFlow(both, still), flat_reverse(own, reverse))


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
class _CoverChart:
    """The same parameters, for the likelihood of draws from a mixture that is to be covered."""

    flow: _FlowChart
    mixture: Mixture

    def parameters(self) -> dict[str, Tensor]:
        return self.flow.parameters()

    def surrogate(self, parameters: Mapping[str, Tensor], u: Tensor) -> Tensor:
        with torch.no_grad():
            z, _ = self.mixture.push(u)
        return self.flow.member(parameters).log_prob(z).mean(0)


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
