"""How unusual a datapoint is to a model: scores, how well they tell two data sets apart, and what that says."""

from gapkit.ood.score import Scored, scores, separate

__all__ = ["Scored", "scores", "separate"]
