"""Markov kernels and annealing paths."""

from gapkit.kernels.annealing import Annealing
from gapkit.kernels.hmc import transition
from gapkit.kernels.path import GeometricPath, State
from gapkit.kernels.schedules import SCHEDULES, temperatures

__all__ = ["SCHEDULES", "Annealing", "GeometricPath", "State", "temperatures", "transition"]
