"""Find the modes of each posterior: climb from the encoder and from the bank, until nothing new turns up.

A datapoint whose starts all lead to the same mode is done after the first few. Where a mode that matters was found by
one start only, others like it may have been found by none, and more starts are climbed. How much is still missing is
estimated as Good and Turing do: with starts that choose their modes with probabilities p_k, and pi_k the posterior
mass of mode k,

    E[mass in modes not found by n - 1 starts] = E[1/n sum over modes found once of pi_k / p_k]

Starts are peaks that lie far apart, so p_k is taken as alike for all K modes, and K as the effective number of those
found, exp of the entropy of their masses.
Source: Good, "The Population Frequencies of Species and the Estimation of Population Parameters" (1953), equation 2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.families.protocol import Transport
from gapkit.local.blocks import blocks_with
from gapkit.local.climber import Climber, as_starts, finished
from gapkit.local.curvature import available
from gapkit.local.modes import Modes, without_duplicates
from gapkit.local.settings import FitSettings
from gapkit.local.starts import Bank
from gapkit.target import Target

__all__ = ["Found", "Further", "find_modes", "search_on"]

# Modes with less of the posterior than this do not count as new.
_NEWS = 0.005


@dataclass(frozen=True)
class Found:
    """The outcome of a search.

    Attributes:
        modes: what was found.
        starts: how many starts were climbed, shape (B,).
        unseen: estimated posterior mass in modes that were not found, shape (B,); 0 where all peaks of the bank were
            climbed, and NaN where there was one start only, too few for an estimate.
    """

    modes: Modes
    starts: Tensor
    unseen: Tensor


@dataclass(frozen=True)
class Further:
    """What starts from another search add to the modes that are known.

    Attributes:
        modes: the known ones and the new ones.
        starts: the new ones as starts, shape (K, B, D), NaN where there are fewer.
        gained: posterior mass of the new ones, shape (B,).
        single: how many of them one start only led to, shape (B,).
    """

    modes: Modes
    starts: Tensor
    gained: Tensor
    single: Tensor


def find_modes(
    target: Target, q: Transport, bank: Bank | None, key: Key, settings: FitSettings, more: Tensor | None = None
) -> Found:
    """Fit a Gaussian from the encoder's q and from further starts; drop modes that are negligible or found twice.

    Args:
        target: B datapoints.
        q: the encoder's posteriors.
        bank: where further starts come from; None uses the encoder's alone.
        key: seed and datapoint indices.
        settings: budgets.
        more: starts that are known from elsewhere, shape (K, B, D); NaN where there is none.
    """
    climber = Climber(target, key, settings, available(target))
    everyone = torch.arange(target.num_datapoints, device=target.device)
    beyond = torch.zeros_like(everyone, dtype=torch.bool)
    starts, first, waiting = as_starts(target, q.loc.unsqueeze(0), q.marginal_scale().unsqueeze(0)), 0, None
    if bank is not None and settings.num_starts > 0:
        first = settings.starts(target.dim)
        most = max(first, settings.most(target.dim))
        peaks = bank.starts(target, q.loc, most + 1)
        beyond = peaks[2][most:].isfinite().any(0)  # there are more than will ever be climbed
        waiting = _Waiting(*(part[:most] for part in peaks))
        waiting, best = waiting.taken(waiting.highest((first + 1) // 2), everyone)
        starts = starts.beside(best.modes(target))
        if more is not None:
            starts = starts.beside(as_starts(target, more, bank.narrow.expand_as(more)))
    tried = starts.hits.sum(0)
    modes = without_duplicates(climber.climb(starts, everyone, "ascent"), settings.keep_within).compact()
    wanted, count = torch.ones_like(tried, dtype=torch.bool), first // 2
    while waiting is not None and count and bool(wanted.any()):
        chosen = waiting.surprising(modes, count)
        fresh = waiting.taken(chosen, everyone)[1].modes(target)
        modes = _grown(modes, len(fresh.loc))
        groups = [(everyone, everyone)] if bool(wanted.all()) else blocks_with(wanted)
        for block, places in groups:
            part = climber.climb(fresh.select(block), block, "ascent")
            both = without_duplicates(_shrunk(modes.select(block), len(part.loc)).beside(part), settings.keep_within)
            rows = block[places]
            modes = modes.placed(both.select(places), rows)
            tried = tried.index_add(0, rows, fresh.hits.sum(0)[rows])
            waiting = waiting.taken(chosen[:, rows], rows)[0]
        modes = modes.compact()
        doubt = _unseen(modes, tried)
        if settings.patient(target.dim):
            doubt = doubt.maximum(_could_be_missed(modes, tried))
        wanted, count = waiting.there() & (doubt > settings.unseen), max(first, 2 * count)
    unseen = _unseen(modes, tried)
    if waiting is not None:
        unseen = torch.where(waiting.there() | beyond, unseen, 0.0)
    modes = finished(climber, modes)
    modes = without_duplicates(modes, settings.keep_within).compact()
    return Found(modes, tried, torch.where(tried > 1, unseen, torch.nan))


@dataclass(frozen=True)
class _Waiting:
    """Peaks of the bank that were not climbed yet, the highest first.

    Attributes:
        loc: shape (K, B, D).
        scale: likewise.
        score: log p(x, z) up to a constant of each datapoint, shape (K, B); -inf where there is none, or none left.
    """

    loc: Tensor
    scale: Tensor
    score: Tensor

    def there(self) -> Tensor:
        """Whether any are left, shape (B,)."""
        return self.score.isfinite().any(0)

    def highest(self, count: int) -> Tensor:
        """Places of the highest ones, shape (count, B)."""
        return self.score.topk(min(count, len(self.score)), dim=0).indices

    def surprising(self, modes: Modes, count: int) -> Tensor:
        """Places of those that the modes found so far explain least, shape (count, B).

        What counts is log p(x, z) over the density of the modes' mixture. The highest peaks may all belong to the mode
        that is known; one that belongs to another stands out by many nats.
        """
        ratio = self.score - modes.pooled().log_prob(self.loc)
        # Without a usable mode nothing is explained, and the highest come first.
        ratio = torch.where(ratio.isfinite().any(0), ratio.nan_to_num(nan=-torch.inf, posinf=1e30), self.score)
        return ratio.topk(min(count, len(ratio)), dim=0).indices

    def taken(self, places: Tensor, rows: Tensor) -> tuple["_Waiting", "_Waiting"]:
        """What is left without some of some datapoints, and these: places of shape (N, P), rows of shape (P,)."""
        index = places.unsqueeze(-1).expand(-1, -1, self.loc.shape[-1])
        loc, scale, score = self.loc[:, rows], self.scale[:, rows], self.score[:, rows]
        out = _Waiting(loc.gather(0, index), scale.gather(0, index), score.gather(0, places))
        left = self.score.index_copy(1, rows, score.scatter(0, places, -torch.inf))
        return _Waiting(self.loc, self.scale, left), out

    def modes(self, target: Target) -> Modes:
        """As starts to climb from."""
        return as_starts(target, self.loc, self.scale, self.score.isfinite())


def search_on(target: Target, key: Key, settings: FitSettings, known: Modes, starts: Tensor, scale: Tensor) -> Further:
    """Climb from starts of another search, and see whether they lead to modes that are not known yet.

    Args:
        target: B datapoints.
        key: seed and datapoint indices.
        settings: budgets.
        known: modes of these datapoints.
        starts: shape (K, B, D); NaN where there is none.
        scale: standard deviations to begin with where there is no curvature, shape (D,).
    """
    everyone = torch.arange(target.num_datapoints, device=target.device)
    climber = Climber(target, key, settings, available(target))
    begun = as_starts(target, starts, scale.expand_as(starts))
    count = len(known.loc)
    modes = without_duplicates(known.beside(climber.climb(begun, everyone, "ascent")), settings.keep_within)
    mass = modes.weights()[count:]
    news = mass > _NEWS
    return Further(
        modes,
        torch.where(news.unsqueeze(-1), modes.loc[count:], torch.nan),
        torch.where(news, mass, 0.0).sum(0),
        (news & (modes.hits[count:] == 1)).sum(0),
    )


def _slice(modes: Modes, begin: int, end: int) -> Modes:
    return Modes(modes.loc[begin:end], modes.tril[begin:end], modes.level[begin:end], modes.hits[begin:end])


def _grown(modes: Modes, count: int) -> Modes:
    """With empty places for so many more modes."""
    empty = Modes(
        *(
            getattr(modes, name)[:1].expand(count, *[-1] * (getattr(modes, name).dim() - 1))
            for name in ("loc", "tril", "level", "hits")
        )
    )
    return modes.beside(
        Modes(empty.loc, empty.tril, torch.full_like(empty.level, -torch.inf), torch.zeros_like(empty.hits))
    )


def _shrunk(modes: Modes, count: int) -> Modes:
    """Without the last places."""
    return _slice(modes, 0, len(modes.loc) - count)


def _unseen(modes: Modes, tried: Tensor) -> Tensor:
    """Good and Turing's estimate of the posterior mass in modes that no start led to, shape (B,)."""
    once = torch.where(modes.hits == 1, modes.weights(), 0.0).sum(0)
    return (modes.effective() * once / tried.clamp(min=1)).clamp(max=1.0)


def _could_be_missed(modes: Modes, tried: Tensor) -> Tensor:
    """Mass expected to be missed if there were one more mode like those found: 1/(K+1) (K/(K+1))^n, shape (B,)."""
    count = modes.effective()
    return (count / (count + 1.0)) ** tried / (count + 1.0)
