"""Is p(x|z) a density of x? A log_prob of the user's own may be a mean over pixels, or carry a factor.

Distributions of torch and of gapkit sum up to one; only classes of others are looked at, and they are refused only
where it is sure: by enumeration or quadrature where x is small, else by what the density implies about its own mean or
its own draws. A factor c in log_prob shows

* in binary x as log-odds log p(x_i = 1) - log p(x_i = 0) that are c times those of the mean;
* in continuous x in the identity E[|score|^2] = -E[trace of the Hessian of log p] under draws of p, whose two sides
  become c^2 and c times what they were.

Densities that depend on x in another way, on bounded intervals or without draws, are passed over in silence.
"""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, TransformedDistribution

from gapkit.core.findings import Finding
from gapkit.doctor.probe import Probe
from gapkit.models.unvalidated import unvalidated

__all__ = ["mass"]

_KNOWN = ("torch.", "gapkit.")
_MOST_ENUMERATED = 10  # binary values
_GRID, _WIDTH = {1: 801, 2: 61}, 6.0  # points in each direction, and standard deviations to each side
_OFF = 0.2  # of the log mass, in nats; of the log of a factor
_COORDINATES, _FEWEST_RATIOS, _SPREAD = 24, 12, 0.05
_DRAWS, _SURE = 8, 6.0
_ASKED = "p(x|z) that is a density of x"


def mass(probe: Probe) -> Finding | None:
    """Whether log p(x|z) integrates to one, and carries no hidden factor, where that can be told."""
    p = probe.decoded
    if not _of_others(p):
        return None
    x, size = probe.x, probe.x[0].numel()
    anywhere = probe.decode(probe.prior_z[0])  # a factor and a spread may make up for each other at some latents
    with torch.no_grad(), unvalidated():
        if bool(((x == 0) | (x == 1)).all()) and not _of_counts(p, x):
            if size <= _MOST_ENUMERATED:
                return _told(_enumerated(anywhere, x), size)
            return _scaled(_factor_of_odds(p, x), size)
        if bool((x == x.round()).all()):
            return None  # counts, whose support is not known
        if size in _GRID:
            return _told(_integrated(anywhere, x, size), size)
    return _scaled(_factor_of_scores(p), size)


def _of_others(p: Distribution) -> bool:
    kinds = [type(p)]
    while isinstance(p, Independent | TransformedDistribution):
        p = p.base_dist
        kinds.append(type(p))
    return any(not kind.__module__.startswith(_KNOWN) for kind in kinds)


def _of_counts(p: Distribution, x: Tensor) -> bool:
    """Whether p(x|z) has whole numbers beyond 1 in its support, so that binary x are not all there is."""
    try:
        support = p.support
        return bool(support is not None and support.is_discrete and support.check(torch.full_like(x, 2.0)).any())
    except (NotImplementedError, AttributeError):
        return False


def _told(log_mass: Tensor | None, size: int) -> Finding | None:
    if log_mass is None or not bool(log_mass.isfinite().all()) or float(log_mass.abs().max()) <= _OFF:
        return None
    values = f"{size} value{'' if size == 1 else 's'}"
    found = f"p(x|z) summed up over x ({values}) gives {float(log_mass[log_mass.abs().argmax()].exp()):.3g}, and not 1"
    do = "let log_prob return the log density with its constant, as the sum over all values of x and without a factor"
    return Finding("mass", "error", _ASKED, found, do)


def _scaled(factor: float | None, size: int) -> Finding | None:
    if factor is None or abs(math.log(factor)) <= _OFF:
        return None
    mean = abs(math.log(factor * size)) < _OFF
    what = f"the mean over {size} values in the place of their sum" if mean else "a weight or a temperature"
    found = f"log_prob is about {factor:.3g} times the log density that its own mean and draws imply: {what}"
    do = (
        "let log_prob return the sum over all values of x without a factor; a weight that was put before the KL "
        "divergence or the likelihood in training belongs into the scale of p(x|z)"
    )
    return Finding("mass", "error", _ASKED, found, do)


def _enumerated(p: Distribution, x: Tensor) -> Tensor:
    """Log of the sum of p(x|z) over all binary x, shape (B,)."""
    every = itertools.product((0.0, 1.0), repeat=x[0].numel())
    rows = (x.new_tensor(each).reshape(1, *x.shape[1:]).expand_as(x) for each in every)
    return torch.stack([p.log_prob(row) for row in rows]).double().logsumexp(0)


