"""Per-datapoint optimisation of q: from several starts, for all datapoints of a batch at once.

modes (from the encoder and the bank) -> best mode -> polish in each family -> never below the encoder's own q.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar, cast

import torch
from torch import Tensor

from gapkit.checks import InputError
from gapkit.decomposition import gap
from gapkit.estimators.elbo import Elbo
from gapkit.estimators.protocol import Estimate
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture, family_name
from gapkit.families.protocol import Transport
from gapkit.local.curvature import MAX_DIM
from gapkit.local.modes import find_modes
from gapkit.local.natural import polish_diagonal, polish_full_rank
from gapkit.local.settings import FitSettings
from gapkit.local.starts import Bank
from gapkit.models.target import Target
from gapkit.randomness import Key

__all__ = ["FAMILIES", "FitStatus", "LocalFit", "LocalFits", "fit"]

FAMILIES = ("mean_field", "full_rank")

G = TypeVar("G", DiagonalGaussian, FullRankGaussian)


class FitStatus(IntEnum):
    """How a datapoint's fit ended."""

    CONVERGED = 0
    BUDGET = 1
    DIVERGED = 2

    @property
    def remedy(self) -> str:
        """What the status means and what to do about it."""
        return {
            FitStatus.CONVERGED: "no evidence that the second half of the polish gained more than the tolerance",
            FitStatus.BUDGET: "L[q] still rose when the steps ran out: use a higher effort",
            FitStatus.DIVERGED: "no finite optimum was found: look at the datapoint and the decoder",
        }[self]


@dataclass(frozen=True)
class LocalFit:
    """The optimum of one family for every datapoint of a batch.

    Attributes:
        q: the best member found, or the encoder's q where nothing better was found.
        elbo: L[q] on the judge's noise.
        shortfall: about how far below the family's optimum L[q] may still be, shape (B,), in nats.
        status: ``FitStatus`` values, shape (B,).
    """

    q: DiagonalGaussian | FullRankGaussian
    elbo: Estimate
    shortfall: Tensor
    status: Tensor


@dataclass(frozen=True)
class LocalFits:
    """What the fits of a batch give: L[q], q* of both families, and a mixture over all modes found.

    Attributes:
        encoder: L[q] of the encoder's q, on the same noise as the optima.
        mean_field: best factorised Gaussian.
        full_rank: best full-rank Gaussian; None where the latents are too many for one.
        mixture: modes and the encoder's q, weighted by what they reach: the proposal for log p(x).
        start: 0 where the best mode is the encoder's own, else the number of the start that led to it, shape (B,).
    """

    encoder: Estimate
    mean_field: LocalFit
    full_rank: LocalFit | None
    mixture: Mixture
    start: Tensor

    def family(self, name: str) -> LocalFit:
        """The fit of a family by name.

        Raises:
            InputError: an unknown family, or full rank where the latents are too many.
        """
        if name not in FAMILIES:
            raise InputError(
                f"q* in the family {name!r}", "there is no fit for it", f"use one of {', '.join(FAMILIES)}"
            )
        found = self.mean_field if name == "mean_field" else self.full_rank
        if found is None:
            raise InputError(
                "q* in the full-rank family", f"more than {MAX_DIM} latent dimensions", "use --family mean_field"
            )
        return found


def fit(
    target: Target,
    q: Transport,
    bank: Bank | None,
    key: Key,
    settings: FitSettings | None = None,
    judge: Elbo | None = None,
) -> LocalFits:
    """Fit q* in the mean-field and the full-rank family.

    Args:
        target: the batch, B datapoints.
        q: the encoder's posteriors.
        bank: where further starts come from; None fits from the encoder alone.
        key: seed and datapoint indices.
        settings: budgets.
        judge: the ELBO estimator whose noise decides in the end whether an optimum beats the encoder's q, so that
            L[q*] is never below L[q] in the same table.

    Returns:
        Both optima, the mixture and where the best mode came from.
    """
    settings, judge = settings or FitSettings(), judge or Elbo(antithetic=True)
    with torch.no_grad():
        modes = find_modes(target, q, bank, key, settings)
        encoder = judge(target, target.x, q, key)
        finish = _Finish(target, key, settings, judge, q, encoder)
        diagonal, start = finish.best_start([modes.diagonal(k) for k in range(len(modes.loc))])
        tril = modes.tril[start, torch.arange(len(start), device=start.device)]
        root = None if tril.dim() == 2 else tril

        def mean_field_steps(begin: DiagonalGaussian, steps: range) -> DiagonalGaussian:
            noise = finish.noise(f"mean_field/{steps.start}")
            return polish_diagonal(target, begin, noise, steps, settings.polish_samples, root)

        mean_field = finish(diagonal, mean_field_steps)
        if target.dim > MAX_DIM:
            return LocalFits(encoder, mean_field, None, modes.mixture(q, start, mean_field.q), start)

        def full_rank_steps(begin: FullRankGaussian, steps: range) -> FullRankGaussian:
            noise = finish.noise(f"full_rank/{steps.start}")
            return polish_full_rank(target, begin, noise, steps, settings.polish_samples)

        full, start = finish.best_start([FullRankGaussian(modes.loc[k], modes.tril[k]) for k in range(len(modes.loc))])
        full_rank = finish(full, full_rank_steps)
        return LocalFits(encoder, mean_field, full_rank, modes.mixture(q, start, full_rank.q), start)


