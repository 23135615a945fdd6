"""Rounds of the independent route: particles, the places they found that nothing known covers, and the modes there."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.stages import Batch
from gapkit.engine.support import uncovered
from gapkit.families import Mixture
from gapkit.local import Bank, search_on, travel
from gapkit.local.modes import Modes

__all__ = ["NEWS", "Search", "rounds"]

NEWS = 0.005  # of the posterior, in modes that were missed, from which on a datapoint is estimated again
_CLIMBED, _PATIENT = 16, 2  # particles in uncovered places that are climbed from in a round; times as many where cheap


@dataclass(frozen=True)
class Search:
    """What the rounds found for a block of datapoints.

    Attributes:
        starts: new modes as starts, shape (K, B, D), NaN where there are fewer; empty where there are none.
        gained: posterior mass of these modes, shape (B,).
        unseen: posterior mass that may be in modes that nothing found, shape (B,).
        ends: where the particles of the last round ended, shape (S, B, D).
        modes: those known before, and the new ones.
    """

    starts: Tensor
    gained: Tensor
    unseen: Tensor
    ends: Tensor
    modes: Modes


def rounds(
    part: Batch,
    bank: Bank,
    spec: AnalysisSpec,
    modes: Modes,
    unseen: Tensor,
    proposal: Mixture | None = None,
    log_px: Tensor | None = None,
) -> Search:
    """Rounds of the route for a block of datapoints, until a round finds nothing new for any of them.

    Each datapoint keeps what the rounds found up to the first that found nothing new for it.

    Args:
        part: the block.
        bank: whose draws from the prior the route begins with.
        spec: settings.
        modes: what is known of it.
        unseen: posterior mass that may be in other modes, shape (B,).
        proposal: what log p(x) was estimated with; None takes the modes.
        log_px: what was estimated, shape (B,); None takes the modes' own masses.
    """
    target = part.target
    log_px = torch.logsumexp(modes.level, 0).double() if log_px is None else log_px
    open_ = torch.ones(target.num_datapoints, dtype=torch.bool, device=log_px.device)
    gained, unseen = torch.zeros_like(log_px), unseen.double()
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
        news = open_ & (found.gained > NEWS)
        gained = torch.where(news, 1.0 - (1.0 - gained) * (1.0 - found.gained.double()), gained)
        climbed = fresh.sum(0) / fresh.sum(0).clamp(1, most)
        single = (found.single * climbed / len(z)).clamp(max=1.0).double()
        unseen = torch.where(news, single, torch.where(open_, least, unseen))
        starts.append(torch.where(news.unsqueeze(-1), found.starts, torch.nan))
        open_ = news
        if not bool(open_.any()):
            break
        modes, proposal, log_px = found.modes, None, torch.logsumexp(found.modes.level, 0).double()
    return Search(torch.cat(starts) if starts else target.x.new_empty(0), gained, unseen, z, modes)


def _first(z: Tensor, fresh: Tensor, most: int) -> Tensor:
    """The first particles that are fresh, NaN in the place of others: (S, B, D) to (at most ``most``, B, D)."""
    order = (~fresh).to(torch.int8).argsort(dim=0, stable=True)[:most]
    chosen = z.gather(0, order.unsqueeze(-1).expand(-1, -1, z.shape[-1]))
    return torch.where(fresh.gather(0, order).unsqueeze(-1), chosen, torch.nan)
