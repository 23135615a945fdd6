"""Fitters of the two Gaussian families that every analysis fits: natural-gradient polish, Newton certificates."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.local.certificate import Certificate, squared_mean
from gapkit.local.chart import Chart, FullRankChart, MeanFieldChart, suited_root
from gapkit.local.curvature import MAX_DIM
from gapkit.local.fitter import LocalFit, Member, first_start
from gapkit.local.natural import eye_like, polish_diagonal, polish_full_rank
from gapkit.local.newton import climb, curvature_along
from gapkit.local.problem import Problem

__all__ = ["FullRankFitter", "MeanFieldFitter", "as_full_rank"]

_SHORT = 16  # steps, of a polish that is not cut
# More blocks give a steadier error, but each is kept, (B, D^2 / 2) numbers, and one of two draws is slow to make.
_BLOCKS, _FEWER_BLOCKS, _MANY_LATENTS, _FEW_SAMPLES = 16, 8, 128, 64
_OTHER = 2.0  # times as much curvature, or as little, as the mode has along an axis
_NUMBERS = 2**22  # in the matrices of one block of draws, of which several are kept
_WEAK, _WEAKEST = 0.5, 1e-3  # curvature, where one is expected
_DRAWS_PER_LATENT = 4  # fewer would fit a whole matrix to the draws themselves
_CLIMB_SAMPLES, _CLIMB_STEPS = 64, 4  # the steps for every round that a polish may have


def as_full_rank(q: DiagonalGaussian | FullRankGaussian) -> FullRankGaussian:
    """The same Gaussian with a full Cholesky factor."""
    return FullRankGaussian(q.loc, torch.diag_embed(q.scale)) if isinstance(q, DiagonalGaussian) else q


def _certificate(
    problem: Problem, stage: str, q: Any, start: Tensor, make: Callable[[Problem, Any, Tensor], Chart]
) -> Certificate:
    """For as many datapoints at a time as there is room for their blocks."""
    size = max(1, _NUMBERS // problem.target.dim**2)
    rows = torch.arange(len(start), device=start.device)
    if size >= len(rows):
        return _newton_gain(problem, stage, make(problem, q, start))
    parts = []
    for few in rows.split(size):
        part = problem.select(few)
        parts.append(_newton_gain(part, stage, make(part, q.select(few), start[few])))
    return Certificate(
        torch.cat([part.gap for part in parts]),
        torch.cat([part.std_error for part in parts]),
        torch.cat([part.gradient_norm for part in parts]),
        torch.cat([part.doubts for part in parts]),
    )


def _newton_gain(problem: Problem, stage: str, chart: Chart) -> Certificate:
    """From ``certificate_samples`` fresh draws in blocks of antithetic pairs: the gain of a Newton step.

    The coordinates of a chart are natural if L[q] curves by one in them. Along the gradient that curvature is measured,
    with a second gradient on the draws of one block; where it is much less than one, the gain is larger in proportion.
    """
    noise = problem.noise(f"certificate/{stage}")
    samples = problem.settings.certificate_samples
    count = _FEWER_BLOCKS if problem.target.dim > _MANY_LATENTS or samples < _FEW_SAMPLES else _BLOCKS
    pairs = max(1, samples // (2 * count))
    origin = torch.zeros(
        problem.target.num_datapoints, chart.size, dtype=problem.target.dtype, device=problem.target.device
    )
    blocks, first = [], torch.empty(0)
    for number in range(count):
        u = noise(pairs)
        u = torch.cat([u, -u])
        first = u if number == 0 else first
        blocks.append(chart.gradient(origin, u))
    curvature = curvature_along(chart, torch.stack(blocks[1:]).mean(0), first, blocks[0])
    gain, error = squared_mean([block / 2**0.5 for block in blocks])
    weak = curvature < _WEAK
    stretch = torch.where(weak, 1.0 / curvature.clamp(min=_WEAKEST), 1.0).to(gain)
    doubtful = weak & ((gain + error) * stretch > problem.settings.tolerance)
    norm = (2.0 * gain.clamp(min=0.0)).sqrt()
    return Certificate(gain * stretch, error * stretch, norm, doubtful)


def _climb_samples(problem: Problem) -> int:
    return min(_CLIMB_SAMPLES, problem.settings.certificate_samples)


def _climb(problem: Problem, q: Any, make: Callable[[Any], Chart], steps: range, wanted: Tensor) -> Any:
    """Newton steps on fixed draws, until one promises less than a quarter of the tolerance."""
    u = problem.noise(f"climb/{steps.start}")(_climb_samples(problem) // 2)
    limit = _CLIMB_STEPS * (1 + problem.settings.more_rounds)
    return climb(make, q, torch.cat([u, -u]), limit, 0.25 * problem.settings.tolerance, wanted)


@dataclass(frozen=True)
class MeanFieldFitter:
    """Factorised Gaussians."""

    def refusal(self, dim: int) -> str:
        """Any number of latents will do."""
        return ""

    def begin(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[DiagonalGaussian, Tensor]:
        """The best of the modes, with the variances that suit them."""
        return problem.best_start([problem.modes.diagonal(k) for k in range(len(problem.modes.loc))])

    def elsewhere(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[DiagonalGaussian, Tensor] | None:
        """One place is enough: the modes were compared before."""
        return None

    def known(self, problem: Problem, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The encoder's q, if it is of the family."""
        q = problem.encoder
        return [Member(q, problem.encoder_elbo, first_start(q))] if isinstance(q, DiagonalGaussian) else []

    def num_steps(self, problem: Problem) -> int:
        """Half of a long polish is enough, because its steps have less noise than those of the full-rank family."""
        return max(min(_SHORT, problem.settings.polish_steps), problem.settings.polish_steps // 2)

    def polish(self, problem: Problem, q: DiagonalGaussian, start: Tensor, steps: range) -> DiagonalGaussian:
        """Natural-gradient steps; the mean is preconditioned by the whole covariance of its mode, as it suits q."""
        root = _root(problem, start)
        return polish_diagonal(
            problem.target,
            q,
            problem.noise(f"{steps.start}"),
            steps,
            problem.settings.polish_samples,
            None if root is None else suited_root(root, q.scale),
            precision=problem.precision(steps),
        )

    def certify(self, problem: Problem, q: DiagonalGaussian, start: Tensor, stage: str) -> Certificate:
        """The gain of a Newton step."""
        found = _certificate(problem, stage, q, start, lambda part, few, first: self._chart(part, first)(few))
        return replace(found, doubtful=found.doubts | self._elsewhere(problem, q, start))

    def climb(
        self, problem: Problem, q: DiagonalGaussian, start: Tensor, steps: range, wanted: Tensor
    ) -> DiagonalGaussian:
        """Newton steps."""
        climbed: DiagonalGaussian = _climb(problem, q, self._chart(problem, start), steps, wanted)
        return climbed

    @staticmethod
    def _elsewhere(problem: Problem, q: DiagonalGaussian, start: Tensor) -> Tensor:
        """Where q's own scales imply another curvature than its mode's along some axis: bools of shape (B,)."""
        root = _root(problem, start)
        if root is None:
            return torch.zeros_like(start, dtype=torch.bool)
        inverse = torch.linalg.solve_triangular(root, eye_like(root), upper=False)
        ratio = q.scale.square() * inverse.square().sum(-2)
        return (ratio.log().abs() > math.log(_OTHER)).any(-1)

    @staticmethod
    def _chart(problem: Problem, start: Tensor) -> Callable[[DiagonalGaussian], Chart]:
        root = _root(problem, start)
        return lambda q: MeanFieldChart(problem.target, q, suited_root(root, q.scale))


@dataclass(frozen=True)
class FullRankFitter:
    """Gaussians with any covariance."""

    def refusal(self, dim: int) -> str:
        """Full matrices are expensive for many latents."""
        return f"{dim} latent dimensions, more than {MAX_DIM}" if dim > MAX_DIM else ""

    def begin(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[FullRankGaussian, Tensor]:
        """The best of the modes."""
        modes = problem.modes
        return problem.best_start([FullRankGaussian(modes.loc[k], modes.tril[k]) for k in range(len(modes.loc))])

    def elsewhere(self, problem: Problem, found: Mapping[str, LocalFit]) -> tuple[FullRankGaussian, Tensor] | None:
        """One place is enough: the modes were compared before."""
        return None

    def known(self, problem: Problem, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The mean-field optimum, and the encoder's q, if it is of the family."""
        inner = found["mean_field"]
        members = [Member(as_full_rank(inner.q), inner.elbo, inner.start)]
        q = problem.encoder
        return (
            [*members, Member(q, problem.encoder_elbo, first_start(q))] if isinstance(q, FullRankGaussian) else members
        )

    def num_steps(self, problem: Problem) -> int:
        """As the settings say."""
        return problem.settings.polish_steps

    def polish(self, problem: Problem, q: FullRankGaussian, start: Tensor, steps: range) -> FullRankGaussian:
        """Natural-gradient steps."""
        noise, samples = problem.noise(f"{steps.start}"), problem.settings.polish_samples
        return polish_full_rank(problem.target, q, noise, steps, samples, precision=problem.precision(steps))

    def certify(self, problem: Problem, q: FullRankGaussian, start: Tensor, stage: str) -> Certificate:
        """The gain of a Newton step."""
        return _certificate(problem, stage, q, start, lambda part, few, _: FullRankChart(part.target, few))

    def climb(
        self, problem: Problem, q: FullRankGaussian, start: Tensor, steps: range, wanted: Tensor
    ) -> FullRankGaussian:
        """Newton steps, where the draws are many for so many numbers; elsewhere only the polish that follows."""
        if _DRAWS_PER_LATENT * problem.target.dim > _climb_samples(problem):
            return q
        climbed: FullRankGaussian = _climb(problem, q, lambda q: FullRankChart(problem.target, q), steps, wanted)
        return climbed


def _root(problem: Problem, start: Tensor) -> Tensor | None:
    """Cholesky factors of the modes' covariances, (B, D, D); None where the latents are too many for them."""
    tril = problem.modes.tril[start, torch.arange(len(start), device=start.device)]
    return None if tril.dim() == 2 else tril
