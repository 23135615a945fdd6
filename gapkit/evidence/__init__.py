"""The top rung of the ladder: one estimate of log p(x) per datapoint, and as much work for each as it needs."""

from gapkit.evidence.defence import defended
from gapkit.evidence.estimate import estimate_evidence
from gapkit.evidence.outcome import REASONS, SOURCES, Evidence
from gapkit.evidence.places import BEYOND, with_places
from gapkit.evidence.policy import METHODS, Policy

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
