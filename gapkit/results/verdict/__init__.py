"""What an analysis says, from its summary alone: a decision, and sentences made from it."""

from gapkit.results.verdict.certificate import certificate_sentence
from gapkit.results.verdict.conditions import Missing
from gapkit.results.verdict.decision import CONDITIONAL, Decision, decide
from gapkit.results.verdict.health import Check, health
from gapkit.results.verdict.sentences import Diagnosis, diagnose, trust, verdict
from gapkit.results.verdict.words import MINUS, number, plus_minus, with_error

__all__ = [
    "CONDITIONAL",
    "MINUS",
    "Check",
    "Decision",
    "Diagnosis",
    "Missing",
    "certificate_sentence",
    "decide",
    "diagnose",
    "health",
    "number",
    "plus_minus",
    "trust",
    "verdict",
    "with_error",
]
