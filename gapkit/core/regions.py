"""Regions of a density that is known on a grid: the smallest one that holds a share of it, and what lies inside."""

import numpy as np

__all__ = ["MASS", "level_of", "mass_inside", "points_inside"]

MASS = 0.95  # of the larger region that maps show


def level_of(log_density: np.ndarray, mass: float) -> float:
    """The log density above which lies this share of what a grid of even cells holds.

    Args:
        log_density: any shape; what is not finite holds nothing.
        mass: between 0 and 1.

    Example:
        >>> round(level_of(np.log(np.array([[0.6, 0.3], [0.1, 1e-9]])), 0.5), 3)
        -0.511
    """
    values = np.sort(log_density[np.isfinite(log_density)], axis=None)[::-1].astype(float)
    share = np.cumsum(np.exp(values - values[0]))
    return float(values[np.searchsorted(share, mass * share[-1])])


def mass_inside(log_density: np.ndarray, other: np.ndarray, mass: float) -> float:
    """Share of a density that lies in the region holding ``mass`` of another one on the same grid.

    Example:
        >>> grid = np.log(np.array([0.25, 0.25, 0.25, 0.25]))
        >>> round(mass_inside(grid, np.log(np.array([0.6, 0.3, 0.1, 1e-9])), 0.8), 3)
        0.5
    """
    known = np.isfinite(log_density)
    weights = np.where(known, np.exp(log_density - log_density[known].max()), 0.0)
    return float(weights[other >= level_of(other, mass)].sum() / weights.sum())


def points_inside(points: np.ndarray, x: np.ndarray, y: np.ndarray, log_density: np.ndarray, mass: float) -> float:
    """Share of points that lie in the region holding ``mass`` of a density, by their nearest places on the grid.

    Args:
        points: shape (M, 2).
        x: first axis of the grid, evenly spaced, shape (G,).
        y: second axis, shape (H,).
        log_density: shape (H, G).
        mass: between 0 and 1.

    Example:
        >>> density = np.log(np.array([[0.7, 0.1], [0.1, 0.1]]))
        >>> points_inside(np.array([[0.1, 0.2], [0.9, 1.0]]), np.arange(2.0), np.arange(2.0), density, 0.5)
        0.5
    """
    columns, rows = (
        np.clip(np.rint((part - axis[0]) / (axis[1] - axis[0])).astype(int), 0, len(axis) - 1)
        for part, axis in ((points[:, 0], x), (points[:, 1], y))
    )
    return float((log_density[rows, columns] >= level_of(log_density, mass)).mean())
