"""The top rung of the ladder: one estimate of log p(x) per datapoint, and as much work for each as it needs.

1. Importance sampling from the pooled proposals (all modes found and the encoder's q, balance heuristic) for everyone.
2. More samples where the weights can be trusted but the standard error is above the target.
3. Annealed importance sampling from the same proposals where they cannot (Pareto k-hat), where the bound still rises
   with the number of samples, where the samples ran out, and on a random control subset; then more temperatures where
   its error is above the target.

The maximum of several noisy lower bounds is biased upward, so estimates are chosen by diagnostics and never by their
value. One exception is a test, not a choice by value: AIS that lies above the pooled estimate by more than four
standard errors and half a nat has seen a part of the posterior that all proposals missed; it is taken and the datapoint
flagged.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from gapkit.checks import InputError
from gapkit.estimators import Ais, Bound, Estimate, Iwae
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture
from gapkit.khat_limit import good_k
from gapkit.models.target import Target
from gapkit.numerics import log_mean_exp
from gapkit.randomness import Key

__all__ = ["METHODS", "REASONS", "SOURCES", "Evidence", "Policy", "defended", "estimate_evidence"]

METHODS = ("auto", "ais")
SOURCES = ("mixture", "ais")
# Why AIS was run for a datapoint; the first that holds counts.
REASONS = ("", "forced", "khat", "rising", "error", "control")
_SIGMAS, _NATS = 4.0, 0.5
_DEFENSIVE = 0.15
_MORE, _ROUNDS = 2, 2
_PARTS = 8


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How log p(x) is estimated, and how much work that may take.

    Attributes:
        method: ``auto`` chooses for each datapoint; ``ais`` forces AIS everywhere.
        target_se: standard error at which a datapoint is done, in nats.
        pooled: importance sampling of the first round.
        max_samples: draws that a datapoint may have before AIS takes over.
        ais: annealed importance sampling of the first round; a second and a third have 2 and 4 times its temperatures
            and as many times its chains.
        control: share of the datapoints, chosen at random, that AIS is run for whatever their weights say.
    """

    method: str = "auto"
    target_se: float = 0.1
    pooled: Iwae = field(default_factory=lambda: Iwae(num_samples=1000, stage="pooled"))
    max_samples: int = 8000
    ais: Ais = field(default_factory=Ais)
    control: float = 0.1

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"log p(x) by {self.method!r}", "no such method", f"use one of {', '.join(METHODS)}")
        if not self.target_se > 0:
            raise InputError(f"a target of {self.target_se} nats", "errors are positive", "use 0.1, say")
        if not 0 <= self.control <= 1:
            raise InputError(f"control={self.control}", "it is a share of the datapoints", "use a number from 0 to 1")


@dataclass(frozen=True)
class Evidence:
    """Estimates of log p(x) for a batch.

    Attributes:
        log_px: the chosen estimate.
        source: index into ``SOURCES``, shape (B,).
        reason: why AIS was run, index into ``REASONS``, shape (B,).
        mixture: importance sampling from the pooled proposals.
        samples: draws it had, shape (B,).
        ais: annealed importance sampling; NaN where it was not run.
        upper: an approximate upper bound, from chains sent back from where those of AIS ended; NaN where AIS was not
            run, or needed more than its first round.
        disagree: AIS found clearly more than the proposals cover, shape (B,).
        weak: neither estimate can be trusted by its own diagnostics, shape (B,).
    """

    log_px: Estimate
    source: Tensor
    reason: Tensor
    mixture: Estimate
    samples: Tensor
    ais: Estimate
    upper: Estimate
    disagree: Tensor
    weak: Tensor


