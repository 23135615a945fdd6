"""Distributions with known mean and spread that intervals of a mean are tried on."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["KINDS", "Kind"]

_EASY, _HARD_SHARE, _HARD_MEAN, _HARD_SIGMA = 2, 0.1, 7.0, 0.8
_OTHER, _OWN_SIGMA = 0.8, 0.3


@dataclass(frozen=True)
class Kind:
    """A distribution.

    Attributes:
        name: in the tables.
        mean: of the distribution.
        spread: its standard deviation.
        draw: from a generator and a shape to values.
    """

    name: str
    mean: float
    spread: float
    draw: Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def _mostly_zero(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.standard_exponential(shape) * (rng.random(shape) < 0.1)


def _gaps(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Amortization gaps as they are met: one datapoint in 10 is hard, and the hard ones hold 44% of the gap."""
    easy = rng.standard_gamma(_EASY, shape) / _EASY
    hard = _HARD_MEAN * np.exp(_HARD_SIGMA * rng.standard_normal(shape) - 0.5 * _HARD_SIGMA**2)
    return np.where(rng.random(shape) < _HARD_SHARE, hard, easy)


def _differences(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Paired differences of two log-normal quantities, one 0.8 times the other but for a part of their own."""
    common = np.exp(rng.standard_normal(shape))
    one, other = (np.exp(_OWN_SIGMA * rng.standard_normal(shape)) for _ in range(2))
    return common * (one - _OTHER * other)


_GAPS_MEAN = 1 - _HARD_SHARE + _HARD_SHARE * _HARD_MEAN
_GAPS_SQUARE = (1 - _HARD_SHARE) * (1 + 1 / _EASY) + _HARD_SHARE * _HARD_MEAN**2 * math.exp(_HARD_SIGMA**2)
_OWN = _OWN_SIGMA**2
_PAIR_MEAN = (1 - _OTHER) * math.exp(0.5 + 0.5 * _OWN)
_PAIR_SQUARE = math.exp(2.0) * ((1 + _OTHER**2) * math.exp(2 * _OWN) - 2 * _OTHER * math.exp(_OWN))

KINDS = (
    Kind("normal", 0.0, 1.0, lambda rng, shape: rng.standard_normal(shape)),
    Kind("exponential", 1.0, 1.0, lambda rng, shape: rng.standard_exponential(shape)),
    Kind(
        "log-normal, sigma 1",
        math.exp(0.5),
        math.sqrt(math.e * (math.e - 1)),
        lambda rng, shape: np.exp(rng.standard_normal(shape)),
    ),
    Kind("9 in 10 zero, else exponential", 0.1, math.sqrt(0.2 - 0.01), _mostly_zero),
    Kind("gaps, 1 in 10 hard", _GAPS_MEAN, math.sqrt(_GAPS_SQUARE - _GAPS_MEAN**2), _gaps),
    Kind("paired differences", _PAIR_MEAN, math.sqrt(_PAIR_SQUARE - _PAIR_MEAN**2), _differences),
)
