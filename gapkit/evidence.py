"""The top rung of the ladder: one estimate of log p(x) per datapoint, chosen by diagnostics and never by its value.

The maximum of several noisy lower bounds is biased upward. So importance sampling from the pooled proposals is taken
where its Pareto k-hat says that the weights can be trusted, and AIS from the same proposals elsewhere. One exception is
a test, not a choice by value: AIS that lies above the pooled estimate by more than four standard errors and half a nat
has seen a part of the posterior that all proposals missed; it is taken and the datapoint flagged.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.estimators import Ais, Bound, Estimate, Iwae
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture, TransformedGaussian
from gapkit.models.target import Target
from gapkit.numerics import good_k
from gapkit.randomness import Key

__all__ = ["SOURCES", "Evidence", "defended", "estimate_evidence"]

SOURCES = ("mixture", "ais")
_SIGMAS, _NATS = 4.0, 0.5
_DEFENSIVE = 0.15


@dataclass(frozen=True)
class Evidence:
    """Estimates of log p(x) for a batch.

    Attributes:
        log_px: the chosen estimate.
        source: index into ``SOURCES``, shape (B,).
        mixture: importance sampling from the pooled proposals.
        ais: annealed importance sampling; NaN where it was not run.
        disagree: AIS found clearly more than the proposals cover, shape (B,).
        weak: neither estimate can be trusted by its own diagnostics, shape (B,).
    """

    log_px: Estimate
    source: Tensor
    mixture: Estimate
    ais: Estimate
    disagree: Tensor
    weak: Tensor


def estimate_evidence(
    target: Target, proposal: Mixture, key: Key, pooled: Iwae, ais: Ais, *, ais_everywhere: bool
) -> Evidence:
    """Estimate log p(x) from a mixture of proposals.

    Args:
        target: the batch, B datapoints.
        proposal: the modes found and the encoder's q.
        key: seed and datapoint indices.
        pooled: importance sampling from the mixture.
        ais: annealed importance sampling from the mixture.
        ais_everywhere: run AIS for all datapoints, else only where k-hat is bad.
    """
    mixture = pooled(target, target.x, defended(proposal), key)
    healthy = mixture.diagnostics["khat"].to(target.device) < good_k(pooled.num_samples)
    healthy &= mixture.value.isfinite()
    whole = ais_everywhere or any(isinstance(part, TransformedGaussian) for part in proposal.components)
    rows = torch.arange(target.num_datapoints, device=target.device)
    annealed = _run(target, proposal, key, ais, rows if whole else rows[~healthy])
    margin = _SIGMAS * (annealed.std_error.square() + mixture.std_error.square()).sqrt()
    disagree = annealed.value - mixture.value > margin.clamp(min=_NATS)
    disagree &= healthy
    use_ais = (~healthy | disagree) & annealed.value.isfinite()
    chosen = Estimate(
        torch.where(use_ais, annealed.value, mixture.value),
        torch.where(use_ais, annealed.std_error, mixture.std_error),
        Bound.LOWER,
    )
    few_chains = annealed.diagnostics["ess"] < min(4.0, 0.25 * ais.num_chains)
    return Evidence(chosen, use_ais.long(), mixture, annealed, disagree, ~healthy & (few_chains | ~use_ais))


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


def _run(target: Target, proposal: Mixture, key: Key, ais: Ais, rows: Tensor) -> Estimate:
    """Run AIS for some rows of the batch; NaN elsewhere."""
    empty = torch.full((target.num_datapoints,), torch.nan, dtype=torch.float64, device=target.device)
    if len(rows) == 0:
        return Estimate(empty, empty, Bound.LOWER, {"acceptance": empty, "ess": empty, "nonfinite": empty})
    if len(rows) < target.num_datapoints:
        part = ais(target.select(rows), target.x[rows], proposal.select(rows), key.select(rows))
    else:
        part = ais(target, target.x, proposal, key)

    def spread(values: Tensor) -> Tensor:
        return empty.index_copy(0, rows, values.double())

    diagnostics = {name: spread(values) for name, values in part.diagnostics.items()}
    return Estimate(spread(part.value), spread(part.std_error), Bound.LOWER, diagnostics)
