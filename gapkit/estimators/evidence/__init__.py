"""The top rung of the ladder: one estimate of log p(x) per datapoint, and as much work for each as it needs."""

from gapkit.estimators.evidence.defence import defended
from gapkit.estimators.evidence.estimate import estimate_evidence
from gapkit.estimators.evidence.outcome import REASONS, SOURCES, Evidence
from gapkit.estimators.evidence.places import BEYOND, with_places
from gapkit.estimators.evidence.policy import METHODS, Policy

__all__ = [
    "BEYOND",
    "METHODS",
    "REASONS",
    "SOURCES",
    "Evidence",
    "Policy",
    "defended",
    "estimate_evidence",
    "with_places",
]
