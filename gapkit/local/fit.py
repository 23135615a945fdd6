"""Per-datapoint optimisation of q: from several starts, for all datapoints of a batch at once.

modes (from the encoder and the bank) -> best mode -> polish in each family -> never below the encoder's own q.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar, cast

import torch
from torch import Tensor

from gapkit.checks import InputError
from gapkit.decomposition import gap
from gapkit.estimators.elbo import Elbo
from gapkit.estimators.protocol import Estimate
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture
from gapkit.families.protocol import Transport
from gapkit.local.curvature import MAX_DIM, coarse_precision
from gapkit.local.modes import Modes, find_modes
from gapkit.local.natural import polish_diagonal, polish_full_rank
from gapkit.local.settings import FitSettings
from gapkit.local.starts import Bank
from gapkit.models.freeze import frozen
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
        q: the best member found; the encoder's q, if it is of this family, where nothing better was found.
        elbo: L[q] on the judge's noise.
        shortfall: about how far below the family's optimum L[q] may still be, shape (B,), in nats.
        status: ``FitStatus`` values, shape (B,).
        start: 0 where the fit began at the encoder's q, else the number of the start that led to it, shape (B,).
    """

    q: DiagonalGaussian | FullRankGaussian
    elbo: Estimate
    shortfall: Tensor
    status: Tensor
    start: Tensor


