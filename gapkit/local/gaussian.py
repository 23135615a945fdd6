"""Fitters of the two Gaussian families that every analysis fits: natural-gradient polish, Newton certificates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.local.certificate import Certificate, squared_mean
from gapkit.local.curvature import MAX_DIM
from gapkit.local.fitter import LocalFit, Member, first_start
from gapkit.local.job import Job
from gapkit.local.natural import off_diagonal_precision, polish_diagonal, polish_full_rank, scale_gradient

__all__ = ["FullRankFitter", "MeanFieldFitter", "as_full_rank"]

_SHORT = 16  # steps, of a polish that is not cut
# More blocks give a steadier error, but each is kept, (B, D^2 / 2) numbers, and one of two draws is slow to make.
_BLOCKS, _FEWER_BLOCKS, _MANY_LATENTS, _FEW_SAMPLES = 16, 8, 128, 64


def as_full_rank(q: DiagonalGaussian | FullRankGaussian) -> FullRankGaussian:
    """The same Gaussian with a full Cholesky factor."""
    return FullRankGaussian(q.loc, torch.diag_embed(q.scale)) if isinstance(q, DiagonalGaussian) else q


def _certificate(job: Job, stage: str, block: Callable[[Tensor], Tensor]) -> Certificate:
    """From ``certificate_samples`` fresh draws in blocks of antithetic pairs.

    Args:
        job: the datapoints.
        stage: names the noise.
        block: noise of shape (S, B, D) to vectors (B, P) whose squared mean is the gain of a Newton step.
    """
    noise = job.noise(f"certificate/{stage}")
    samples = job.settings.certificate_samples
    count = _FEWER_BLOCKS if job.target.dim > _MANY_LATENTS or samples < _FEW_SAMPLES else _BLOCKS
    pairs = max(1, samples // (2 * count))
    blocks = []
    for _ in range(count):
        u = noise(pairs)
        blocks.append(block(torch.cat([u, -u])))
    gain, error = squared_mean(blocks)
    return Certificate(gain, error, (2.0 * gain.clamp(min=0.0)).sqrt())


@dataclass(frozen=True)
class _MeanFieldBlock:
    job: Job
    q: DiagonalGaussian
    root: Tensor
    coupling: Tensor | None

    def __call__(self, u: Tensor) -> Tensor:
        # In the mean the objective curves like the posterior's whole precision, in log sigma like 2.
        r = self.job.target.grad(self.q.forward(u)) + u / self.q.scale
        mean = (self.root.mT @ r.mean(0).unsqueeze(-1)).squeeze(-1) if self.root.dim() == 3 else self.root * r.mean(0)
        return torch.cat([mean / 2**0.5, 0.5 * scale_gradient(self.q.scale, r, u, self.coupling)], -1)


@dataclass(frozen=True)
class _FullRankBlock:
    job: Job
    q: FullRankGaussian

    def __call__(self, u: Tensor) -> Tensor:
        # With L -> L (I + M) the objective curves like 1 in M below the diagonal and like 2 on it.
        s = self.q.pull_gradient(u, self.job.target.grad(self.q.forward(u))) + u
        outer = torch.einsum("spi,spj->pij", s, u) / len(u)
        scaled = outer.tril(-1) / 2**0.5 + torch.diag_embed(0.5 * outer.diagonal(dim1=-2, dim2=-1))
        return torch.cat([s.mean(0) / 2**0.5, scaled.flatten(1)], -1)


@dataclass(frozen=True)
class MeanFieldFitter:
    """Factorised Gaussians."""

    def refusal(self, dim: int) -> str:
        """Any number of latents will do."""
        return ""

    def begin(self, job: Job, found: Mapping[str, LocalFit]) -> tuple[DiagonalGaussian, Tensor]:
        """The best of the modes, with the variances that suit them."""
        return job.best_start([job.modes.diagonal(k) for k in range(len(job.modes.loc))])

    def elsewhere(self, job: Job, found: Mapping[str, LocalFit]) -> tuple[DiagonalGaussian, Tensor] | None:
        """One place is enough: the modes were compared before."""
        return None

    def known(self, job: Job, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The encoder's q, if it is of the family."""
        q = job.encoder
        return [Member(q, job.encoder_elbo, first_start(q))] if isinstance(q, DiagonalGaussian) else []

    def num_steps(self, job: Job) -> int:
        """Half of a long polish is enough, because its steps have less noise than those of the full-rank family."""
        return max(min(_SHORT, job.settings.polish_steps), job.settings.polish_steps // 2)

    def polish(self, job: Job, q: DiagonalGaussian, start: Tensor, steps: range) -> DiagonalGaussian:
        """Natural-gradient steps; the mean is preconditioned by the whole covariance of its mode."""
        return polish_diagonal(
            job.target,
            q,
            job.noise(f"{steps.start}"),
            steps,
            job.settings.polish_samples,
            _root(job, start),
            precision=job.precision(steps),
        )

    def certify(self, job: Job, q: DiagonalGaussian, start: Tensor, stage: str) -> Certificate:
        """The gain of a Newton step."""
        root = _root(job, start)
        return _certificate(
            job, stage, _MeanFieldBlock(job, q, q.scale if root is None else root, off_diagonal_precision(root))
        )


@dataclass(frozen=True)
class FullRankFitter:
    """Gaussians with any covariance."""

    def refusal(self, dim: int) -> str:
        """Full matrices are dear for many latents."""
        return f"{dim} latent dimensions, more than {MAX_DIM}" if dim > MAX_DIM else ""

    def begin(self, job: Job, found: Mapping[str, LocalFit]) -> tuple[FullRankGaussian, Tensor]:
        """The best of the modes."""
        modes = job.modes
        return job.best_start([FullRankGaussian(modes.loc[k], modes.tril[k]) for k in range(len(modes.loc))])

    def elsewhere(self, job: Job, found: Mapping[str, LocalFit]) -> tuple[FullRankGaussian, Tensor] | None:
        """One place is enough: the modes were compared before."""
        return None

    def known(self, job: Job, found: Mapping[str, LocalFit]) -> Sequence[Member]:
        """The mean-field optimum, and the encoder's q, if it is of the family."""
        inner = found["mean_field"]
        members = [Member(as_full_rank(inner.q), inner.elbo, inner.start)]
        q = job.encoder
        return [*members, Member(q, job.encoder_elbo, first_start(q))] if isinstance(q, FullRankGaussian) else members

    def num_steps(self, job: Job) -> int:
        """As the settings say."""
        return job.settings.polish_steps

    def polish(self, job: Job, q: FullRankGaussian, start: Tensor, steps: range) -> FullRankGaussian:
        """Natural-gradient steps."""
        noise, samples = job.noise(f"{steps.start}"), job.settings.polish_samples
        return polish_full_rank(job.target, q, noise, steps, samples, precision=job.precision(steps))

    def certify(self, job: Job, q: FullRankGaussian, start: Tensor, stage: str) -> Certificate:
        """The gain of a Newton step."""
        return _certificate(job, stage, _FullRankBlock(job, q))


def _root(job: Job, start: Tensor) -> Tensor | None:
    """Cholesky factors of the modes' covariances, (B, D, D); None where the latents are too many for them."""
    tril = job.modes.tril[start, torch.arange(len(start), device=start.device)]
    return None if tril.dim() == 2 else tril
