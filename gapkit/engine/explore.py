"""Look for modes that the fits missed, by a route that owes them nothing, and measure anew where there are any.

The route is gone for a control subset that is chosen at random, for datapoints that give cause for doubt (their
evidence is weak, or has several modes, or new modes kept coming), and for all of them where the search is seen to
miss modes: on data simulated from the model, whose latents are known, or on the control subset.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gapkit.doctor import prepare
from gapkit.engine import stages
from gapkit.engine.keeper import cut
from gapkit.engine.skipped import reason
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.support import lacking, part_of, unconfirmed, uncovered
from gapkit.evidence import Evidence, with_places
from gapkit.families import Mixture
from gapkit.families.protocol import with_density
from gapkit.local import Bank, LocalFits, find_modes, search_on, travel
from gapkit.local.blocks import blocks_with
from gapkit.models.simulate import simulate
from gapkit.models.target import Target
from gapkit.randomness import Key

__all__ = ["LOOKED", "Again", "Explored", "explore", "misses", "wanted"]

# Why the route was gone for a datapoint.
LOOKED = ("", "control", "doubt", "all")
_CLIMBED, _PATIENT = 16, 2  # particles in uncovered places that are climbed from in a round; times as many where cheap
_SIGMAS = 2.0
_NEWS = 0.005  # of the posterior, in modes that were missed, that makes a datapoint be measured anew
_SEVERAL = 1.2  # modes, effectively
_SIMULATED, _MISSED = 20, 2
_TOGETHER, _FEWEST = 5, 10  # datapoints of the control subset: neighbours, and about how many at least


@dataclass(frozen=True)
class Again:
    """Some datapoints of a unit, measured again with what the route found.

    Attributes:
        rows: their places in the unit, shape (P,).
        batch: the block of datapoints that they were measured in.
        places: their places in it, shape (P,).
        block: the places of the whole block in the unit.
        fitted: of the block.
        top: likewise.
    """

    rows: Tensor
    batch: stages.Batch
    places: Tensor
    block: Tensor
    fitted: LocalFits
    top: Evidence


@dataclass(frozen=True)
class Explored:
    """What the route found in a unit.

    Attributes:
        looked: why it was gone for a datapoint, index into ``LOOKED``, shape (B,).
        gained: posterior mass that it alone found, shape (B,): modes, and where known ones go on beyond the proposal;
            NaN where it was not gone.
        unseen: posterior mass that may still be in modes that nothing found, shape (B,).
        again: those that were measured anew.
        weak: whether it leaves the first estimate without the support that it needs, shape (B,).
    """

    looked: Tensor
    gained: Tensor
    unseen: Tensor
    again: tuple[Again, ...]
    weak: Tensor


def wanted(
    batch: stages.Batch, fitted: LocalFits, top: Evidence, spec: AnalysisSpec, size: int, *, everyone: bool
) -> Tensor:
    """Why the route is gone for each datapoint, index into ``LOOKED``, shape (B,); ``size`` datapoints are in all."""
    if everyone:
        return torch.full_like(top.reason, LOOKED.index("all"))
    search = fitted.search
    doubt = top.weak | top.disagree | (search.unseen > spec.fit.unseen) | (search.modes.effective() > _SEVERAL)
    looked = torch.where(doubt, LOOKED.index("doubt"), 0)
    chosen = _control(batch.key, max(spec.route_control, _FEWEST / size)).to(looked.device)
    return torch.where(chosen, LOOKED.index("control"), looked)


def _control(key: Key, share: float) -> Tensor:
    """The control subset, shape (B,): neighbours together, because what is measured together costs little more."""
    first = tuple(index - index % _TOGETHER for index in key.indices)
    return Key(key.seed, first).streams("route/control", torch.float64).uniform(1)[0] < share


def explore(
    batch: stages.Batch, bank: Bank | None, fitted: LocalFits, top: Evidence, spec: AnalysisSpec, looked: Tensor
) -> Explored:
    """Go the route for the datapoints that are looked at.

    Args:
        batch: a unit.
        bank: whose draws from the prior the route begins with; without any nothing is looked at.
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
    groups = [(everyone, everyone)] if whole else blocks_with(looked > 0)
    for block, places in groups:
        part = batch if whole else stages.select(batch, block)
        found, before = _looked_for(part, bank, fitted, top, spec, block), part_of(top, block)
        gained[block[places]], unseen[block[places]] = found.gained[places], found.unseen[places]
        beyond, arrived = lacking(part.target, found.ends, before, part.key)
        news = places[(found.gained[places] > _NEWS) | beyond.any(0)[places]]
        if len(news):
            more = stages.fits(part, bank, spec, found.starts if len(found.starts) else None)
            more = replace(more, mixture=with_places(more.mixture, found.ends, beyond))
            anew = stages.evidence(part, more, spec)
            still, followed = lacking(part.target, found.ends, anew, part.key)
            risen = anew.log_px.value - before.log_px.value
            clear = risen > _SIGMAS * torch.hypot(before.log_px.std_error, anew.log_px.std_error)
            # Particles that are no draws of the posterior may lie in its tails; then pieces there change nothing.
            anew = replace(anew, weak=anew.weak | unconfirmed(anew, still.any(0) & clear, followed))
            more_mass = torch.where(clear, 1.0 - torch.exp(-risen), 0.0)
            gained[block[news]] = torch.maximum(found.gained, more_mass)[news]
            again.append(Again(block[news], part, news, block, more, anew))
        weak[block[places]] |= unconfirmed(before, torch.zeros_like(arrived), arrived)[places]
    return Explored(looked, gained, unseen, tuple(again), weak)


