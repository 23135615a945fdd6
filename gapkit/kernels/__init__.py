"""Markov kernels and annealing paths."""

from gapkit.kernels.hmc import transition
from gapkit.kernels.path import GeometricPath, State
from gapkit.kernels.schedules import SCHEDULES, temperatures

__all__ = ["SCHEDULES", "GeometricPath", "State", "temperatures", "transition"]
