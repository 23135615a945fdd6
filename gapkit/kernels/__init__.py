"""Markov kernels and annealing paths."""

from gapkit.kernels.annealing import Annealing, Run
from gapkit.kernels.hmc import transition
from gapkit.kernels.noise import MoveNoise
from gapkit.kernels.path import GeometricPath, State
from gapkit.kernels.pilot import Curve, Tuning, conditional_ess, learn_curve, learn_steps
from gapkit.kernels.sampling import sample_posterior
from gapkit.kernels.schedules import SCHEDULES, temperatures

__all__ = [
    "SCHEDULES",
    "Annealing",
    "Curve",
    "GeometricPath",
    "MoveNoise",
    "Run",
    "State",
    "Tuning",
    "conditional_ess",
    "learn_curve",
    "learn_steps",
    "sample_posterior",
    "temperatures",
    "transition",
]
