"""Adapt a datapoint's mixture to its own importance weights: Gaussians where weights are highest, then a weighted fit.

Each round adds Gaussians at the heaviest draws (incremental mixture importance sampling), fits all shares, means and
covariances to the weighted draws of all rounds (population Monte Carlo), and draws from the outcome. Rings, bananas and
funnels are covered by pieces; tails by wider copies, whose share the fit decides on. The draws that the mixture was
adapted to are not used for estimates: estimates on draws that chose their own proposal would be biased.

Sources: Raftery & Bao, "Estimating and projecting trends in HIV/AIDS generalized epidemics using incremental mixture
importance sampling" (2010), section 3; Cappé et al., "Adaptive importance sampling in general mixture classes" (2008),
https://arxiv.org/abs/0710.4242.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.estimators.evidence.blend import Blend, log_density, shrunk, tempered
from gapkit.estimators.evidence.defence import wider_factors
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture
from gapkit.target import Target

__all__ = ["Refinement"]

_PIECES = 8  # added in a round
_COPIES = 8  # Gaussians of the mixture itself that are adapted, at most
_WIDER = 4  # copies wider by so many steps
_STEPS = 3  # of expectation maximisation in a round
_WHOLE = 2  # Gaussians over everything that was found
_BASE, _WIDE = 0.2, 0.02  # the mixture and each wider Gaussian keep these shares of the draws whatever the fit says
_NEGLIGIBLE, _STARTING = 1e-3, 1e-2
_HEAVY = 4.0  # a draw that weighs so much more than the mean asks for a Gaussian
_REACHABLE = 100.0  # reverse AIS finds a wider copy whose volume is at most this many times the Gaussian's


@dataclass(frozen=True)
class _Draws:
    """N draws of all rounds.

    Attributes:
        z: shape (N, D).
        log_joint: log p(x, z), shape (N,).
        log_base: log density of the mixture before refinement, shape (N,).
        log_stages: log densities of what each round drew from, all at all draws, shape (R, N).
        counts: draws of each round, R numbers that sum to N.
    """

    z: Tensor
    log_joint: Tensor
    log_base: Tensor
    log_stages: Tensor
    counts: tuple[int, ...]

    def log_weights(self) -> Tensor:
        """By the balance heuristic over rounds, shape (N,): the mean weight estimates p(x)."""
        shares = self.log_stages.new_tensor(self.counts).unsqueeze(1) / sum(self.counts)
        log_w = self.log_joint - torch.logsumexp(self.log_stages + shares.log(), 0)
        return torch.where(log_w.isnan() | log_w.isposinf(), -torch.inf, log_w)


class Refinement:
    """The mixture of one datapoint while it is adapted.

    Args:
        target: a batch of one.
        base: the mixture without wider copies.
        starting: log weights with which AIS would start from it, shape (K, 1).
    """

    def __init__(self, target: Target, base: Mixture, starting: Tensor) -> None:
        self._target, self._base, self._starting = target, base, starting
        self._stages: list[Mixture] = []
        self._every: Tensor | None = None
        self._draws: _Draws | None = None
        self._blend: Blend | None = None

    def see(self, drawn_from: Mixture, z: Tensor, log_w: Tensor) -> None:
        """Take draws of shape (S, 1, D) with log weights (S, 1) in."""
        fresh = _Draws(
            z[:, 0].double(),
            log_w[:, 0] + _at(drawn_from, z),
            _at(self._base, z),
            torch.stack([_at(stage, z) for stage in [*self._stages, drawn_from]]),
            (len(z),),
        )
        if self._draws is None or self._every is None:
            self._every, self._draws = z, fresh
        else:
            before = torch.cat([self._draws.log_stages, _at(drawn_from, self._every).unsqueeze(0)])
            self._draws = _Draws(
                torch.cat([self._draws.z, fresh.z]),
                torch.cat([self._draws.log_joint, fresh.log_joint]),
                torch.cat([self._draws.log_base, fresh.log_base]),
                torch.cat([before, fresh.log_stages], 1),
                (*self._draws.counts, *fresh.counts),
            )
            self._every = torch.cat([self._every, z])
        self._stages.append(drawn_from)

    def adapt(self) -> None:
        """Fit the blend to all draws so far."""
        assert self._draws is not None
        self._blend = _adapted(self._blend or _first(self._base, self._draws), self._draws)

    def exploring(self) -> Mixture:
        """What to draw from for adaptation: pieces are wider, to see where the posterior goes on."""
        assert self._blend is not None
        return _mixture(self._base, self._base.log_weights, _floored(self._blend.wider()))

    def sampling(self) -> Mixture:
        """What to draw from for an estimate: with a share for every component that may be needed."""
        assert self._blend is not None
        return _mixture(self._base, self._base.log_weights, _floored(self._blend))

    def starting(self) -> Mixture:
        """What AIS starts from: the same components, without those that reverse AIS could not reach."""
        assert self._blend is not None
        return _mixture(self._base, self._starting, _reachable(self._blend))


def _adapted(blend: Blend, draws: _Draws) -> Blend:
    log_w = draws.log_weights()
    if not bool(log_w.isfinite().any()):
        return blend
    enough = min(5.0 * (draws.z.shape[1] + 1), 0.25 * len(log_w))
    weights = tempered(log_w, enough)
    fitted = _with_pieces(_with_whole(blend, draws, weights), draws, log_w, weights)
    for _ in range(_STEPS):
        fitted = fitted.updated(draws.z, draws.log_base, weights)
    return fitted.kept(_NEGLIGIBLE) if bool(fitted.shares.isfinite().all()) else blend


def _with_whole(blend: Blend, draws: _Draws, weights: Tensor) -> Blend:
    """Put Gaussians of the mean and covariance of all weighted draws, widened, in the last places of the fixed ones.

    They reach over the ends of a curved posterior, which its pieces do not.
    """
    mean = weights @ draws.z
    apart = draws.z - mean
    cov = (weights.unsqueeze(1) * apart).mT @ apart
    tril = shrunk(cov.unsqueeze(0), blend.tril[:1], 1.0 / weights.square().sum().unsqueeze(0))[0]
    if not bool(tril.isfinite().all()):
        return blend
    loc, trils = blend.loc.clone(), blend.tril.clone()
    for place, factor in zip(range(_WIDER, _WIDER + _WHOLE), wider_factors(draws.z.shape[1], _WHOLE), strict=True):
        loc[place], trils[place] = mean, factor * tril
    return Blend(blend.shares, loc, trils, blend.fixed)


def _with_pieces(blend: Blend, draws: _Draws, log_w: Tensor, weights: Tensor) -> Blend:
    """Add Gaussians where draws are heavy, one after the other; each takes the weight off its surroundings."""
    z, size = draws.z, len(log_w)
    mean = weights @ z
    apart = z - mean
    count = 1.0 / weights.square().sum()
    cov = (weights.unsqueeze(1) * apart).mT @ apart
    metric = shrunk(cov.unsqueeze(0), blend.tril[:1], count.unsqueeze(0))
    whitened = torch.linalg.solve_triangular(metric[0], z.mT, upper=False).mT
    log_q = draws.log_joint - log_w
    near = min(size // 2, max(4 * z.shape[1], size // 20))
    pieces = []
    for _ in range(_PIECES):
        heavy = torch.where(log_w.isneginf(), -torch.inf, draws.log_joint - log_q)
        share = torch.softmax(heavy, 0)
        top = int(share.argmax())
        if float(share[top]) * size < _HEAVY:
            break
        around = (whitened - whitened[top]).square().sum(1).topk(near, largest=False).indices
        # Half by weight and half alike, so that one heavy draw does not make a point of it.
        part = 0.5 * share[around] / share[around].sum() + 0.5 / near
        away = z[around] - z[top]
        local = (part.unsqueeze(1) * away).mT @ away
        tril = shrunk(local.unsqueeze(0), metric, 1.0 / part.square().sum().unsqueeze(0))
        if not bool(tril.isfinite().all()):
            break
        pieces.append((z[top], tril[0]))
        log_q = torch.logaddexp(log_q, math.log(near / size) + log_density(z, z[top].unsqueeze(0), tril)[0])
    if not pieces:
        return blend
    return _joined(blend, pieces, min(0.05, 0.4 / len(pieces)))


def _joined(blend: Blend, gaussians: Sequence[tuple[Tensor, Tensor]], share: float) -> Blend:
    """With further Gaussians, each of the same share."""
    loc, tril = (torch.stack(parts) for parts in zip(*gaussians, strict=True))
    return blend.joined(loc, tril, loc.new_full((len(loc),), share), fixed=False)


def _first(base: Mixture, draws: _Draws) -> Blend:
    """The mixture, wider copies of its frame, and copies of its own heavier Gaussians that can be adapted."""
    frame = _gaussian(base.whitening())
    loc, tril = frame if frame is not None and _sound(*frame) else _moments(draws.z)
    dim = draws.z.shape[1]
    factors = wider_factors(dim, _WIDER)
    wide = torch.stack([factor * tril for factor in [*factors, *factors[:_WHOLE]]])
    count = len(wide)
    shares = wide.new_tensor([0.8, *[0.2 / count] * count])
    blend = Blend(shares, loc.expand(count, dim), wide, torch.ones(count, dtype=torch.bool, device=loc.device))
    weights = base.log_weights[:, 0].exp()
    order = weights.argsort(descending=True, stable=True)[:_COPIES].tolist()
    own = [_gaussian(base.components[k]) for k in order if float(weights[k]) > _STARTING]
    known = [gaussian for gaussian in own if gaussian is not None and _sound(*gaussian)]
    if known:
        blend = _joined(blend, known, 0.4 / len(known))
    return blend


def _gaussian(q: object) -> tuple[Tensor, Tensor] | None:
    """Mean (D,) and Cholesky factor (D, D) of one datapoint's Gaussian; None of anything else."""
    if isinstance(q, FullRankGaussian):
        return q.loc[0].double(), q.scale_tril[0].double()
    if isinstance(q, DiagonalGaussian):
        return q.loc[0].double(), torch.diag_embed(q.scale[0].double())
    return None


