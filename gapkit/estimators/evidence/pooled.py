"""Importance sampling from the pooled proposals, with more draws where only they are missing."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gapkit.core.khat_limit import good_k
from gapkit.core.randomness import Key
from gapkit.estimators import Estimate
from gapkit.estimators.evidence.outcome import placed
from gapkit.estimators.evidence.places import BEYOND
from gapkit.estimators.evidence.policy import Policy
from gapkit.estimators.evidence.trust import rise_of, settled, tail_error
from gapkit.estimators.protocol import without_nan
from gapkit.families import Mixture
from gapkit.target import Target

__all__ = ["Pool", "pooled"]


@dataclass(frozen=True)
class Pool:
    """Importance sampling for B datapoints.

    Attributes:
        estimate: its error is that of its noise, or of what the tail of the weights has not shown yet, if larger; the
            diagnostic ``beyond`` is the posterior mass where its density is e^2 times the proposal's or more.
        samples: draws, shape (B,).
        rise: by how much the bound rose from an eighth of the draws to all of them, shape (B,), in nats.
        noise: standard error by the draws themselves, shape (B,), without what their tail has not shown.
    """

    estimate: Estimate
    samples: Tensor
    rise: Tensor
    noise: Tensor

    def settled(self, target_se: float) -> Tensor:
        """Whether nothing else need be tried: shape (B,)."""
        return settled(self.estimate, self.samples, self.rise, target_se)

    def placed(self, part: "Pool", rows: Tensor) -> "Pool":
        """With the outcomes of some datapoints, rows of shape (P,), in their places."""
        return Pool(
            placed(self.estimate, part.estimate, rows),
            self.samples.index_copy(0, rows, part.samples),
            self.rise.index_copy(0, rows, part.rise),
            self.noise.index_copy(0, rows, part.noise),
        )


def pooled(
    target: Target, proposal: Mixture, key: Key, policy: Policy, stage: str, *, patient: bool
) -> tuple[Pool, Tensor]:
    """Importance sampling with more draws where only they are missing.

    Args:
        target: B datapoints.
        proposal: what is drawn from.
        key: seed and datapoint indices.
        policy: draws of the first round, and at most.
        stage: names the noise.
        patient: go on to the largest number of draws where even these will probably not do.

    Returns:
        The outcome, and the log weights of the first round, (S, B).
    """
    first = replace(policy.pooled, stage=stage).log_weights(target, proposal, key)
    log_w, rows, number = first, torch.arange(target.num_datapoints, device=target.device), 0
    pool = _pool(log_w, key, policy)
    while proposal.can_be_cut() and len(log_w) * 2 <= policy.max_samples:
        wanted = _worth_more(pool, policy, patient=patient)[rows]
        if not bool(wanted.any()):
            break
        rows, log_w, number = rows[wanted], log_w[:, wanted], number + 1
        again = replace(policy.pooled, num_samples=len(log_w), stage=f"{stage}/{number}")
        part = key.select(rows)
        log_w = torch.cat([log_w, again.log_weights(target.select(rows), proposal.select(rows), part)])
        pool = pool.placed(_pool(log_w, part, policy), rows)
    return pool, first


def _pool(log_w: Tensor, key: Key, policy: Policy) -> Pool:
    estimate, rise = policy.pooled.estimate(log_w, key), rise_of(log_w)
    known = without_nan(log_w)[0]
    beyond = torch.where(known - estimate.value > BEYOND, torch.softmax(known.double(), 0), 0.0).sum(0)
    estimate = replace(estimate, diagnostics={**estimate.diagnostics, "beyond": beyond.nan_to_num(0.0)})
    unseen = tail_error(known, estimate.diagnostics["khat"])
    error = torch.maximum(estimate.std_error, unseen.nan_to_num(0.0))
    samples = torch.full((log_w.shape[1],), len(log_w), device=log_w.device)
    return Pool(replace(estimate, std_error=error, draws=None, noise=None), samples, rise, estimate.std_error)


def _worth_more(pool: Pool, policy: Policy, *, patient: bool) -> Tensor:
    """Whether more draws may make importance sampling good enough, shape (B,).

    Importance weights whose k-hat is too high for any number of draws go to refinement or AIS at once.
    """
    estimate, samples, target_se = pool.estimate, pool.samples, policy.target_se
    mendable = (estimate.diagnostics["khat"].to(samples.device) < good_k(10**9)) & estimate.value.isfinite()
    if patient:  # draws reduce noise: twice as many hardly improve what is known of the tail
        by_noise = replace(estimate, std_error=pool.noise)
        return mendable & ~settled(by_noise, samples, pool.rise, target_se)
    soon = samples * (estimate.std_error / target_se).square() <= policy.max_samples
    return mendable & ~pool.settled(target_se) & soon
