"""Fitter of Gaussian mixtures: natural-gradient steps of every component, and of the weights.

With r = grad_z [log p(x, z) - log q(z)] under the whole mixture, a component moves as a single Gaussian would (its own
weight drops out of its natural gradient), and log w_k moves by the component's mean of log p(x, z) - log q(z).
Sources: Lin, Khan, Schmidt, "Fast and Simple Natural-Gradient Variational Inference with Mixture of Exponential-family
Approximations" (2019), https://arxiv.org/abs/1906.02914, equations 9 to 11; Arenz et al., "A Unified Perspective on
Natural Gradient Variational Inference with Gaussian Mixture Models" (2023), https://arxiv.org/abs/2209.11533.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gapkit.families.gaussian import DiagonalGaussian
from gapkit.families.gaussian_mixture import GaussianMixture
from gapkit.families.protocol import Posterior
from gapkit.ladder.arithmetic import gap
from gapkit.local.certificate import Certificate
from gapkit.local.curvature import MAX_DIM
from gapkit.local.fitter import LocalFit, Member, first_start
from gapkit.local.natural import bounded, polish_steps
from gapkit.local.problem import Problem, merged

__all__ = ["MixtureFitter"]

_APART = 0.7  # of a copy from its original, in standard deviations
_LIGHTEST = -12.0  # log weight: a component may become negligible, but not vanish


@dataclass(frozen=True)
class MixtureFitter:
    """A few Gaussians: the modes that were found, and copies of the best optimum beside it.

    They are full-rank ones; for an encoder with a mixture of its own as many as that has, and factorised where its own
    are.

    Attributes:
        decay: the shortfall falls as the number of steps to minus this power. Components that overlap trade places
            along directions in which L[q] is nearly flat: it was measured to fall no faster than with the root.
    """

    decay: float = 0.5

    def refusal(self, dim: int) -> str:
        """Full matrices are expensive for many latents."""
        return f"{dim} latent dimensions, more than {MAX_DIM}" if dim > MAX_DIM else ""

    def begin(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[GaussianMixture, Tensor]:
        """The modes; or the encoder's own mixture, unless some steps from the modes lead higher than from there.

        An encoder's components are where the parts of the posterior are even if their places are off: from copies of
        one Gaussian they are found in the end, but slowly.
        """
        modes, start = self._of_modes(problem, found)
        own = problem.encoder
        if not isinstance(own, GaussianMixture):
            return modes, start
        trial, steps = problem.named(f"{problem.family}/trial"), range(self.num_steps(problem) // 3)
        ours, theirs = (self.polish(trial, q, start, steps) for q in (own, modes))
        level, other = problem.level(ours), problem.level(theirs)
        lead = gap(other, level)
        keep = ~((lead.value > 2.0 * lead.std_error) | ~level.value.isfinite()) & ours.loc.isfinite().all(-1)
        return merged(keep, ours, theirs), torch.where(keep, first_start(own), start)

    def _of_modes(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[GaussianMixture, Tensor]:
        """The full-rank optimum, the other modes by their level, and copies of the optimum where there are too few."""
        best, modes, count = _inner(problem, found), problem.modes, _count(problem)
        if _factorised(problem):
            scale = modes.tril.diagonal(dim1=-2, dim2=-1)
            modes = replace(modes, tril=torch.diag_embed(scale))
        rows = torch.arange(len(best.start), device=best.start.device)
        level = torch.where(modes.level.isfinite(), modes.level, -torch.inf)
        level[best.start, rows] = torch.inf  # its place is taken by the polished optimum
        order = level.argsort(0, descending=True)
        weights, means, trils = [torch.zeros_like(best.q.loc[:, 0])], [best.q.loc], [_tril(best)]
        top = best.elbo.value.to(best.q.loc)
        for k in range(1, count):
            loc, tril = _beside(best, k)
            weight = torch.zeros_like(weights[0])
            if k < len(order):
                number = order[k]
                own = level[number, rows]
                there = own.isfinite()
                loc = torch.where(there.unsqueeze(-1), modes.loc[number, rows], loc)
                tril = torch.where(there[:, None, None], modes.tril[number, rows], tril)
                weight = torch.where(there, (own - top).clamp(_LIGHTEST, 0.0), weight)
            weights.append(weight)
            means.append(loc)
            trils.append(tril)
        return GaussianMixture(torch.stack(weights, 1), torch.stack(means, 1), torch.stack(trils, 1)), best.start

    def elsewhere(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[GaussianMixture, Tensor] | None:
        """One place is enough: it holds all modes."""
        return None

    def known(self, problem: Problem, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The best Gaussian, as a mixture whose other components weigh nothing; and the encoder's q, if it is one."""
        inner, count, own = _inner(problem, found), _count(problem), problem.encoder
        weights = torch.full((len(inner.start), count), -torch.inf).to(inner.q.loc)
        weights[:, 0] = 0.0
        means = inner.q.loc.unsqueeze(1).expand(-1, count, -1)
        tril = _tril(inner).unsqueeze(1).expand(-1, count, -1, -1)
        members = [Member(GaussianMixture(weights, means, tril), inner.elbo, inner.start)]
        return [Member(own, problem.encoder_elbo, first_start(own)), *members] if _own(own) else members

    def num_steps(self, problem: Problem) -> int:
        """As the settings say for Gaussians."""
        return problem.settings.polish_steps

    def polish(self, problem: Problem, q: GaussianMixture, start: Tensor, steps: range) -> GaussianMixture:
        """Natural-gradient steps; iterates are averaged as for a single Gaussian."""
        noise, pairs = problem.noise(f"{steps.start}"), problem.settings.polish_samples // 2
        mean = q
        for size, weight in polish_steps(steps):
            q = _step(problem, q, torch.stack([noise(pairs) for _ in range(q.means.shape[1])]), size)
            averaged = {name: torch.lerp(old, q.tensors()[name], weight) for name, old in mean.tensors().items()}
            mean = GaussianMixture.of(**averaged)
        return mean

    def certify(self, problem: Problem, q: GaussianMixture, start: Tensor, stage: str) -> Certificate | None:
        """Only further steps can tell."""
        return None


