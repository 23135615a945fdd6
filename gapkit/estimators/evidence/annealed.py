"""Annealed importance sampling in rounds, until it is stable and not only of small noise.

A round's noise does not show its bias: chains that hardly moved agree with each other. Two things do: the gap between
the lower bound of AIS and the approximate upper bound of reverse AIS from where its chains ended, and the change from
one round to the next. What is left of both goes into the claimed error.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.estimators import Ais, Bound, Estimate
from gapkit.estimators.evidence.outcome import placed
from gapkit.estimators.evidence.policy import Policy
from gapkit.families import Mixture
from gapkit.target import Target

__all__ = ["Annealed", "annealed", "starting"]

_ROUNDS = 2
_SIGMAS = 2.0
# Chains from a start that is the posterior agree in all digits: what they claim then is what sums of logarithms lose.
_DIGITS = 8.0 * torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Annealed:
    """AIS for B datapoints; NaN where it was not run.

    Attributes:
        estimate: of the last round; its error holds the noise and what may be left of the bias.
        upper: the approximate upper bound of reverse AIS in the same round.
        open: the bounds are further apart than their errors and the target say, or rounds differ by more: (B,).
    """

    estimate: Estimate
    upper: Estimate
    open: Tensor


def starting(proposal: Mixture) -> Tensor:
    """Log weights of the mixture that AIS starts from, shape (K, B): without the encoder's q, which is the last one.

    It is there for importance weights. Where reverse AIS cannot reach it, its share of the start is missing in the
    importance weights (5% of it would put the upper bound 0.05 nats too high) and the chains that start there are
    wasted. It stays where there is nothing else.
    """
    others = torch.logsumexp(proposal.log_weights[:-1], 0) if len(proposal.components) > 1 else None
    if others is None:
        return proposal.log_weights
    alone = others.isneginf()
    kept = torch.where(alone, proposal.log_weights, proposal.log_weights - others)
    last = torch.where(alone, proposal.log_weights[-1], -torch.inf)
    return torch.cat([kept[:-1], last.unsqueeze(0)])


def annealed(target: Target, proposal: Mixture, key: Key, policy: Policy, run: Tensor, insist: Tensor) -> Annealed:
    """AIS for the datapoints in ``run``, with further rounds for those in ``insist``, both of shape (B,).

    Args:
        target: B datapoints.
        proposal: what chains start from.
        key: seed and datapoint indices.
        policy: the first round, and the error to reach.
        run: where.
        insist: where rounds go on until they are stable.
    """
    missing = torch.full((target.num_datapoints,), torch.nan, dtype=torch.float64, device=target.device)
    names = ("acceptance", "ess", "nonfinite", "temperatures")
    estimate = Estimate(missing, missing, Bound.LOWER, dict.fromkeys(names, missing))
    upper = Estimate(missing, missing, Bound.UPPER, dict.fromkeys(("acceptance", "nonfinite"), missing))
    left = torch.zeros_like(missing)
    unstable = torch.zeros_like(run)
    wanted, biased = run, torch.zeros_like(run)
    for number in range(_ROUNDS + 1):
        if not proposal.can_be_cut():
            wanted, biased = wanted.any().expand_as(wanted), biased.any().expand_as(biased)  # all, or none
        before, back = estimate, max(2, policy.ais.num_chains // (1 if number == 0 else 2))
        for long in (False, True):
            rows = (wanted & (biased == long)).nonzero()[:, 0]
            if len(rows) == 0:
                continue
            below, above = _run(target, proposal, key, _round(policy.ais, number, long=long), rows, back)
            estimate, upper = placed(estimate, below, rows), placed(upper, above, rows)
        apart = _beyond(upper.value - estimate.value, upper, estimate)
        changed = torch.zeros_like(apart) if number == 0 else _beyond(estimate.value - before.value, before, estimate)
        # Half of the gap on either side; where a round halves the bias, as much is left as it took.
        now = torch.maximum(0.5 * apart, changed.abs())
        left = torch.where(wanted, now, left)
        biased = now > policy.target_se
        unstable = torch.where(wanted, biased, unstable)
        wanted = wanted & insist & (biased | (estimate.std_error > policy.target_se))
        if not bool(wanted.any()):
            break
    error = torch.hypot(estimate.std_error, left).clamp(min=_DIGITS * (1.0 + estimate.value.abs()))
    return Annealed(replace(estimate, std_error=error), upper, unstable)


def _run(target: Target, proposal: Mixture, key: Key, ais: Ais, rows: Tensor, back: int) -> tuple[Estimate, Estimate]:
    """One round of some datapoints: bounds from below and above."""
    if len(rows) < target.num_datapoints:
        target, proposal, key = target.select(rows), proposal.select(rows), key.select(rows)
    with torch.no_grad():
        plans = ais.plans(target, proposal, key)
        forward = ais.forward(plans)
        ends = ais.ends(forward, key)
        # The upper bound of reverse AIS shows a bias: it needs fewer chains than the estimate.
        return ais.estimate(forward, key), ais.estimate_above(
            ais.backward(plans, ends[:: max(1, len(ends) // back)]), key
        )


def _beyond(difference: Tensor, one: Estimate, other: Estimate) -> Tensor:
    """The part of a difference that noise does not explain, with its sign: shape (B,)."""
    noise = _SIGMAS * torch.hypot(one.std_error, other.std_error)
    return torch.sign(difference) * (difference.abs() - noise).clamp(min=0.0)


def _round(ais: Ais, number: int, *, long: bool) -> Ais:
    """Each round costs four times the one before: twice the temperatures, and twice the chains or leapfrogs.

    Noise needs more chains; bias needs longer moves.
    """
    if number == 0:
        return ais
    times = 2**number
    return replace(
        ais,
        num_temperatures=times * ais.num_temperatures,
        num_chains=ais.num_chains if long else times * ais.num_chains,
        num_leapfrogs=times * ais.num_leapfrogs if long else ais.num_leapfrogs,
        stage=f"{ais.stage}/{number}",
    )