@dataclass(frozen=True)
class _Finish:
    """Polish the best mode in one family and judge it against the encoder's q."""

    target: Target
    key: Key
    settings: FitSettings
    judge: Elbo
    q: Transport
    encoder: Estimate

    def noise(self, stage: str) -> Callable[[int], Tensor]:
        streams = self.key.streams(f"fit/{stage}", self.target.dtype, self.target.device)
        return lambda count: streams.normal(count, self.target.dim)

    def level(self, q: Transport) -> Estimate:
        """L[q] on the fixed selection noise."""
        select = Elbo(num_samples=self.settings.select_samples, antithetic=True, stage="fit/select")
        return select(self.target, self.target.x, q, self.key)

    def best_start(self, candidates: list[G]) -> tuple[G, Tensor]:
        """Pick the mode to polish; also return its number, shape (B,).

        A later start must beat the encoder's own by more than the noise of the comparison (two paired errors).
        """
        levels = [self.level(candidate) for candidate in candidates]
        handicaps = [2 * gap(level, levels[0]).std_error.nan_to_num(0.0) for level in levels]
        return self.pick(candidates, [level.value - lost for level, lost in zip(levels, handicaps, strict=True)])

    def pick(self, candidates: list[G], values: list[Tensor]) -> tuple[G, Tensor]:
        """Pick the candidate of the highest value for each datapoint; one that is not finite only if all are."""
        stacked = torch.stack(values)
        number = torch.where(stacked.isfinite(), stacked, -torch.inf).argmax(0)
        rows = torch.arange(len(number), device=number.device)
        tensors = [candidate.tensors() for candidate in candidates]
        picked = {name: torch.stack([t[name] for t in tensors])[number, rows] for name in tensors[0]}
        return type(candidates[0])(**picked), number

    def __call__(self, begin: G, steps: Callable[[G, range], G]) -> LocalFit:
        half, total = self.settings.polish_steps // 2, self.settings.polish_steps
        first = steps(begin, range(half))
        second = steps(first, range(half, total))
        # Two stretches of the polish are nearly independent estimates of the optimum. Halfway between them the
        # shortfall is about half of theirs, so what the halfway point gains on their mean is what it still lacks.
        middle = _halfway(first, second)
        candidates = [begin, first, second, middle]
        levels = [self.level(candidate) for candidate in candidates]
        best, _ = self.pick(candidates, [level.value for level in levels])
        shortfall = (levels[3].value - 0.5 * (levels[1].value + levels[2].value)).abs()
        estimate = self.judge(self.target, self.target.x, best, self.key)
        # An encoder of this family takes part itself; one of another family can only be told that it was not beaten.
        better = (estimate.value >= self.encoder.value) | ~self.encoder.value.isfinite()
        usable = best.loc.isfinite().all(-1) & estimate.value.isfinite()
        gain = gap(levels[2], levels[1])
        # Converged means: no evidence on shared noise that the second half gained more than the tolerance.
        converged = gain.value <= self.settings.tolerance + 2 * gain.std_error
        status = torch.where(converged, int(FitStatus.CONVERGED), int(FitStatus.BUDGET))
        status = torch.where(usable, status, int(FitStatus.DIVERGED))
        if family_name(self.q) == family_name(best):
            keep = better & usable
            best = _merge(keep, best, cast(G, self.q))
            estimate = _merge_estimates(keep, estimate, self.encoder)
        return LocalFit(best, estimate, shortfall, status)


def _halfway(one: G, other: G) -> G:
    theirs = other.tensors()
    return type(one)(**{name: torch.lerp(tensor, theirs[name], 0.5) for name, tensor in one.tensors().items()})


def _merge(keep: Tensor, ours: G, theirs: G) -> G:
    """Take ours where ``keep``, shape (B,), theirs elsewhere."""
    merged = {}
    for name, tensor in ours.tensors().items():
        mask = keep.reshape(-1, *[1] * (tensor.dim() - 1))
        merged[name] = torch.where(mask, tensor, theirs.tensors()[name])
    return type(ours)(**merged)


def _merge_estimates(keep: Tensor, ours: Estimate, theirs: Estimate) -> Estimate:
    assert ours.draws is not None
    assert theirs.draws is not None
    diagnostics = {
        name: torch.where(keep, ours.diagnostics[name], theirs.diagnostics[name]) for name in ours.diagnostics
    }
    return Estimate(
        torch.where(keep, ours.value, theirs.value),
        torch.where(keep, ours.std_error, theirs.std_error),
        ours.bound,
        diagnostics,
        torch.where(keep, ours.draws, theirs.draws),
        ours.noise,
    )
