"""Figures of how far log p(x) and L[q*] can be trusted: importance weights, AIS from both sides, certificates."""

import numpy as np
from matplotlib.axes import Axes

from gapkit.core.coverage import coverage
from gapkit.plots import ais_convergence, certificate, fit_convergence, reliability, sandwich, simulated, weights
from gapkit.plots.certificate import certified
from gapkit.plots.convergence import watched_ais, watched_fits
from gapkit.plots.khat import KHATS, tails
from gapkit.plots.reliability import FEWEST, standardised
from gapkit.plots.sandwich import bounded
from gapkit.plots.simulated import simulated_rows
from gapkit.report import captions
from gapkit.report.figures.drawing import Drawing
from gapkit.results import Result
from gapkit.results.records import known

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
        f"Bounds by AIS on {len(rows)} datapoints, in nats above the reported {result.ladder.top.label}: the lower one "
        f"from {lower.min():.3f} to {lower.max():.3f}{above}.{rate}"
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


def _simulated(result: Result, split: str) -> Axes:
    return simulated(result)


def _has_simulated(result: Result, split: str) -> bool:
    """Beside the first split, because the simulated datapoints belong to none."""
    return split == next(iter(result.summary_values.splits)) and not simulated_rows(result).empty


def _describe_simulated(result: Result, split: str) -> str:
    rows, found = simulated_rows(result), known(result.summary_values.certificate)
    assert found  # whose rows these are
    below = int((rows["gap"] < -2.0 * rows["gap_se"]).sum())
    return (
        f"Upper minus lower bound on {result.ladder.top.label} of {len(rows)} datapoints simulated from the model: "
        f"{found.gap.mean:.3f} nats on average, from {rows['gap'].min():.3f} to {rows['gap'].max():.3f}; "
        f"{below} are below zero by more than two standard errors."
    )


def _describe_ais_convergence(result: Result, split: str) -> str:
    found = watched_ais(result, split)
    assert found  # a picture without it is not asked for
    points = "; ".join(f"{point.temperatures} temperatures, {point.lower.mean:+.3f}" for point in found.curve)
    top = result.ladder.top.label
    return f"Mean AIS estimates in nats above the reported {top}, by the number of temperatures: {points}."


def _describe_fit_convergence(result: Result, split: str) -> str:
    found = watched_fits(result, split)
    assert found  # as above
    points = "; ".join(f"{point.steps} steps, {point.left.mean:.3f}" for point in found.curve)
    best = (result.ladder.fitted or result.ladder.top).label
    return f"Mean nats left to the reported {best}, by the number of steps of the fit: {points}."


def _has_reliability(result: Result, split: str) -> bool:
    return len(standardised(result, split)) >= FEWEST


def _describe_reliability(result: Result, split: str) -> str:
    found = coverage(standardised(result, split))
    shares = ", ".join(f"{found.at(level)[0]:.0%} of those of {level:.0%}" for level in (0.5, 0.8, 0.95))
    return (
        f"Shares of the intervals of the difference between two estimates of log p(x), on {found.count:,} datapoints, "
        f"that hold zero: {shares}."
    )


EVIDENCE = (
    Drawing("weights", "trust", weights, captions.WEIGHTS, _describe_weights, applies=_has_weights),
    Drawing("sandwich", "trust", sandwich, captions.SANDWICH, _describe_sandwich, applies=_has_chains),
    Drawing(
        "reliability",
        "trust",
        reliability,
        captions.RELIABILITY,
        _describe_reliability,
        applies=_has_reliability,
    ),
    Drawing("simulated", "trust", _simulated, captions.SIMULATED, _describe_simulated, applies=_has_simulated),
    Drawing(
        "ais-convergence",
        "trust",
        ais_convergence,
        captions.AIS_CONVERGENCE,
        _describe_ais_convergence,
        applies=lambda result, split: watched_ais(result, split) is not None,
    ),
    Drawing(
        "certificate",
        "trust",
        certificate,
        captions.CERTIFICATE,
        _describe_certificate,
        applies=_has_certificates,
    ),
    Drawing(
        "fit-convergence",
        "trust",
        fit_convergence,
        captions.FIT_CONVERGENCE,
        _describe_fit_convergence,
        applies=lambda result, split: watched_fits(result, split) is not None,
    ),
)
