"""Several starts per datapoint, from a bank of latents that is decoded once and scored against all datapoints.

An encoder at a wrong or minor mode leads the local fit there too, and no diagnostic of the importance weights shows it:
they look healthy because no draw reaches the mode that is missing. The remedy is a cheap global search: latents drawn
from the prior and encodings of other data are decoded once, one matrix product scores every datapoint against all of
them, and the peaks of the scores become further starts of the fit.

A peak is a latent that scores higher than its nearest neighbours in the bank, as in topographical search: 64 draws in
one mode have one peak, however dense they are, and a lesser mode has one too. Neighbours are found once, in units of
the prior, so that neither a datapoint's own encoder nor that of another decides what counts as near.
Source: Törn & Viitanen, "Topographical Global Optimization" (1992).
"""

import contextlib
from dataclasses import dataclass
from functools import cached_property

import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.randomness import Key, seeded
from gapkit.target import Target
from gapkit.target.observation import cross_log_prob, stored_values

__all__ = ["Bank", "build_bank"]

_NEIGHBOURS = 10
_SAME = 0.05  # prior deviations: encodings that fall into one cell of this size are one start
_NARROW = 0.1  # prior deviations: the scale of a start, small enough that its draws do not mix two modes
_PAIRS_AT_ONCE = 20_000_000
_FEW_DRAWS, _FEW_ENCODED = 512, 256  # where nothing can be decoded once for all
_TREE_DIM = 8  # up to here a tree is faster than all pairs