def _sound(loc: Tensor, tril: Tensor) -> bool:
    return bool(loc.isfinite().all() & tril.isfinite().all() & (tril.diagonal() > 0).all())


def _moments(z: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and factorised spread of the draws: what stands for a mixture without a Gaussian."""
    usable = z[z.isfinite().all(1)]
    return usable.mean(0), torch.diag_embed(usable.std(0).clamp(min=1e-12))


def _floored(blend: Blend) -> Blend:
    """With shares for what may be needed all the same."""
    floor = torch.where(blend.fixed, _WIDE, 0.0).to(blend.shares)
    floor = torch.cat([torch.full_like(floor[:1], _BASE) if len(floor) else blend.shares.new_tensor([_BASE]), floor])
    shares = torch.maximum(blend.shares, floor)
    return Blend(shares / shares.sum(), blend.loc, blend.tril, blend.fixed)


def _reachable(blend: Blend) -> Blend:
    """Without what hardly counts, and without copies that are too wide for chains to reach in many dimensions."""
    dim = blend.loc.shape[1]
    shares = torch.where(blend.shares >= _STARTING, blend.shares, 0.0)
    factors = [*wider_factors(dim, _WIDER), *wider_factors(dim, _WHOLE)]
    volume = torch.tensor(factors, dtype=shares.dtype, device=shares.device).pow(dim)
    wide = torch.cat([blend.fixed.new_zeros(1), blend.fixed])
    shares[wide] = torch.where(volume <= _REACHABLE, shares[wide], 0.0)
    if not float(shares.sum()) > 0.0:
        shares[0] = 1.0
    return Blend(shares / shares.sum(), blend.loc, blend.tril, blend.fixed)


def _mixture(base: Mixture, weights: Tensor, blend: Blend) -> Mixture:
    """The blend as a mixture for one datapoint, in its own type."""
    shares = blend.shares.log().to(weights)
    log_weights = torch.cat([weights + shares[0], shares[1:].unsqueeze(1)])
    dtype = base.log_weights.dtype
    added = [
        FullRankGaussian(loc.unsqueeze(0).to(dtype), tril.unsqueeze(0).to(dtype))
        for loc, tril in zip(blend.loc, blend.tril, strict=True)
    ]
    return Mixture(log_weights, (*base.components, *added), base.frame)


def _at(q: Mixture, z: Tensor) -> Tensor:
    """Log density of one datapoint's draws: (N, 1, D) to (N,), float64."""
    return q.log_prob(z)[:, 0].double()
