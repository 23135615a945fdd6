"""Inverse temperatures of an annealing run: from 0 (the start) to 1 (the posterior)."""

import torch
from torch import Tensor

from gapkit.core.errors import InputError

__all__ = ["SCHEDULES", "linear", "sigmoid", "temperatures"]


def linear(num_temperatures: int) -> Tensor:
    """Equal steps: shape (T + 1,), the first 0 and the last 1."""
    return torch.linspace(0.0, 1.0, num_temperatures + 1, dtype=torch.float64)


def sigmoid(num_temperatures: int, *, delta: float = 4.0) -> Tensor:
    """Steps that are small at both ends: a logistic curve over [-delta, delta], rescaled to [0, 1].

    Source: Wu, Burda, Salakhutdinov, Grosse, "On the Quantitative Analysis of Decoder-Based Generative Models" (2017),
    https://arxiv.org/abs/1611.04273, section 4.
    """
    raw = torch.sigmoid(torch.linspace(-delta, delta, num_temperatures + 1, dtype=torch.float64))
    return (raw - raw[0]) / (raw[-1] - raw[0])


# ``adaptive`` is no formula: a pilot places each datapoint's temperatures.
SCHEDULES = {"linear": linear, "sigmoid": sigmoid}


def temperatures(schedule: str, num_temperatures: int) -> Tensor:
    """Look a schedule up by name.

    Raises:
        InputError: no such schedule, or fewer than one temperature.

    Example:
        >>> temperatures("linear", 2)
        tensor([0.0000, 0.5000, 1.0000], dtype=torch.float64)
    """
    if schedule not in SCHEDULES:
        raise InputError(
            f"schedule {schedule!r}", "no such schedule", f"use one of adaptive, {', '.join(sorted(SCHEDULES))}"
        )
    if num_temperatures < 1:
        raise InputError(f"{num_temperatures} temperatures", "AIS needs at least 1", "ask for 1 (no move) or more")
    return SCHEDULES[schedule](num_temperatures)
