"""What an analysis says, from its summary alone: a decision, and sentences made from it."""

from gapkit.verdict.certificate import certificate_sentence
from gapkit.verdict.conditions import Missing
from gapkit.verdict.decision import CONDITIONAL, Decision, decide
from gapkit.verdict.sentences import trust, verdict
from gapkit.verdict.words import MINUS, number, plus_minus, stated_error

__all__ = [
    "CONDITIONAL",
    "MINUS",
    "Decision",
    "Missing",
    "certificate_sentence",
    "decide",
    "number",
    "plus_minus",
    "stated_error",
    "trust",
    "verdict",
]