@dataclass(frozen=True)
class _Search:
    starts: Tensor
    gained: Tensor
    unseen: Tensor
    ends: Tensor  # of the particles of the last round, shape (S, B, D)


def _looked_for(
    part: stages.Batch, bank: Bank, fitted: LocalFits, top: Evidence, spec: AnalysisSpec, block: Tensor
) -> _Search:
    """Rounds of the route for a block of datapoints, until a round finds nothing new for any of them.

    Each datapoint keeps what the rounds found up to the first that found nothing new for it.
    """
    target, modes = part.target, fitted.search.modes.select(block)
    proposal: Mixture | None = cut(top.proposal, block)
    log_px = top.log_px.value[block]
    open_ = torch.ones(len(block), dtype=torch.bool, device=block.device)
    gained, unseen = torch.zeros_like(log_px), fitted.search.unseen[block].double()
    starts: list[Tensor] = []
    most = _CLIMBED * (_PATIENT if spec.fit.patient(target.dim) else 1)
    for number in range(spec.route.rounds):
        z = travel(target, bank, part.key, spec.route, number)
        fresh = uncovered(target, z, proposal or modes.pooled(), log_px)
        # Nothing new among so many draws: what may be missing is no more than they could have missed.
        least = unseen.nan_to_num(nan=1.0).clamp(max=1.0 / (len(z) + 1.0))
        if not bool((fresh.any(0) & open_).any()):
            unseen = torch.where(open_, least, unseen)
            break
        found = search_on(target, part.key, spec.fit, modes, _first(z, fresh & open_, most), bank.narrow)
        news = open_ & (found.gained > _NEWS)
        gained = torch.where(news, 1.0 - (1.0 - gained) * (1.0 - found.gained.double()), gained)
        climbed = fresh.sum(0) / fresh.sum(0).clamp(1, most)
        single = (found.single * climbed / len(z)).clamp(max=1.0).double()
        unseen = torch.where(news, single, torch.where(open_, least, unseen))
        starts.append(torch.where(news.unsqueeze(-1), found.starts, torch.nan))
        open_ = news
        if not bool(open_.any()):
            break
        modes, proposal, log_px = found.modes, None, torch.logsumexp(found.modes.level, 0).double()
    return _Search(torch.cat(starts) if starts else target.x.new_empty(0), gained, unseen, z)


def _first(z: Tensor, fresh: Tensor, most: int) -> Tensor:
    """The first particles that are fresh, NaN in the place of others: (S, B, D) to (at most ``most``, B, D)."""
    order = (~fresh).to(torch.int8).argsort(dim=0, stable=True)[:most]
    chosen = z.gather(0, order.unsqueeze(-1).expand(-1, -1, z.shape[-1]))
    return torch.where(fresh.gather(0, order).unsqueeze(-1), chosen, torch.nan)


def misses(like: Target, bank: Bank | None, spec: AnalysisSpec) -> Mapping[str, Any]:
    """On how many datapoints simulated from the model the search for modes misses the latents that they came from.

    Those latents are exact posterior draws, so that each is, with the probability of the mass that was found, in a mode
    that was found.

    Returns:
        ``simulated``, how many there were, ``missed``, and whether to ``widen`` the search for all; or ``skipped``,
        why nothing could be simulated.
    """
    if bank is None:
        return {"skipped": "there is no bank of starts", "widen": False}
    try:
        with torch.no_grad():
            return _missed(like, bank, spec)
    except Exception as error:  # whatever a model does when it is drawn from, the analysis goes on
        return {"skipped": reason(error), "widen": False}


def _missed(like: Target, bank: Bank, spec: AnalysisSpec) -> Mapping[str, Any]:
    x, latents = simulate(like.model, _SIMULATED, spec.seed + 1)
    batch = stages.make_batch(like, prepare(like.model, x, like.device), Key(spec.seed + 1, tuple(range(len(x)))))
    modes = find_modes(batch.target, with_density(batch.q), bank, batch.key, spec.fit).modes
    z, log_px = latents.to(batch.target.x).unsqueeze(0), torch.logsumexp(modes.level, 0).double()
    # A latent in the tail of a mode that is known is no news: what counts is where it leads.
    far = uncovered(batch.target, z, modes.pooled(), log_px)
    starts = torch.where(far.unsqueeze(-1), z, torch.nan)
    missed = int((search_on(batch.target, batch.key, spec.fit, modes, starts, bank.narrow).gained > _NEWS).sum())
    return {"simulated": len(x), "missed": missed, "widen": missed >= _MISSED}