def estimate_evidence(target: Target, proposal: Mixture, key: Key, policy: Policy) -> Evidence:
    """Estimate log p(x) from a mixture of proposals.

    Args:
        target: the batch, B datapoints.
        proposal: the modes found and the encoder's q.
        key: seed and datapoint indices.
        policy: how, and how much work.
    """
    mixture, samples, rise = _pooled(target, defended(proposal), key, policy)
    healthy = _healthy(mixture, samples)
    steady = rise <= policy.target_se
    small = mixture.std_error <= policy.target_se
    control = key.streams("control", torch.float64, target.device).uniform(1)[0] < policy.control
    reason = torch.zeros_like(samples)
    for number, holds in reversed(list(enumerate((~healthy, ~steady, ~small, control), 2))):
        reason = torch.where(holds, number, reason)
    if policy.method == "ais":
        reason = torch.ones_like(reason)
    run = reason > 0
    insist = run & (reason != REASONS.index("control"))
    annealed, upper = _annealed(target, proposal, key, policy, run, insist)
    margin = _SIGMAS * (annealed.std_error.square() + mixture.std_error.square()).sqrt()
    disagree = annealed.value - mixture.value > margin.clamp(min=_NATS)
    disagree &= healthy & steady
    named = [REASONS.index(word) for word in ("forced", "khat", "rising")]
    use_ais = torch.isin(reason, torch.tensor(named, device=reason.device)) | disagree
    # Where both can be trusted, the smaller error decides.
    use_ais |= (reason == REASONS.index("error")) & (annealed.std_error < mixture.std_error)
    use_ais &= annealed.value.isfinite()
    chosen = Estimate(
        torch.where(use_ais, annealed.value, mixture.value),
        torch.where(use_ais, annealed.std_error, mixture.std_error),
        Bound.LOWER,
    )
    few_chains = annealed.diagnostics["ess"] < min(4.0, 0.25 * policy.ais.num_chains)
    weak = ~(healthy & steady) & (few_chains | ~use_ais)
    return Evidence(chosen, use_ais.long(), reason, mixture, samples, annealed, upper, disagree & use_ais, weak)


def defended(proposal: Mixture) -> Mixture:
    """Add a wider copy of the heaviest Gaussian: a defensive component for importance weights.

    A fitted Gaussian is narrower than the posterior in the tails, and it is the tails that ruin weights. The copy is
    wider by a factor that costs few effective samples in any dimension. AIS needs no such help: it moves.
    Source: Hesterberg, "Weighted Average Importance Sampling and Defensive Mixture Distributions" (1995).
    """
    frame = proposal.whitening()
    if not isinstance(frame, DiagonalGaussian | FullRankGaussian):
        return proposal
    share = _DEFENSIVE * frame.loc.isfinite().all(-1).to(frame.loc.dtype)
    log_weights = torch.cat([proposal.log_weights + torch.log1p(-share), share.log().unsqueeze(0)])
    wider = frame.widened(1.0 + frame.dim**-0.5)
    return Mixture(log_weights, (*proposal.components, wider), proposal.frame)


def _healthy(estimate: Estimate, samples: Tensor) -> Tensor:
    """Whether importance weights can be trusted, shape (B,)."""
    limits = {count: good_k(count) for count in samples.unique().tolist()}
    limit = torch.tensor([limits[count] for count in samples.tolist()], device=samples.device)
    return (estimate.diagnostics["khat"].to(limit.device) < limit) & estimate.value.isfinite()


def _worth_more(estimate: Estimate, samples: Tensor, rise: Tensor, policy: Policy) -> Tensor:
    """Whether more draws may make importance sampling good enough, shape (B,).

    Weights that no number of draws can mend, by their k-hat, are left to AIS at once.
    """
    mendable = estimate.diagnostics["khat"].to(rise.device) < good_k(10**9)
    enough = _healthy(estimate, samples) & (rise <= policy.target_se) & (estimate.std_error <= policy.target_se)
    return mendable & estimate.value.isfinite() & ~enough


