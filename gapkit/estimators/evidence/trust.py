"""How far importance weights can be trusted: their tail, and how much of the mean they may still miss."""

import torch
from torch import Tensor

from gapkit.core.khat_limit import good_k
from gapkit.core.numerics import effective_sample_size, log_mean_exp
from gapkit.core.pareto import tail_length
from gapkit.estimators import Estimate

__all__ = ["body", "healthy", "khat_error", "rise_of", "settled", "tail_error"]

_PARTS = 8
# Tails with a larger shape cannot be extrapolated.
_STEEPEST = 0.95


def healthy(khat: Tensor, samples: Tensor) -> Tensor:
    """Whether the Pareto k-hat lies below its limit: shapes (B,)."""
    limits = {count: good_k(count) for count in samples.unique().tolist()}
    limit = torch.tensor([limits[count] for count in samples.tolist()], dtype=torch.float64, device=samples.device)
    return khat.to(samples.device) < limit


def khat_error(khat: Tensor, samples: Tensor) -> Tensor:
    """Standard error of k-hat, shape (B,): (1 + k) over the root of the tail's length, its maximum likelihood one.

    Source: Zhang & Stephens, "A new and efficient estimation method for the generalized Pareto distribution" (2009),
    section 4; the asymptotic variance (1 + k)^2 / n is that of Smith, "Maximum likelihood estimation in a class of
    nonregular cases" (1985).
    """
    lengths = {count: tail_length(count) for count in samples.unique().tolist()}
    length = torch.tensor([lengths[count] for count in samples.tolist()], dtype=torch.float64, device=samples.device)
    return (1.0 + khat.clamp(min=0.0)) / length.clamp(min=1.0).sqrt()


def rise_of(log_w: Tensor) -> Tensor:
    """How much higher the bound is with all draws than with an eighth of them, on average: (S, B) to (B,), in nats."""
    size = max(1, len(log_w) // _PARTS)
    parts = torch.stack([log_mean_exp(part) for part in log_w.split(size) if len(part) == size])
    rise = log_mean_exp(log_w) - parts.mean(0)
    return torch.where(rise.isnan(), torch.inf, rise)


def tail_error(log_w: Tensor, khat: Tensor) -> Tensor:
    """By how much log p(x) may be missed because the tail of the weights is not known: shape (B,), in nats.

    What S weights have not shown yet is not in their variance, nor in how their mean rises with S. With a generalised
    Pareto tail of shape k and scale s, M of S draws have s / (1 - k) more than the cutoff on average; here k is taken
    one standard error higher. The scale is that of the tail's median, which no single weight can move.

    Args:
        log_w: log weights, shape (S, B); -inf is a weight of zero.
        khat: their Pareto k-hat, shape (B,).
    """
    count = len(log_w)
    length = tail_length(count)
    if length < 2:
        return torch.full_like(log_w[0], torch.nan)
    top = log_w.topk(length + 1, 0).values - log_mean_exp(log_w)
    median = top[length // 2].exp() - top[length].exp()
    khat = khat.to(log_w.device)
    low = khat.clamp(max=_STEEPEST - 0.05)
    high = (low + khat_error(khat, torch.full_like(khat, count).long())).clamp(max=_STEEPEST)
    shape = torch.where(low.abs() < 1e-3, 1e-3, low)
    scale = median * shape / (2.0**shape - 1.0)
    return length / count * scale * (1.0 / (1.0 - high) - 1.0 / (1.0 - low))


def body(log_w: Tensor) -> Tensor:
    """Effective share of the draws if the largest fiftieth of the weights is cut off at its lowest: (S, B) to (B,).

    It says how well a proposal fits where its draws are. The plain effective sample size says that too, but of heavy
    weights it is mostly luck.
    """
    ceiling = log_w.topk(max(1, min(len(log_w), max(5, len(log_w) // 50))), 0).values[-1]
    return effective_sample_size(log_w.clamp(max=ceiling)) / len(log_w)


def settled(estimate: Estimate, samples: Tensor, rise: Tensor, target_se: float) -> Tensor:
    """Whether importance sampling is good enough as it is: shape (B,)."""
    sound = healthy(estimate.diagnostics["khat"], samples) & estimate.value.isfinite()
    return sound & (rise <= target_se) & (estimate.std_error <= target_se)
