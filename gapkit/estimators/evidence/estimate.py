"""One estimate of log p(x) per datapoint, and as much work for each as it needs.

1. Importance sampling from the pooled proposals (all modes found and the encoder's q, balance heuristic) for everyone,
   with more draws where the importance weights can be trusted but the error is above the target.
2. Where they cannot (Pareto k-hat), where the bound still rises with the number of samples, or where draws would run
   out: the mixture is adapted to its weights, and fresh draws are made from the outcome.
3. Annealed importance sampling from the same proposals where that was not enough, and on a random control subset; then
   longer rounds until it is stable.

The maximum of several noisy lower bounds is biased upward, so estimates are chosen by diagnostics and never by their
value. One exception is a test, not a choice by value: AIS that lies above the pooled estimate by more than four
standard errors and half a nat has reached a part of the posterior that all proposals missed; it is taken and the
datapoint flagged.
"""

import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.estimators import Bound, Estimate
from gapkit.estimators.evidence.adapt import adapted, can_refine
from gapkit.estimators.evidence.annealed import Annealed, annealed, starting
from gapkit.estimators.evidence.defence import defended
from gapkit.estimators.evidence.outcome import REASONS, Evidence
from gapkit.estimators.evidence.policy import Policy
from gapkit.estimators.evidence.pooled import Pool, pooled
from gapkit.estimators.evidence.trust import healthy
from gapkit.families import Mixture
from gapkit.target import Target

__all__ = ["estimate_evidence"]

_SIGMAS, _NATS = 4.0, 0.5


def estimate_evidence(target: Target, proposal: Mixture, key: Key, policy: Policy) -> Evidence:
    """Estimate log p(x) from a mixture of proposals.

    Args:
        target: the batch, B datapoints.
        proposal: the modes found and, last, the encoder's q.
        key: seed and datapoint indices.
        policy: how, and how much work.
    """
    refinable = can_refine(target, proposal, policy)
    sampling, start = defended(proposal), Mixture(starting(proposal), proposal.components, proposal.frame)
    pool, first = pooled(target, sampling, key, policy, policy.pooled.stage, patient=not refinable)
    wanted = ~pool.settled(policy.target_se) & first.isfinite().any(0) & refinable
    refined, before = torch.zeros_like(wanted), pool.estimate.value
    if bool(wanted.any()):
        sampling, start, pool, refined = adapted(target, proposal, key, policy, pool, first, wanted)
    sound = healthy(pool.estimate.diagnostics["khat"], pool.samples) & pool.estimate.value.isfinite()
    steady = pool.rise <= policy.target_se
    reason = _reasons(pool, sound, steady, key, policy)
    run = reason > 0
    ais = annealed(target, start, key, policy, run, run & (reason != REASONS.index("control")))
    use_ais, disagree = _choice(pool, ais, reason, sound & steady)
    chosen = Estimate(
        torch.where(use_ais, ais.estimate.value, pool.estimate.value),
        torch.where(use_ais, ais.estimate.std_error, pool.estimate.std_error),
        Bound.LOWER,
    )
    few_chains = ais.estimate.diagnostics["ess"] < min(4.0, 0.25 * policy.ais.num_chains)
    weak = ~(sound & steady) & (few_chains | ~use_ais)
    # Where pieces helped and weights are still heavy, every round found more of the posterior: AIS starts at these
    # pieces.
    weak |= use_ais & (ais.open | (refined & ~sound))
    return Evidence(
        chosen,
        use_ais.long(),
        reason,
        pool.estimate,
        pool.samples,
        ais.estimate,
        ais.upper,
        disagree,
        weak,
        sampling,
        refined,
        torch.where(refined, pool.estimate.value - before, 0.0),
    )


def _reasons(pool: Pool, sound: Tensor, steady: Tensor, key: Key, policy: Policy) -> Tensor:
    """Why AIS is run for each datapoint: indices into ``REASONS``, shape (B,)."""
    small = pool.noise <= policy.target_se  # what a sound tail may hide is claimed; AIS is not run for it
    control = key.streams("control", torch.float64, sound.device).uniform(1)[0] < policy.control
    reason = torch.zeros_like(pool.samples)
    for number, holds in reversed(list(enumerate((~sound, ~steady, ~small, control), 2))):
        reason = torch.where(holds, number, reason)
    return torch.ones_like(reason) if policy.method == "ais" else reason


def _choice(pool: Pool, ais: Annealed, reason: Tensor, trusted: Tensor) -> tuple[Tensor, Tensor]:
    """Whether AIS is taken, and whether it disagrees with weights that can be trusted: shapes (B,)."""
    ours, theirs = pool.estimate, ais.estimate
    margin = _SIGMAS * torch.hypot(theirs.std_error, ours.std_error)
    disagree = trusted & (theirs.value - ours.value > margin.clamp(min=_NATS))
    named = [REASONS.index(word) for word in ("forced", "khat", "rising")]
    use_ais = torch.isin(reason, torch.tensor(named, device=reason.device)) | disagree
    # Where both can be trusted, the smaller error decides.
    use_ais |= (reason == REASONS.index("error")) & (theirs.std_error < ours.std_error)
    use_ais &= theirs.value.isfinite()
    return use_ais, disagree & use_ais
