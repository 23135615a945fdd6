"""What the estimation of log p(x) gives, and how the outcomes of some datapoints are put in their places."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from gapkit.estimators import Estimate
from gapkit.families import Mixture

__all__ = ["REASONS", "SOURCES", "Evidence", "placed"]

SOURCES = ("mixture", "ais")
# Why AIS was run for a datapoint; the first that holds counts.
REASONS = ("", "forced", "khat", "rising", "error", "control")


@dataclass(frozen=True)
class Evidence:
    """Estimates of log p(x) for a batch.

    Attributes:
        log_px: the chosen estimate; its error holds what the estimator's own bias may be, beside its noise.
        source: index into ``SOURCES``, shape (B,).
        reason: why AIS was run, index into ``REASONS``, shape (B,).
        mixture: importance sampling from ``proposal``.
        samples: draws it had, shape (B,).
        ais: annealed importance sampling; NaN where it was not run.
        upper: an approximate upper bound: reverse AIS from where the chains of AIS ended, in the same round; NaN where
            AIS was not run.
        disagree: AIS found clearly more than the proposals cover, shape (B,).
        weak: neither estimate can be trusted by its own diagnostics, shape (B,).
        proposal: what importance sampling drew from in the end: the fitted modes, the encoder's q, a wider copy, and
            what refinement added. A posterior draw z is covered where log p(x, z) - log p(x) - log q(z) is not large.
        refined: whether the mixture was adapted to its importance weights, shape (B,).
        risen: by how much that raised importance sampling's estimate, shape (B,), in nats; 0 without.
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
    proposal: Mixture
    refined: Tensor
    risen: Tensor


def placed(whole: Estimate, part: Estimate, rows: Tensor) -> Estimate:
    """Put the estimates of some datapoints, rows of shape (P,), in their places."""

    def put(into: Tensor, values: Tensor) -> Tensor:
        return into.double().index_copy(0, rows, values.double().to(rows.device))

    diagnostics: Mapping[str, Tensor] = {
        name: put(values, part.diagnostics[name])
        for name, values in whole.diagnostics.items()
        if name in part.diagnostics
    }
    return Estimate(put(whole.value, part.value), put(whole.std_error, part.std_error), whole.bound, diagnostics)
