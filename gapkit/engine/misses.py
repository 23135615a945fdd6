"""What the search for modes misses, on data simulated from the model, whose latents are known."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gapkit.doctor import prepare
from gapkit.engine import stages
from gapkit.engine.explore import LOOKED, explore
from gapkit.engine.rounds import NEWS
from gapkit.engine.skipped import reason
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.support import latents_beyond, uncovered
from gapkit.families.protocol import with_density
from gapkit.local import Bank, find_modes, search_on
from gapkit.models.simulate import simulate
from gapkit.models.target import Target
from gapkit.randomness import Key

__all__ = ["misses", "still_missing"]

_SIMULATED, _MISSED = 20, 2
_FURTHER, _SHARE = 40, 0.05  # more of them where one was missed, and the share of all that is no chance then
_SIGMAS, _CHANCE = 2.0, 2.0  # of the latents beyond the proposals: errors, and as many more
_AGAIN = 30  # datapoints that the wide search is tried on


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
        missed, count = _missed(like, bank, spec, 0, _SIMULATED), _SIMULATED
        widen = missed >= _MISSED
        if missed and not widen:  # one is as likely by chance as by a tenth of all data: look at more
            missed, count = missed + _missed(like, bank, spec, count, _FURTHER), count + _FURTHER
            widen = missed >= _SHARE * count
    except Exception as error:  # whatever a model does when it is drawn from, the analysis goes on
        return {"skipped": reason(error), "widen": False}
    return {"simulated": count, "missed": missed, "widen": widen}


def still_missing(like: Target, bank: Bank | None, spec: AnalysisSpec) -> Mapping[str, Any]:
    """What everything that is done for a datapoint, the route included, misses on data simulated from the model.

    The latents of a simulated datapoint are an exact draw from its posterior. They lie beyond the proposal that log
    p(x) was estimated with (where the posterior's density is e^2 times its own or more) with the probability of the
    posterior mass there. Importance weights account for as much of it as they have seen; what they have not seen is
    missing from log p(x).

    Returns:
        ``simulated_again``, how many datapoints there were; ``beyond``, the latents of how many lie beyond the
        proposal; ``expected``, how many should by the weights' account; and ``unseen``, the posterior mass that is
        missed on average over data of the model: their difference, as a share, where it is not chance.
    """
    if bank is None or bank.num_prior < 2:
        return {}
    try:
        found, known, variance = _beyond(like, bank, replace(spec, families=("mean_field",)))
    except Exception:  # as above; ``misses`` keeps the reason
        return {}
    clear = found - known > _SIGMAS * math.sqrt(variance) + _CHANCE
    unseen = (found - known) / _AGAIN if clear else 0.0
    return {"simulated_again": _AGAIN, "beyond": found, "expected": known, "unseen": unseen}


def _simulated(like: Target, spec: AnalysisSpec, begin: int, count: int) -> tuple[stages.Batch, Tensor]:
    """Datapoints of the model from a number on, and the latents that they came from, shape (1, B, D)."""
    x, latents = simulate(like.model, count, spec.seed + 1 + begin)
    key = Key(spec.seed + 1, tuple(range(begin, begin + len(x))))
    batch = stages.make_batch(like, prepare(like.model, x, like.device), key)
    return batch, latents.to(batch.target.x).unsqueeze(0)


@torch.no_grad()
def _missed(like: Target, bank: Bank, spec: AnalysisSpec, begin: int, count: int) -> int:
    batch, z = _simulated(like, spec, begin, count)
    modes = find_modes(batch.target, with_density(batch.q), bank, batch.key, spec.fit).modes
    log_px = torch.logsumexp(modes.level, 0).double()
    # A latent in the tail of a mode that is known is no news: what counts is where it leads.
    far = uncovered(batch.target, z, modes.pooled(), log_px)
    starts = torch.where(far.unsqueeze(-1), z, torch.nan)
    return int((search_on(batch.target, batch.key, spec.fit, modes, starts, bank.narrow).gained > NEWS).sum())


def _beyond(like: Target, bank: Bank, spec: AnalysisSpec) -> tuple[int, float, float]:
    """How many latents lie beyond their datapoints' proposals; how many should, by the weights, and its variance."""
    batch, z = _simulated(like, spec, 0, _AGAIN)
    fitted = stages.fits(batch, bank, spec)
    top = stages.evidence(batch, fitted, spec)
    explored = explore(batch, bank, fitted, top, spec, torch.full_like(top.reason, LOOKED.index("all")))
    with torch.no_grad():
        found, known = latents_beyond(batch.target, z, top)
        for again in explored.again:
            theirs = latents_beyond(again.batch.target, z[:, again.block], again.top)
            found[again.rows], known[again.rows] = (part[again.places] for part in theirs)
    return int(found.sum()), float(known.sum()), float((known * (1.0 - known)).sum())
