"""Search for modes that the fits missed, by a route from the prior, and estimate again where there are any.

The route (:mod:`gapkit.local.route`) does not depend on the fits. It is run for a control subset that is chosen at
random, for doubtful datapoints (their evidence is weak, or has several modes, or new modes kept coming), and for all of
them where the search is found to miss modes: on data simulated from the model, whose latents are known, or on the
control subset.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gapkit.engine import stages
from gapkit.engine.chosen import cut
from gapkit.engine.control import TOGETHER
from gapkit.engine.rounds import NEWS, rounds
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.support import lacking, modes_missing, part_of, unconfirmed
from gapkit.estimators.evidence import Evidence, with_places
from gapkit.local import Bank, LocalFits
from gapkit.local.blocks import block_size, blocks_with

__all__ = ["LOOKED", "Again", "Explored", "explore", "wanted"]

# Why the route was run for a datapoint.
LOOKED = ("", "control", "doubt", "all")
_SIGMAS = 2.0
_SEVERAL = 1.2  # modes, effectively


@dataclass(frozen=True)
class Again:
    """Some datapoints of a unit, estimated again with what the route found.

    Attributes:
        rows: their places in the unit, shape (P,).
        places: their places in the block of datapoints that they were measured in, shape (P,).
        block: the places of the whole block in the unit.
        fitted: of the block.
        top: likewise.
    """

    rows: Tensor
    places: Tensor
    block: Tensor
    fitted: LocalFits
    top: Evidence

    def batch(self, unit: stages.Batch) -> stages.Batch:
        """The block that they were measured in, of the batch of the unit."""
        everyone = torch.arange(len(unit.points), device=self.block.device)
        return unit if torch.equal(self.block, everyone) else stages.select(unit, self.block)


@dataclass(frozen=True)
class Explored:
    """What the route found in a unit.

    Attributes:
        looked: why it was run for a datapoint, index into ``LOOKED``, shape (B,).
        gained: posterior mass that it alone found, shape (B,): modes, and where known ones go on beyond the proposal;
            NaN where it was not run.
        unseen: posterior mass that may still be in modes that nothing found, shape (B,).
        again: those that were estimated again.
        weak: whether it leaves the first estimate without the support that it needs, shape (B,).
    """

    looked: Tensor
    gained: Tensor
    unseen: Tensor
    again: tuple[Again, ...]
    weak: Tensor


def wanted(
    batch: stages.Batch,
    fitted: LocalFits,
    top: Evidence,
    spec: AnalysisSpec,
    control: Collection[int],
    *,
    everyone: bool,
) -> Tensor:
    """Why the route is run for each datapoint, index into ``LOOKED``, shape (B,); for those in ``control`` always."""
    if everyone:
        return torch.full_like(top.reason, LOOKED.index("all"))
    search = fitted.search
    doubt = top.weak | top.disagree | (search.unseen > spec.fit.unseen) | (search.modes.effective() > _SEVERAL)
    looked = torch.where(doubt, LOOKED.index("doubt"), 0)
    chosen = torch.tensor([index // TOGETHER in control for index in batch.key.indices], device=looked.device)
    return torch.where(chosen, LOOKED.index("control"), looked)


def _blocks(looked: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Blocks of a unit for those the route is run for: the control subset's neighbours together, others in a size."""
    control = looked == LOOKED.index("control")
    together = torch.zeros_like(control)
    for block, _ in blocks_with(control, TOGETHER):
        together[block] = True
        yield block, (looked[block] > 0).nonzero()[:, 0]
    yield from blocks_with((looked > 0) & ~together, size)


def explore(
    batch: stages.Batch, bank: Bank | None, fitted: LocalFits, top: Evidence, spec: AnalysisSpec, looked: Tensor
) -> Explored:
    """Run the route for the datapoints that were chosen.

    Args:
        batch: a unit.
        bank: whose draws from the prior the route begins with; without any it is not run.
        fitted: its fits.
        top: its estimates of log p(x).
        spec: settings.
        looked: see :func:`wanted`.
    """
    gained = torch.full_like(top.log_px.value, torch.nan)
    unseen, weak = fitted.search.unseen.double().clone(), torch.zeros_like(top.weak)
    if bank is None or bank.num_prior < 2:
        return Explored(torch.zeros_like(looked), gained, unseen, (), weak)
    again = []
    whole = bool((looked == LOOKED.index("all")).all())
    everyone = torch.arange(len(looked), device=looked.device)
    groups = [(everyone, everyone)] if whole else _blocks(looked, block_size(batch.target.dim))
    for block, places in groups:
        part = batch if whole else stages.select(batch, block)
        before = part_of(top, block)
        modes, least = fitted.search.modes.select(block), fitted.search.unseen[block]
        found = rounds(part, bank, spec, modes, least, cut(top.proposal, block), before.log_px.value)
        gained[block[places]], unseen[block[places]] = found.gained[places], found.unseen[places]
        beyond, arrived = lacking(part.target, found.ends, before, part.key)
        news = places[(found.gained[places] > NEWS) | beyond.any(0)[places]]
        if len(news):
            more = stages.fits(part, bank, spec, found.starts if len(found.starts) else None)
            more = replace(more, mixture=with_places(more.mixture, found.ends, beyond))
            anew = stages.evidence(part, more, spec)
            still, followed = lacking(part.target, found.ends, anew, part.key)
            risen = anew.log_px.value - before.log_px.value
            clear = risen > _SIGMAS * torch.hypot(before.log_px.std_error, anew.log_px.std_error)
            # Particles that are no draws of the posterior may lie in its tails; then pieces there change nothing.
            weak_anew = unconfirmed(anew, still.any(0) & clear, followed) | modes_missing(
                part.target, found.starts, anew
            )
            anew = replace(anew, weak=anew.weak | weak_anew)
            more_mass = torch.where(clear, 1.0 - torch.exp(-risen), 0.0)
            gained[block[news]] = torch.maximum(found.gained, more_mass)[news]
            again.append(Again(block[news], news, block, more, anew))
        weak[block[places]] |= unconfirmed(before, torch.zeros_like(arrived), arrived)[places]
    return Explored(looked, gained, unseen, tuple(again), weak)
