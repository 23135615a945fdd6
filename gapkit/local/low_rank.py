"""Fitter of low-rank plus diagonal Gaussians: for correlated latents too many for full matrices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.families import LowRankGaussian
from gapkit.local.certificate import Certificate
from gapkit.local.fitter import LocalFit, Member, first_start
from gapkit.local.gradient import ascend
from gapkit.local.problem import Problem
from gapkit.target import Target

__all__ = ["LowRankFitter"]

_RANK, _RATE = 10, 0.03


@dataclass(frozen=True)
class LowRankFitter:
    """Covariances s^2 + F F' with F of the encoder's rank, or 10."""

    def refusal(self, dim: int) -> str:
        """Any number of latents will do."""
        return ""

    def begin(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[LowRankGaussian, Tensor]:
        """The mean-field optimum with a little spread in other directions, from which a gradient can grow."""
        inner, rank = found["mean_field"], self._rank(problem)
        generator = torch.Generator().manual_seed(0)
        directions = (
            torch.randn(problem.target.dim, rank, generator=generator).to(inner.q.loc) / problem.target.dim**0.5
        )
        full_rank = found.get("full_rank")
        if full_rank is None:
            return LowRankGaussian(
                inner.q.loc, inner.q.scale, 0.1 * inner.q.scale.unsqueeze(-1) * directions
            ), inner.start
        # The leading directions of what the best full covariance has beyond the diagonal of the best precision.
        tril, scale = full_rank.q.scale_tril, inner.q.scale
        slanted = tril / scale.unsqueeze(-1)
        excess = slanted @ slanted.mT - torch.eye(problem.target.dim).to(tril)
        values, vectors = torch.linalg.eigh(torch.where(excess.isfinite(), excess, 0.0))
        top = vectors[..., -rank:] * values[..., -rank:].clamp(min=1e-3).sqrt().unsqueeze(-2)
        return LowRankGaussian(full_rank.q.loc, scale, scale.unsqueeze(-1) * top), full_rank.start

    def elsewhere(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[LowRankGaussian, Tensor] | None:
        """One place is enough: the modes were compared before."""
        return None

    def known(self, problem: Problem, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The mean-field optimum, and the encoder's q, if it is of the family."""
        inner, q = found["mean_field"], problem.encoder
        nothing = torch.zeros(*inner.q.loc.shape, self._rank(problem)).to(inner.q.loc)
        members = [Member(LowRankGaussian(inner.q.loc, inner.q.scale, nothing), inner.elbo, inner.start)]
        return (
            [*members, Member(q, problem.encoder_elbo, first_start(q))] if isinstance(q, LowRankGaussian) else members
        )

    def num_steps(self, problem: Problem) -> int:
        """As the settings say."""
        return problem.settings.gradient_steps

    def polish(self, problem: Problem, q: LowRankGaussian, start: Tensor, steps: range) -> LowRankGaussian:
        """Path-gradient steps."""
        chart = _Chart(problem.target, q)
        rate = _RATE if steps.start == 0 else 0.4 * _RATE
        noise = problem.noise(f"{steps.start}", q.dim + q.factor.shape[-1])
        return chart.member(ascend(chart, noise, len(steps), problem.settings.gradient_samples, rate))

    def certify(self, problem: Problem, q: LowRankGaussian, start: Tensor, stage: str) -> Certificate | None:
        """Only further steps can tell."""
        return None

    @staticmethod
    def _rank(problem: Problem) -> int:
        own = problem.encoder
        return own.factor.shape[-1] if isinstance(own, LowRankGaussian) else min(_RANK, problem.target.dim)


@dataclass(frozen=True)
class _Chart:
    """Everything in units of the scale to begin with; draws as z = m + s e + F f, whose noise has D + R numbers."""

    target: Target
    q: LowRankGaussian

    def parameters(self) -> dict[str, Tensor]:
        zero = torch.zeros_like(self.q.loc)
        return {"shift": zero, "stretch": zero.clone(), "slanted": self.q.factor / self.q.scale.unsqueeze(-1)}

    def member(self, parameters: Mapping[str, Tensor]) -> LowRankGaussian:
        scale = self.q.scale
        factor = scale.unsqueeze(-1) * parameters["slanted"]
        return LowRankGaussian(self.q.loc + scale * parameters["shift"], scale * parameters["stretch"].exp(), factor)

    def surrogate(self, parameters: Mapping[str, Tensor], u: Tensor) -> Tensor:
        live = self.member(parameters)
        own, shared = u[..., : live.dim], u[..., live.dim :]
        z = live.loc + live.scale * own + torch.einsum("sbr,bdr->sbd", shared, live.factor)
        fixed = LowRankGaussian(**{name: tensor.detach() for name, tensor in live.tensors().items()})
        with torch.no_grad():
            r = self.target.grad(z.detach()) - fixed.log_prob_and_grad(z.detach())[1]
        return (z * r).sum(-1).mean(0)
