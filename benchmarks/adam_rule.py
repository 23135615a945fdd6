"""The published rule for local optimisation, as a plain loop: Adam until the bound stops to rise.

Source: Cremer, Li, Duvenaud, "Inference Suboptimality in Variational Autoencoders" (2018),
https://arxiv.org/abs/1801.03558, and the code of its authors. Mean and log-variance (for full rank, which they do not
have, mean and a lower-triangular factor) begin at a standard normal; each step draws samples and differentiates
log p(x, z) - log q(z) through them; after every 100 steps their mean bound is compared with the best one so far, and
after 11 comparisons in a row without a new best one the optimisation ends. One published version takes one datapoint at
a time and 50 samples (github.com/chriscremer/Inference-Suboptimality), another 100 samples and batches of 100
(github.com/lxuechen/inference-suboptimality): here one at a time is the plain way, with 100 samples unless told else.
"""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.models.protocol import LatentModel
from gapkit.models.unvalidated import unvalidated

__all__ = ["Outcome", "Rule", "run"]

# Datapoints differentiated together: more of them leave the caches, and then take longer each.
_BLOCK = 8


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The numbers of the rule, and a cap on its steps that the published one does not have."""

    rate: float = 1e-3
    num_samples: int = 100
    window: int = 100
    patience: int = 11
    max_steps: int = 100_000


@dataclass(frozen=True)
class Outcome:
    """What a loop led to.

    Attributes:
        q: the Gaussians.
        steps: steps of the loop.
        stopped: whether the rule ended it for every datapoint; else the cap did.
        seconds: of wall time.
    """

    q: DiagonalGaussian | FullRankGaussian
    steps: int
    stopped: bool
    seconds: float


def run(model: LatentModel, x: Tensor, dim: int, family: str, rule: Rule) -> Outcome:
    """Optimise q for all datapoints of x at once; the loop ends when the rule has ended for each of them.

    Adam works on each number by itself, so the datapoints of a batch take steps like those they would take alone.

    Args:
        model: frozen.
        x: data, shape (B, *x_shape); the published code has B = 1.
        dim: number of latents D, one axis.
        family: ``mean_field`` or ``full_rank``.
        rule: the numbers.
    """
    count, samples = len(x), rule.num_samples
    generator = torch.Generator().manual_seed(0)
    start = time.perf_counter()
    with torch.enable_grad(), unvalidated():
        loc = torch.zeros(count, dim, requires_grad=True)
        shape = torch.zeros(count, dim) if family == "mean_field" else torch.eye(dim).repeat(count, 1, 1)
        shape.requires_grad_(True)
        optimiser = torch.optim.Adam([loc, shape], lr=rule.rate)
        parts = [slice(begin, begin + _BLOCK) for begin in range(0, count, _BLOCK)]
        repeated = [x[part].expand(samples, *x[part].shape).flatten(0, 1) for part in parts]
        best, window = torch.full((count,), -torch.inf), torch.zeros(count)
        without, ended = torch.zeros(count), torch.zeros(count, dtype=torch.bool)
        steps = 0
        while steps < rule.max_steps and not bool(ended.all()):
            u = torch.randn(samples, count, dim, generator=generator)
            optimiser.zero_grad()
            bounds = []
            for part, rows in zip(parts, repeated, strict=True):
                bound = _bound(model, rows, loc[part], shape[part], u[:, part])
                (-bound.sum()).backward()
                bounds.append(bound.detach())
            optimiser.step()
            window += torch.cat(bounds)
            steps += 1
            if steps % rule.window == 0:
                risen = window > best
                best, without = torch.where(risen, window, best), torch.where(risen, 0.0, without + 1.0)
                ended |= without >= rule.patience
                window = torch.zeros(count)
    q = _posterior(loc.detach(), shape.detach(), family)
    return Outcome(q, steps, bool(ended.all()), time.perf_counter() - start)


def _bound(model: LatentModel, x: Tensor, loc: Tensor, shape: Tensor, u: Tensor) -> Tensor:
    """The mean of log p(x, z) - log q(z) up to a constant: rows x (S * B, ...) and noise u (S, B, D) to (B,)."""
    if shape.dim() == 2:
        z, log_det = loc + (0.5 * shape).exp() * u, 0.5 * shape.sum(-1)
    else:
        z = loc + torch.einsum("bij,sbj->sbi", shape.tril(), u)
        log_det = shape.diagonal(dim1=-2, dim2=-1).abs().log().sum(-1)
    rows = z.flatten(0, 1)
    log_joint = model.decode(rows).log_prob(x) + model.prior().log_prob(rows)
    return (log_joint.reshape(u.shape[:2]) + 0.5 * u.square().sum(-1)).mean(0) + log_det


def _posterior(loc: Tensor, shape: Tensor, family: str) -> DiagonalGaussian | FullRankGaussian:
    if family == "mean_field":
        return DiagonalGaussian(loc, (0.5 * shape).exp())
    return FullRankGaussian(loc, shape.tril() * shape.diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2))
