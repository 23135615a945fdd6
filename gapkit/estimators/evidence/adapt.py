"""Refinement of the datapoints that need it, each alone: batches have the same shapes whichever they are."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.estimators.evidence.annealed import starting
from gapkit.estimators.evidence.defence import defended
from gapkit.estimators.evidence.policy import Policy
from gapkit.estimators.evidence.pooled import Pool, pooled
from gapkit.estimators.evidence.refine import Refinement
from gapkit.estimators.evidence.trust import body
from gapkit.estimators.protocol import without_nan
from gapkit.families import FullRankGaussian, Mixture
from gapkit.target import Target

__all__ = ["adapted", "can_refine"]

_AT_MOST = 2  # times the rounds that a policy asks for
# Refinement is worthwhile where the body of the weights becomes so much more even, or is so even.
_BETTER, _WELL = 1.15, 0.6
_PATIENT_DIM = 5  # up to so many latents a posterior is found in the end
_FEWEST_DRAWS = 1000  # of a round
_DRAWS_PER_DIM = 30  # of a round: with fewer, pieces of a posterior cannot be distinguished from noise


def can_refine(target: Target, proposal: Mixture, policy: Policy) -> bool:
    """Whether refinement is possible: single datapoints can be taken out, and draws are many for the latents."""
    enough = _draws(policy) >= _DRAWS_PER_DIM * target.dim
    return policy.refinements > 0 and enough and proposal.can_be_cut()


def _draws(policy: Policy) -> int:
    return max(policy.pooled.num_samples, _FEWEST_DRAWS)


def adapted(
    target: Target, proposal: Mixture, key: Key, policy: Policy, pool: Pool, log_w: Tensor, wanted: Tensor
) -> tuple[Mixture, Mixture, Pool, Tensor]:
    """Refine the mixtures of some datapoints and sample from them anew.

    Args:
        target: B datapoints.
        proposal: their mixtures without wider copies.
        key: seed and datapoint indices.
        policy: rounds and draws.
        pool: importance sampling so far.
        log_w: log weights of its first round, shape (S, B).
        wanted: which datapoints, bools of shape (B,).

    Returns:
        What is sampled from, what AIS starts from, importance sampling with fresh draws, and where refinement helped,
        shape (B,): for the whole batch.
    """
    before, weights = defended(proposal), starting(proposal)
    samplings, starts, better = [], [], wanted.clone()
    for row in wanted.nonzero()[:, 0].split(1):
        refinement = Refinement(target.select(row), proposal.select(row), weights[:, row])
        part, q, own = target.select(row), before.select(row), key.select(row)
        try:
            fresh = _refined(refinement, part, q, own, policy, log_w[:, row])
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # of this datapoint alone
            fresh = None
        if fresh is None:
            fresh, _ = pooled(part, q, own, policy, policy.pooled.stage, patient=True)
            better[row] = False
        else:
            samplings.append(refinement.sampling())
            starts.append(refinement.starting())
        pool = pool.placed(fresh, row)
    start, rows = Mixture(weights, proposal.components, proposal.frame), better.nonzero()[:, 0]
    if len(rows) == 0:
        return before, start, pool, better
    return _together(before, samplings, rows, proposal), _together(start, starts, rows, proposal), pool, better


def _refined(
    refinement: Refinement, target: Target, q: Mixture, key: Key, policy: Policy, log_w: Tensor
) -> Pool | None:
    """Some rounds of draws for adaptation alone, then estimates on fresh draws until their weights can be trusted.

    The draws of an estimate that cannot be trusted are used for adaptation in the next round. In many dimensions pieces
    of a posterior are no better than the whole, and the best looking of several such estimates would be the lowest:
    None is given where the body of the weights is no more even than it was.
    """
    stage, before = policy.pooled.stage, body(without_nan(log_w)[0])
    policy = replace(policy, pooled=replace(policy.pooled, num_samples=_draws(policy)))
    found = None
    for number in range(_AT_MOST * policy.refinements):
        # The draws are made again from their streams: only these few datapoints' are ever kept.
        z, _ = q.draw(key.streams(stage, target.dtype, target.device), len(log_w))
        refinement.see(q, z, log_w)
        refinement.adapt()
        stage = f"{policy.pooled.stage}/refined/{number}"
        pool, last = None, number + 1 >= policy.refinements
        q = refinement.sampling() if last or target.dim > _PATIENT_DIM else refinement.exploring()
        if not last:
            log_w = replace(policy.pooled, stage=stage).log_weights(target, q, key)
        else:
            pool, log_w = pooled(target, q, key, policy, stage, patient=False)
        fits = body(without_nan(log_w)[0])
        helps = bool((fits > _BETTER * before) | (fits > _WELL))
        found = pool if helps else None
        if (not helps and target.dim > _PATIENT_DIM) or (pool is not None and bool(pool.settled(policy.target_se))):
            break
    return found


def _together(whole: Mixture, parts: Sequence[Mixture], rows: Tensor, proposal: Mixture) -> Mixture:
    """The mixtures of all datapoints, some of which, at ``rows``, have components of their own beside the proposal's.

    Args:
        whole: of all datapoints; its first components are the proposal's.
        parts: of one datapoint each, likewise.
        rows: their places, shape (P,).
        proposal: K components.
    """
    known, extra = len(proposal.components), max(len(part.components) for part in parts) - len(proposal.components)
    log_weights = whole.log_weights.index_fill(1, rows, -torch.inf)
    added = log_weights.new_full((extra, log_weights.shape[1]), -torch.inf)
    size, dim = log_weights.shape[1], parts[0].components[-1].dim
    loc = log_weights.new_zeros(extra, size, dim)
    tril = torch.eye(dim).to(log_weights).repeat(extra, size, 1, 1)
    for row, part in zip(rows.tolist(), parts, strict=True):
        log_weights[:known, row] = part.log_weights[:known, 0]
        for number, component in enumerate(part.components[known:]):
            assert isinstance(component, FullRankGaussian)
            added[number, row] = part.log_weights[known + number, 0]
            loc[number, row], tril[number, row] = component.loc[0], component.scale_tril[0]
    gaussians = tuple(FullRankGaussian(loc[k], tril[k]) for k in range(extra))
    return Mixture(torch.cat([log_weights, added]), (*whole.components, *gaussians), whole.frame)
