"""How unusual a datapoint is to a model: scores, how well they tell two data sets apart, and what that says."""

from gapkit.ood.score import describe, scores, separate
from gapkit.ood.scored import SCORES, Scored

__all__ = ["SCORES", "Scored", "describe", "scores", "separate"]
