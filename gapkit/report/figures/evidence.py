"""Figures of how far log p(x) and L[q*] can be trusted: importance weights, AIS from both sides, certificates."""

import numpy as np

from gapkit.plots import certificate, sandwich, weights
from gapkit.plots.certificate import certified
from gapkit.plots.khat import KHATS, tails
from gapkit.plots.sandwich import bounded
from gapkit.report.figures.drawing import Drawing
from gapkit.report.wording import CERTIFICATE_CAPTION, SANDWICH_CAPTION, WEIGHTS_CAPTION
from gapkit.results import Result

__all__ = ["EVIDENCE"]


def _has_weights(result: Result, split: str) -> bool:
    return any(tails(result, name, split).known.any() for name in KHATS)


def _describe_weights(result: Result, split: str) -> str:
    words = []
    for name, text in KHATS.items():
        kind = tails(result, name, split)
        if kind.known.any():
            words.append(f"{text}, on {int(kind.trusted.sum())} of {len(kind.khat)} datapoints")
    return (
        f"Pareto k-hats of the importance weights. An estimate from them, in nats, can be trusted: {'; '.join(words)}."
    )


def _has_chains(result: Result, split: str) -> bool:
    return len(bounded(result, split)) > 0


def _describe_sandwich(result: Result, split: str) -> str:
    rows = bounded(result, split)
    lower, upper = rows["lower"], rows["upper"][np.isfinite(rows["upper"])]
    above = f", the approximate upper bound from {upper.min():.3f} to {upper.max():.3f}" if len(upper) else ""
    accepted = rows["acceptance"].median()
    rate = f" The median acceptance rate of the chains is {accepted:.2f}." if np.isfinite(accepted) else ""
    return (
        f"Bounds by AIS on {len(rows)} datapoints, in nats above the reported log p(x): the lower one from "
        f"{lower.min():.3f} to {lower.max():.3f}{above}.{rate}"
    )


def _has_certificates(result: Result, split: str) -> bool:
    return "fit" in result.datapoints and len(certified(result, split)) > 0


def _describe_certificate(result: Result, split: str) -> str:
    rows = certified(result, split)
    return (
        f"What each of {len(rows)} local fits may still gain, in nats: from {rows['left'].min():.3f} to "
        f"{rows['left'].max():.3f}, median {rows['left'].median():.3f}; "
        f"{int((rows['fit'] == 'converged').sum())} fits converged."
    )


EVIDENCE = (
    Drawing("weights", "trust", weights, WEIGHTS_CAPTION, _describe_weights, applies=_has_weights),
    Drawing("sandwich", "trust", sandwich, SANDWICH_CAPTION, _describe_sandwich, applies=_has_chains),
    Drawing("certificate", "trust", certificate, CERTIFICATE_CAPTION, _describe_certificate, applies=_has_certificates),
)