@dataclass(frozen=True)
class Bank:
    """Latents shared by all datapoints, with their decoded distributions.

    Attributes:
        z: shape (M, D); the prior's draws come first.
        log_prior: log p(z), shape (M,), in nats; zero where each datapoint has a prior of its own.
        decoded: p(x|z) of consecutive chunks of z; empty where it depends on a condition of the datapoint, so that
            nothing can be decoded once for all.
        unit: the prior's spread in each latent dimension, shape (D,).
        num_prior: how many of the latents are draws from the prior.
    """

    z: Tensor
    log_prior: Tensor
    decoded: tuple[Distribution, ...]
    unit: Tensor
    num_prior: int

    def score(self, target: Target) -> Tensor:
        """Log p(x_b, z_m) up to a term of x alone: shape (B, M), in nats; undefined scores are -inf."""
        for_each = self.z.unsqueeze(1).expand(-1, target.num_datapoints, -1)
        if self.decoded:
            log_prior = target.log_prior(for_each).mT if target.own_prior else self.log_prior
            scores = torch.cat([cross_log_prob(part, target.x) for part in self.decoded], 1) + log_prior
        else:
            scores = target.log_joint(for_each).mT
        return torch.where(scores.isfinite(), scores, -torch.inf)

    def population(self, target: Target, key: Key) -> tuple[Tensor, Tensor]:
        """Draws from the prior and how likely they make each datapoint.

        Args:
            target: B datapoints.
            key: of these.

        Returns:
            Draws that all datapoints share, shape (M, 1, D), or their own, shape (M, B, D), and log p(x_b|z_m) up to a
            term of x alone, shape (M, B), float64, in nats.
        """
        if self.decoded and not target.own_prior:
            z = self.z[: self.num_prior].unsqueeze(1)
            log_lik = (self.score(target) - self.log_prior)[:, : self.num_prior].mT
        else:
            streams = key.streams("bank/population", target.dtype, target.device)
            z = target.prior_proposal().draw(streams, self.num_prior)[0]
            log_lik = target.log_likelihood(z)
        return z, log_lik.double().nan_to_num(nan=-torch.inf)

    @cached_property
    def _nearest(self) -> tuple[Tensor, Tensor]:
        """The nearest latents of each, itself left out, (M, K), and their mean square distance per dimension, (M,)."""
        points = self.z / self.unit
        squares, count = points.square().sum(1), min(_NEIGHBOURS, len(points) - 1)
        if count > 0 and points.shape[1] <= _TREE_DIM and points.device.type == "cpu":
            apart, nearest = cKDTree(points.double().numpy()).query(points.double().numpy(), count + 1)
            # The point itself is the first, unless another lies on it.
            own = torch.from_numpy(nearest) == torch.arange(len(points)).unsqueeze(1)
            own[:, -1] |= ~own.any(1)
            kept = own.to(torch.int8).argsort(dim=1, stable=True)[:, :count]
            far_off = torch.from_numpy(apart).gather(1, kept).square().mean(1) / points.shape[1]
            return torch.from_numpy(nearest).gather(1, kept), far_off.to(points)
        parts, far = [], []
        for rows in torch.arange(len(points), device=points.device).split(max(1, _PAIRS_AT_ONCE // len(points))):
            apart = squares[rows].unsqueeze(1) + squares - 2.0 * points[rows] @ points.T
            apart[torch.arange(len(rows), device=rows.device), rows] = torch.inf
            closest = apart.topk(count, largest=False)
            parts.append(closest.indices)
            far.append(closest.values.clamp(min=0.0).sum(1) / max(1, count * points.shape[1]))
        return torch.cat(parts), torch.cat(far)

    @property
    def neighbours(self) -> Tensor:
        """The nearest latents of each, itself left out: shape (M, K)."""
        return self._nearest[0]

    @cached_property
    def scale(self) -> Tensor:
        """Standard deviations of the Gaussian that each latent begins as when it is a start, shape (M, D).

        A start is placed to within the distance of its neighbours; draws from further away could mix two modes.
        """
        within = self._nearest[1].sqrt().clamp(1e-4 * _NARROW, _NARROW)
        return within.unsqueeze(1) * self.unit

    @property
    def narrow(self) -> Tensor:
        """Standard deviations of a start of unknown surroundings, shape (D,)."""
        return _NARROW * self.unit

    def starts(self, target: Target, encoded: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """The peaks of each datapoint's scores, the highest first.

        Args:
            target: B datapoints.
            encoded: means of the encoder's q, shape (B, D), which are starts already.
            count: how many at most.

        Returns:
            Starts of shape (count, B, D), their scales of the same shape, and their scores, shape (count, B), which are
            -inf where there are fewer peaks.
        """
        scores = self.score(target)
        peaks = []
        for part in scores.split(max(1, _PAIRS_AT_ONCE // self.neighbours.numel())):
            around = part[:, self.neighbours].amax(-1) if self.neighbours.numel() else torch.full_like(part, -torch.inf)
            peaks.append(torch.where(part > around, part, -torch.inf))
        # One more than asked for: the encoding itself may be among them.
        best, order = torch.cat(peaks).topk(min(count + 1, len(self.z)), dim=1)
        own = ((self.z[order] - encoded.nan_to_num(nan=torch.inf).unsqueeze(1)).abs() < _SAME * self.unit).all(-1)
        best = torch.where(own, -torch.inf, best)
        best, places = best.sort(dim=1, descending=True, stable=True)
        order = order.gather(1, places)[:, :count].mT
        return self.z[order], self.scale[order], best[:, :count].mT


def build_bank(
    target: Target,
    encoded: Tensor,
    num_prior: int,
    seed: int,
    *,
    max_values: int = 50_000_000,
) -> Bank:
    """Decode a bank of prior draws and encodings.

    Args:
        target: any batch of the model; only its decoder and prior are used. Where a condition belongs to datapoints,
            these must be typical ones, because draws are made from the priors of all of them.
        encoded: encodings of data, the analysed ones and others, shape (N, D).
        num_prior: latents drawn from the prior.
        seed: the run's seed.
        max_values: upper limit on stored decoder outputs; a larger bank is thinned evenly.
    """
    with torch.no_grad():
        drawn = encoded[:0]
        with seeded(seed, "bank"), contextlib.suppress(NotImplementedError):  # some priors cannot be drawn from
            drawn = _prior_draws(target, num_prior).to(encoded)
        drawn, encoded = (part[part.isfinite().all(1)] for part in (drawn, encoded))
        unit = _spread(drawn if len(drawn) else encoded)
        drawn, encoded = _thinned(target, drawn, _distinct(encoded, unit), max_values)
        z = torch.cat([drawn, encoded])
        decoded = tuple[Distribution, ...]()
        if target.decodes_for_all:
            decoded = tuple(target.decode(part) for part in z.split(target.max_rows))
            target.work.values += len(z)
        log_prior = torch.zeros_like(z[:, 0]) if target.own_prior else target.log_prior(z.unsqueeze(0))[0]
    return Bank(z, log_prior, decoded, unit, len(drawn))


def _prior_draws(target: Target, count: int) -> Tensor:
    """Draws from the prior, shape (M, D): fewer where each must be decoded anew for every datapoint."""
    count = min(count, _FEW_DRAWS) if target.own_prior or not target.decodes_for_all else count
    each = -(-count // max(1, target.prior.batch_shape.numel()))
    return target.prior.sample((each,)).reshape(-1, target.dim)[:count]


def _spread(z: Tensor) -> Tensor:
    """Spread of each coordinate, shape (D,): half of the middle two thirds, which no outlier can move."""
    if len(z) < 2:
        return torch.ones_like(z[0]) if len(z) else torch.ones(z.shape[1:], dtype=z.dtype, device=z.device)
    low, high = (z.float().quantile(share, dim=0).to(z.dtype) for share in (0.1587, 0.8413))
    spread = 0.5 * (high - low)
    return torch.where(spread.isfinite() & (spread > 0), spread, 1.0)


def _distinct(encoded: Tensor, unit: Tensor) -> Tensor:
    """The first encoding of each cell: a constant encoder would fill all places of the best with one start."""
    if not len(encoded):
        return encoded
    cells = (encoded / (_SAME * unit)).round()
    _, inverse = cells.unique(dim=0, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1,), len(encoded), dtype=torch.long, device=encoded.device)
    first.scatter_reduce_(0, inverse, torch.arange(len(encoded), device=encoded.device), "amin")
    return encoded[first.sort().values]


def _thinned(target: Target, drawn: Tensor, encoded: Tensor, max_values: int) -> tuple[Tensor, Tensor]:
    """Both parts, thinned evenly where their decoded distributions would take too much memory."""
    total = len(drawn) + len(encoded)
    if not target.decodes_for_all:
        most = len(drawn) + _FEW_ENCODED
    else:
        most = max(256, max_values // max(1, stored_values(target.decode(torch.cat([drawn, encoded])[:1]))))
    if total <= most:
        return drawn, encoded
    kept = torch.linspace(0, total - 1, most, device=drawn.device).long()
    inside = kept < len(drawn)
    return drawn[kept[inside]], encoded[kept[~inside] - len(drawn)]