def _pooled(target: Target, proposal: Mixture, key: Key, policy: Policy) -> tuple[Estimate, Tensor, Tensor]:
    """Importance sampling with more draws where only they are missing.

    Returns:
        The estimate, the number of draws (B,), and by how much the bound still rises (B,), in nats.
    """
    log_w = policy.pooled.log_weights(target, proposal, key)
    estimate = policy.pooled.estimate(log_w, key)
    samples = torch.full((target.num_datapoints,), len(log_w), device=target.device)
    rise = _rise(log_w)
    rows, number = torch.arange(target.num_datapoints, device=target.device), 0
    while proposal.can_be_cut() and len(log_w) * 2 <= policy.max_samples:
        wanted = _worth_more(estimate, samples, rise, policy)[rows]
        if not bool(wanted.any()):
            break
        rows, log_w, number = rows[wanted], log_w[:, wanted], number + 1
        again = replace(policy.pooled, num_samples=len(log_w), stage=f"{policy.pooled.stage}/{number}")
        part = target.select(rows)
        log_w = torch.cat([log_w, again.log_weights(part, proposal.select(rows), key.select(rows))])
        better = policy.pooled.estimate(log_w, key.select(rows))
        estimate = _placed(estimate, better, rows)
        samples = samples.index_fill(0, rows, len(log_w))
        rise = rise.index_copy(0, rows, _rise(log_w))
    return estimate, samples, rise


def _rise(log_w: Tensor) -> Tensor:
    """How much higher the bound is with all draws than with an eighth of them, on average: (S, B) to (B,)."""
    size = max(1, len(log_w) // _PARTS)
    parts = torch.stack([log_mean_exp(part) for part in log_w.split(size) if len(part) == size])
    rise = log_mean_exp(log_w) - parts.mean(0)
    return torch.where(rise.isnan(), torch.inf, rise)


def _annealed(
    target: Target, proposal: Mixture, key: Key, policy: Policy, run: Tensor, insist: Tensor
) -> tuple[Estimate, Estimate]:
    """AIS for the datapoints in ``run``, with further rounds for those in ``insist``, shape (B,); NaN elsewhere.

    Returns:
        The estimate, and the approximate upper bound that the first round's chains give where that round was enough.
    """
    missing = torch.full((target.num_datapoints,), torch.nan, dtype=torch.float64, device=target.device)
    names = ("acceptance", "ess", "nonfinite", "temperatures")
    estimate = upper = Estimate(missing, missing, Bound.LOWER, dict.fromkeys(names, missing))
    upper = replace(upper, bound=Bound.UPPER)
    wanted = run
    for number in range(_ROUNDS + 1):
        if not proposal.can_be_cut():
            wanted = wanted.any().expand_as(wanted)  # all datapoints run, or none
        places = wanted.nonzero()[:, 0]
        if len(places) == 0:
            break
        part, q, part_key = target, proposal, key
        if len(places) < target.num_datapoints:
            part, q, part_key = target.select(places), proposal.select(places), key.select(places)
        ais = _round(policy.ais, number)
        with torch.no_grad():
            plans = ais.plans(part, q, part_key)
            forward = ais.forward(plans)
            estimate = _placed(estimate, ais.estimate(forward, part_key), places)
            if number == 0:
                above = ais.estimate_above(ais.backward(plans, ais.ends(forward, part_key)), part_key)
                upper = _placed(upper, above, places)
            else:  # it belongs to the first round's estimate, which is replaced
                gone = torch.full_like(upper.value[places], torch.nan)
                upper = replace(
                    upper,
                    value=upper.value.index_copy(0, places, gone),
                    std_error=upper.std_error.index_copy(0, places, gone),
                )
        wanted = insist & (estimate.std_error > policy.target_se)
    return estimate, upper


def _round(ais: Ais, number: int) -> Ais:
    """Each round has more temperatures and more chains than the one before, and noise of its own."""
    if number == 0:
        return ais
    times = _MORE**number
    return replace(
        ais,
        num_temperatures=times * ais.num_temperatures,
        num_chains=times * ais.num_chains,
        stage=f"{ais.stage}/{number}",
    )


def _placed(whole: Estimate, part: Estimate, rows: Tensor) -> Estimate:
    """Put the estimates of some datapoints in their places."""

    def put(name: str) -> Tensor:
        return whole.diagnostics[name].double().index_copy(0, rows, part.diagnostics[name].double().to(rows.device))

    return Estimate(
        whole.value.index_copy(0, rows, part.value.double()),
        whole.std_error.index_copy(0, rows, part.std_error.double()),
        whole.bound,
        {name: put(name) for name in whole.diagnostics if name in part.diagnostics},
    )