def _integrated(p: Distribution, x: Tensor, size: int) -> Tensor | None:
    """Log of the integral of p(x|z) over a grid, shape (B,); None where a coarser grid gives another."""
    try:
        mean, width = p.mean.reshape(x.shape), p.variance.reshape(x.shape).sqrt()
    except (NotImplementedError, AttributeError):
        return None
    if not bool((mean.isfinite() & width.isfinite() & (width > 0)).all()):
        return None
    line = torch.linspace(-_WIDTH, _WIDTH, _GRID[size], dtype=torch.float64).tolist()
    cell = (line[1] - line[0]) ** size * width.flatten(1).double().prod(1)
    places = [x.new_tensor(place).reshape(1, *x.shape[1:]) for place in itertools.product(line, repeat=size)]
    values = torch.stack([p.log_prob(mean + place * width) for place in places]).double()
    whole = values.logsumexp(0) + cell.log()
    coarse = torch.tensor([all(i % 2 == 0 for i in at) for at in itertools.product(range(len(line)), repeat=size)])
    other = values[coarse].logsumexp(0) + cell.log() + size * math.log(2.0)
    return whole if float((whole - other).abs().max()) < _OFF / 4 else None


def _factor_of_odds(p: Distribution, x: Tensor) -> float | None:
    """By what log-odds of single values exceed those of the mean; None where they do not agree."""
    try:
        mean = p.mean.reshape(len(x), -1).double()
    except (NotImplementedError, AttributeError):
        return None
    odds = torch.logit(mean)
    telling = (odds.abs() > 0.3) & (odds.abs() < 6.0)
    ratios = []
    for place in telling.sum(0).topk(min(_COORDINATES, mean.shape[1])).indices.tolist():
        values = []
        for value in (1.0, 0.0):
            changed = x.clone().reshape(len(x), -1)
            changed[:, place] = value
            values.append(p.log_prob(changed.reshape(x.shape)).double())
        ratios.append(((values[0] - values[1]) / odds[:, place])[telling[:, place]])
    found = torch.cat(ratios) if ratios else odds.new_zeros(0)
    if len(found) < _FEWEST_RATIOS or not bool(found.isfinite().all()):
        return None
    factor = float(found.median())
    if factor <= 0 or float((found / factor - 1).abs().quantile(0.9)) > _SPREAD:
        return None
    return factor


def _factor_of_scores(p: Distribution) -> float | None:
    """The factor that draws of p and derivatives of its log density give; None where that is not sure."""
    try:
        with torch.no_grad(), unvalidated():
            draws = torch.stack([p.sample() for _ in range(_DRAWS)]).double()
    except (NotImplementedError, AttributeError):
        return None
    bounded = bool((draws >= 0).all()) or bool(((draws >= -1) & (draws <= 1)).all())
    if bounded or not bool(draws.isfinite().all()):
        return None
    score = _score_of(p)
    sides = torch.where(torch.rand_like(draws) < 0.5, -1.0, 1.0)
    step = 1e-3 * float(draws.std(0).median())
    try:
        scores = torch.stack([score(each) for each in draws])
        ahead, behind = (torch.stack([score(each) for each in draws + way * step * sides]) for way in (1.0, -1.0))
    except RuntimeError:  # no gradient in x
        return None
    axes = tuple(range(2, draws.dim()))
    squares = scores.square().sum(axes)  # (S, B)
    curvature = -(sides * (ahead - behind) / (2.0 * step)).sum(axes)
    drift = scores.mean(0).square().sum(tuple(a - 1 for a in axes)).mean() * _DRAWS / squares.mean()
    if not bool((squares.mean(0) > 0).all() & (curvature.mean(0) > 1e-3 * squares.mean(0)).all()) or float(drift) > 3.0:
        return None  # as at a bound, or of straight lines
    each = (squares.mean(0) / curvature.mean(0)).log()
    error = float(each.std()) / math.sqrt(len(each)) if len(each) > 1 else math.inf
    factor = float(each.mean())
    return math.exp(factor) if abs(factor) > _SURE * error else None


def _score_of(p: Distribution) -> Callable[[Tensor], Tensor]:
    """Gradient of log p(x|z) in x, shape of x."""

    def score(x: Tensor) -> Tensor:
        with torch.enable_grad(), unvalidated():
            at = x.detach().requires_grad_()
            return torch.autograd.grad(p.log_prob(at).sum(), at)[0].detach()

    return score