@dataclass(frozen=True)
class LocalFits:
    """What the fits of a batch give: L[q], q* of both families, and a mixture over all modes found.

    Attributes:
        encoder: L[q] of the encoder's q, on the same noise as the optima.
        mean_field: best factorised Gaussian.
        full_rank: best full-rank Gaussian; None where the latents are too many for one.
        mixture: modes and the encoder's q, weighted by what they reach: the proposal for log p(x).
    """

    encoder: Estimate
    mean_field: LocalFit
    full_rank: LocalFit | None
    mixture: Mixture

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
        Both optima and the mixture. The nesting of the families holds in the same table: L[q*] is not below the
        encoder's L[q] in the encoder's own family, nor the full-rank optimum below the mean-field one. Where the
        encoder is at the optimum already, L[q*] - L[q] is therefore the positive part of noise around zero.
    """
    settings, judge = settings or FitSettings(), judge or Elbo(antithetic=True)
    with torch.no_grad(), frozen(target.model):
        modes = find_modes(target, q, bank, key, settings)
        encoder = judge(target, target.x, q, key)
        finish = _Finish(target, key, settings, judge, modes)
        everyone = range(len(modes.loc))

        def mean_field_steps(begin: DiagonalGaussian, start: Tensor, steps: range) -> DiagonalGaussian:
            tril = modes.tril[start, torch.arange(len(start), device=start.device)]
            noise = finish.noise(f"mean_field/{steps.start}")
            root = None if tril.dim() == 2 else tril
            samples, precision = settings.polish_samples, finish.precision(steps)
            return polish_diagonal(target, begin, noise, steps, samples, root, precision=precision)

        def full_rank_steps(begin: FullRankGaussian, start: Tensor, steps: range) -> FullRankGaussian:
            noise = finish.noise(f"full_rank/{steps.start}")
            samples, precision = settings.polish_samples, finish.precision(steps)
            return polish_full_rank(target, begin, noise, steps, samples, precision=precision)

        first = torch.zeros(target.num_datapoints, dtype=torch.long, device=target.device)
        own = [(q, encoder, first)] if isinstance(q, DiagonalGaussian) else []
        mean_field = finish([modes.diagonal(k) for k in everyone], mean_field_steps, own)
        if target.dim > MAX_DIM:
            mixture = modes.mixture(q, mean_field.start, mean_field.q)
            return LocalFits(encoder, mean_field, None, mixture)
        candidates = [FullRankGaussian(modes.loc[k], modes.tril[k]) for k in everyone]
        inner = [(_as_full_rank(mean_field.q), mean_field.elbo, mean_field.start)]
        inner += [(q, encoder, first)] if isinstance(q, FullRankGaussian) else []
        full_rank = finish(candidates, full_rank_steps, inner)
        return LocalFits(encoder, mean_field, full_rank, modes.mixture(q, full_rank.start, full_rank.q))


def _as_full_rank(q: DiagonalGaussian | FullRankGaussian) -> FullRankGaussian:
    return FullRankGaussian(q.loc, torch.diag_embed(q.scale)) if isinstance(q, DiagonalGaussian) else q


@dataclass(frozen=True)
class _Finish:
    """Polish the best mode in one family, and judge the outcome against members of the family known already."""

    target: Target
    key: Key
    settings: FitSettings
    judge: Elbo
    modes: Modes

    def noise(self, stage: str) -> Callable[[int], Tensor]:
        streams = self.key.streams(f"fit/{stage}", self.target.dtype, self.target.device)
        return lambda count: streams.normal(count, self.target.dim)

    def precision(self, steps: range) -> str:
        """The first stretch of a polish may be coarse: its end is judged, and polished on, in full precision."""
        return coarse_precision(self.target) if steps.start == 0 else "full"

    def level(self, q: Transport) -> Estimate:
        """L[q] on the fixed selection noise."""
        select = Elbo(num_samples=self.settings.select_samples, antithetic=True, stage="fit/select")
        return select(self.target, self.target.x, q, self.key)

    def best_start(self, candidates: list[G]) -> tuple[G, Tensor]:
        """Pick the mode to polish; also return its number, shape (B,).

        A later start must beat the encoder's own by more than the noise of the comparison (two paired errors), and
        modes that were switched off (absent, negligible, found twice) take no part while there is another.
        """
        levels = [self.level(candidate) for candidate in candidates]
        alive = self.modes.level.isfinite() | ~self.modes.level.isfinite().any(0)
        values = []
        for number, level in enumerate(levels):
            handicap = 2 * gap(level, levels[0]).std_error
            handicap = torch.where(alive[0] & handicap.isfinite(), handicap, 0.0)
            values.append(torch.where(alive[number], level.value - handicap, -torch.inf))
        return self.pick(candidates, values)

    def pick(self, candidates: list[G], values: list[Tensor]) -> tuple[G, Tensor]:
        """Pick the candidate of the highest value for each datapoint; one that is not finite only if all are."""
        stacked = torch.stack(values)
        number = torch.where(stacked.isfinite(), stacked, -torch.inf).argmax(0)
        rows = torch.arange(len(number), device=number.device)
        tensors = [candidate.tensors() for candidate in candidates]
        picked = {name: torch.stack([t[name] for t in tensors])[number, rows] for name in tensors[0]}
        return type(candidates[0])(**picked), number

    def __call__(
        self,
        candidates: list[G],
        polish: Callable[[G, Tensor, range], G],
        known: Sequence[tuple[Transport, Estimate, Tensor]],
    ) -> LocalFit:
        begin, start = self.best_start(candidates)
        half, total = self.settings.polish_steps // 2, self.settings.polish_steps
        first = polish(begin, start, range(half))
        second = polish(first, start, range(half, total))
        # Two stretches of the polish are nearly independent estimates of the optimum. Halfway between them the
        # shortfall is about half of theirs, so what the halfway point gains on their mean is what it still lacks.
        middle = _halfway(first, second)
        outcomes = [begin, first, second, middle]
        levels = [self.level(outcome) for outcome in outcomes]
        best, _ = self.pick(outcomes, [level.value for level in levels])
        shortfall = (levels[3].value - 0.5 * (levels[1].value + levels[2].value)).abs()
        shortfall = torch.where(shortfall.isfinite(), shortfall, 0.0)  # nothing is known where a stretch diverged
        estimate = self.judge(self.target, self.target.x, best, self.key)
        usable = best.loc.isfinite().all(-1) & estimate.value.isfinite()
        gain = gap(levels[2], levels[1])
        # Converged means: no evidence on shared noise that the second half gained more than the tolerance.
        converged = gain.value <= self.settings.tolerance + 2 * gain.std_error
        status = torch.where(converged, int(FitStatus.CONVERGED), int(FitStatus.BUDGET))
        status = torch.where(usable, status, int(FitStatus.DIVERGED))
        for other, its_estimate, its_start in known:
            keep = usable & ((estimate.value >= its_estimate.value) | ~its_estimate.value.isfinite())
            start = torch.where(keep, start, its_start)
            best, estimate = _merge(keep, best, cast(G, other)), _merge_estimates(keep, estimate, its_estimate)
        return LocalFit(best, estimate, shortfall, status, start)


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
    """Take our value where ``keep``, theirs elsewhere: two estimates on the same noise.

    Our draws stay where both are finite, moved to the value taken: the uncertainty of a tie is that of the comparison.
    """
    assert ours.draws is not None
    assert theirs.draws is not None
    value = torch.where(keep, ours.value, theirs.value)
    moved = ours.draws + (value - ours.value)
    return Estimate(
        value,
        torch.where(keep, ours.std_error, theirs.std_error),
        ours.bound,
        {name: torch.where(keep, mine, theirs.diagnostics[name]) for name, mine in ours.diagnostics.items()},
        torch.where(keep | moved.isfinite().all(0), moved, theirs.draws),
        ours.noise,
    )