def _own(q: Posterior) -> bool:
    return isinstance(q, GaussianMixture)


def _count(problem: Problem) -> int:
    own = problem.encoder
    return own.means.shape[1] if isinstance(own, GaussianMixture) else problem.settings.num_components


def _factorised(problem: Problem) -> bool:
    """Whether the encoder's own mixture is one of factorised Gaussians."""
    own = problem.encoder
    return isinstance(own, GaussianMixture) and not bool(own.scale_tril.tril(-1).any())


def _inner(problem: Problem, found: Mapping[str, LocalFit]) -> LocalFit:
    """The best single Gaussian of the kind."""
    return found["mean_field" if _factorised(problem) else "full_rank"]


def _tril(best: LocalFit) -> Tensor:
    q: Any = best.q
    return torch.diag_embed(q.scale) if isinstance(q, DiagonalGaussian) else q.scale_tril


def _beside(best: LocalFit, k: int) -> tuple[Tensor, Tensor]:
    """A copy of the optimum, a little way off along one of its axes, to one side and the other in turn."""
    tril = _tril(best)
    axis = ((k - 1) // 2) % tril.shape[-1]
    sign = 1.0 if k % 2 else -1.0
    return best.q.loc + sign * _APART * tril[..., axis], tril


def _step(problem: Problem, q: GaussianMixture, noise: Tensor, size: float) -> GaussianMixture:
    """One step of all components: noise of shape (K, S / 2, B, D)."""
    means, trils, gains = [], [], []
    factorised = _factorised(problem)
    for k, half in enumerate(noise):
        u = torch.cat([half, -half])
        component = q.component(k)
        z = component.forward(u)
        log_p, grad_p = problem.target.log_joint_and_grad(z)
        log_q, grad_q = q.log_prob_and_grad(z)
        s = component.pull_gradient(u, grad_p - grad_q)
        outer = torch.einsum("spi,spj->pij", s, u) / len(u)
        within = torch.diag_embed(0.5 * outer.diagonal(dim1=-2, dim2=-1))
        change = within if factorised else outer.tril(-1) + within
        shift = bounded(size * s.mean(0), 1.0)
        means.append(component.loc + (component.scale_tril @ shift.unsqueeze(-1)).squeeze(-1))
        trils.append(component.scale_tril + component.scale_tril @ bounded(size * change, 0.5))
        gains.append((log_p - log_q).mean(0))
    gain = torch.stack(gains, 1)
    gain = torch.where(gain.isfinite(), gain, 0.0).to(q.log_weights)
    weights = torch.log_softmax(q.log_weights, 1)
    centred = gain - (weights.exp() * gain).sum(1, keepdim=True)
    moved = (weights + (size * centred).clamp(-1.0, 1.0)).clamp(min=_LIGHTEST)
    return GaussianMixture(torch.log_softmax(moved, 1), torch.stack(means, 1), torch.stack(trils, 1))
