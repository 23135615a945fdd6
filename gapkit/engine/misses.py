"""What the search for modes misses, on data simulated from the model, whose latents are known."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.engine import stages
from gapkit.engine.explore import LOOKED, explore
from gapkit.engine.rounds import NEWS
from gapkit.engine.simulated import simulated
from gapkit.engine.skipped import out_of_memory, reason
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.support import gap_of_chains, latents_beyond, uncovered
from gapkit.families.protocol import as_transport
from gapkit.local import Bank, find_modes, search_on
from gapkit.results.records import SearchSummary
from gapkit.target import Target

__all__ = ["AGAIN", "misses", "still_missing", "unreached"]

_SIMULATED, _MISSED = 20, 2
_FURTHER, _SHARE = 40, 0.05  # more of them where one was missed, and the share of all that is no chance then
_SIGMAS, _CHANCE = 2.0, 2.0  # of the latents beyond the proposals: errors, and as many more
AGAIN = 30  # datapoints that the wide search is tried on
# Nats that the bound from above is off by itself: reverse AIS hardly reaches the defensive parts of the start.
_OWN = 0.05
_FEWEST_GAPS, _WIDEST = 4, 4.0  # sandwiches of BDMC that a mean needs, and nats that one counts for at most


def misses(like: Target, bank: Bank | None, spec: AnalysisSpec) -> SearchSummary:
    """On how many datapoints simulated from the model the search for modes misses the latents that they came from.

    Those latents are exact posterior draws, so that each is, with the probability of the mass that was found, in a mode
    that was found.

    Returns:
        How many there were and were missed, and whether to widen the search for all; or why nothing could be simulated.
    """
    if bank is None:
        return SearchSummary(skipped="there is no bank of starts", widen=False)
    try:
        missed, count = _missed(like, bank, spec, 0, _SIMULATED), _SIMULATED
        widen = missed >= _MISSED
        if missed and not widen:  # one is as likely by chance as by a tenth of all data: look at more
            missed, count = missed + _missed(like, bank, spec, count, _FURTHER), count + _FURTHER
            widen = missed >= _SHARE * count
    except Exception as error:  # a model may raise anything when it is drawn from, and the analysis goes on
        return SearchSummary(skipped=reason(error), widen=False)
    return SearchSummary(simulated=count, missed=missed, widen=widen)


def still_missing(like: Target, bank: Bank | None, spec: AnalysisSpec, search: SearchSummary) -> SearchSummary:
    """What everything that is done for a datapoint, the route included, misses on data simulated from the model.

    The latents of a simulated datapoint are an exact draw from its posterior. Where log p(x) is importance sampling's,
    they lie beyond its proposal (where the posterior's density is e^2 times its own or more) with the probability of
    the posterior mass there. The importance weights account for the part of it that draws reached; the rest is missing
    from log p(x). Where log p(x) is that of AIS, reverse AIS from these latents gives an upper bound (BDMC): log p(x)
    lies between the two, about half way.

    Args:
        like: any target of the model.
        bank: starts of the fits.
        spec: settings.
        search: what is known before.

    Returns:
        That and what was found. The posterior mass that importance sampling misses is the number of latents beyond the
        proposals minus that which the weights expect, as a share, where it is not chance; that of AIS is what half of
        the distance of four bounds or more is, where it is clearly more than 0.05 nats. Or why it could not be tried.
    """
    if bank is None or bank.num_prior < 2:
        return search
    try:
        return _unreached(like, bank, replace(spec, families=("mean_field",)), search)
    except Exception as error:  # as above
        return replace(search, skipped_again=reason(error))


def unreached(search: SearchSummary) -> Mapping[str, float]:
    """The posterior mass that is missed on data of the model, by the source of log p(x)."""
    return {"mixture": search.unseen or 0.0, "ais": search.unseen_annealed or 0.0}


def _simulated(like: Target, spec: AnalysisSpec, begin: int, count: int) -> tuple[stages.Batch, Tensor]:
    """Datapoints of the model from a number on, and the latents that they came from, shape (1, B, D)."""
    points, latents = simulated(like, count, spec.seed + 1 + begin)
    key = Key(spec.seed + 1, tuple(range(begin, begin + count)))
    batch = stages.make_batch(like, points, key)
    return batch, latents.to(batch.target.x).unsqueeze(0)


def _missed(like: Target, bank: Bank, spec: AnalysisSpec, begin: int, count: int) -> int:
    """How many of so many simulated datapoints are missed; half as many at once where memory is too small."""
    try:
        return _missed_at_once(like, bank, spec, begin, count)
    except Exception as error:
        if count < 2 or not out_of_memory(error):
            raise
    half = count // 2
    return _missed(like, bank, spec, begin, half) + _missed(like, bank, spec, begin + half, count - half)


@torch.no_grad()
def _missed_at_once(like: Target, bank: Bank, spec: AnalysisSpec, begin: int, count: int) -> int:
    batch, z = _simulated(like, spec, begin, count)
    modes = find_modes(batch.target, as_transport(batch.q), bank, batch.key, spec.fit).modes
    log_px = torch.logsumexp(modes.level, 0).double()
    # A latent in the tail of a mode that is known is no news: what counts is where it leads.
    far = uncovered(batch.target, z, modes.pooled(), log_px)
    starts = torch.where(far.unsqueeze(-1), z, torch.nan)
    return int((search_on(batch.target, batch.key, spec.fit, modes, starts, bank.narrow).gained > NEWS).sum())


def _unreached(like: Target, bank: Bank, spec: AnalysisSpec, search: SearchSummary) -> SearchSummary:
    batch, z = _simulated(like, spec, 0, AGAIN)
    fitted = stages.fits(batch, bank, spec)
    top = stages.evidence(batch, fitted, spec)
    explored = explore(batch, bank, fitted, top, spec, torch.full_like(top.reason, LOOKED.index("all")))
    with torch.no_grad():
        told = (
            *latents_beyond(batch.target, z, top),
            gap_of_chains(batch.target, z, top, batch.key, spec.evidence.ais),
        )
        for again in explored.again:
            block, theirs = again.batch(batch), z[:, again.block]
            part = (
                *latents_beyond(block.target, theirs, again.top),
                gap_of_chains(block.target, theirs, again.top, block.key, spec.evidence.ais),
            )
            for whole, new in zip(told, part, strict=True):
                whole[again.rows] = new[again.places]
    sampled, beyond, known, gap = told
    count, found, expected = int(sampled.sum()), int(beyond.sum()), float(known.sum())
    clear = found - expected > _SIGMAS * math.sqrt(float((known * (1.0 - known)).sum())) + _CHANCE
    seen = replace(
        search,
        simulated_again=count,
        beyond=found,
        expected=expected,
        unseen=(found - expected) / count if clear else 0.0,
    )
    return _apart(seen, gap[~gap.isnan()])


def _apart(search: SearchSummary, gap: Tensor) -> SearchSummary:
    """The mean of the sandwiches of AIS (BDMC): values of shape (N,), in nats; each counts up to 4."""
    if len(gap) < _FEWEST_GAPS:
        return replace(search, annealed_again=len(gap))
    gap = gap.clamp(-_WIDEST, _WIDEST)  # one very wide sandwich must not make the mean
    mean, error = float(gap.mean()), float(gap.std()) / math.sqrt(len(gap))
    clear = mean > _SIGMAS * error + _OWN
    unseen = 1.0 - math.exp(-0.5 * mean) if clear else 0.0
    return replace(search, annealed_again=len(gap), apart=mean, unseen_annealed=unseen)
