"""The map of one datapoint's posterior: densities on a grid over two latents, or over the plane where q is worst."""

from collections.abc import Mapping

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.core.regions import MASS, mass_inside, points_inside
from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.families.gaussian_mixture import GaussianMixture
from gapkit.families.low_rank import LowRankGaussian
from gapkit.families.protocol import Posterior
from gapkit.target import Target

__all__ = ["plane_of", "posterior_map"]

_POINTS = 64  # of the grid, along each axis
_WIDE = 3.2  # standard deviations of q that the grid holds
_MARGIN = 0.04
_KERNELS = 500
_FLAT = 1e-6


def posterior_map(
    target: Target, densities: Mapping[str, Posterior], draws: Tensor, others: Tensor, key: Key
) -> dict[str, np.ndarray]:
    """Log densities on a grid, the true posterior's first.

    With two latents the grid is over these, and the posterior is exact up to the cells of the grid, on which it is
    normalised. With more, it is over a plane, see :func:`plane_of`; the densities are then marginals, and the posterior
    is known by its draws alone.

    Args:
        target: one datapoint, of two or more latents.
        densities: q and fitted ones, each a batch of one; that of the encoder comes first.
        draws: from the posterior, shape (M, D).
        others: further draws, independent of these, from which the plane is chosen: on a plane chosen by the same draws
            they would look farther from q than they are.
        key: of the datapoint.

    Returns:
        ``x`` and ``y``, the axes of the grid, shape (G,) each; ``log_density`` of shape (C, G, G), y before x, NaN for
        a posterior known by draws alone; ``inside``, the share of the true posterior in the region of 95% of each
        density, shape (C,); ``points``, the draws in the plane, shape (M, 2); ``plane``, shape (3, D), an origin and
        two rows a such that z lies at a (z - origin).

    Raises:
        ValueError: all draws are the same, so that there is no plane.
    """
    plane = np.concatenate([np.zeros((1, 2)), np.eye(2)])
    if target.dim > 2:
        q = next(iter(densities.values()))
        loc, scale = (part[0].cpu().double().numpy() for part in (q.loc, q.marginal_scale()))
        plane = plane_of(others.cpu().double().numpy(), loc, scale)
    points = (draws.cpu().double().numpy() - plane[0]) @ plane[1:].T
    clouds = {name: _in_plane(q, plane, target, key) for name, q in densities.items()}
    low = np.minimum(points.min(0), np.min([cloud.mean(0) - _WIDE * cloud.std(0) for cloud in clouds.values()], 0))
    high = np.maximum(points.max(0), np.max([cloud.mean(0) + _WIDE * cloud.std(0) for cloud in clouds.values()], 0))
    pad = _MARGIN * (high - low)
    x, y = (np.linspace(start, end, _POINTS) for start, end in zip(low - pad, high + pad, strict=True))
    grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)  # y before x
    if target.dim == 2:
        latents = torch.as_tensor(grid, dtype=target.dtype, device=target.device).unsqueeze(1)
        log_joint = target.log_joint(latents)[:, 0].double().cpu().numpy()
        maps = [_normalised(log_joint, (x[1] - x[0]) * (y[1] - y[0]))]
    else:
        maps = [np.full(len(grid), np.nan)]
    for name, q in densities.items():
        exact = _log_density(q, plane, grid, target)
        maps.append(exact if exact is not None else stats.gaussian_kde(clouds[name].T).logpdf(grid.T))
    square = np.stack(maps).reshape(len(maps), _POINTS, _POINTS)
    if target.dim == 2:
        inside = [mass_inside(square[0], density, MASS) for density in square]
    else:
        inside = [np.nan, *(points_inside(points, x, y, density, MASS) for density in square[1:])]
    return {
        "x": x.astype(np.float32),
        "y": y.astype(np.float32),
        "log_density": square.astype(np.float32),
        "inside": np.array(inside, np.float32),
        "points": points.astype(np.float32),
        "plane": plane.astype(np.float32),
    }


def plane_of(draws: np.ndarray, loc: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The plane in which the posterior is farthest from q: displaced from its mean, or wider.

    Its axes are the two leading principal ones of the draws in the coordinates (z - loc) / scale, about q's mean. In
    the coordinates of z itself they would be those of the widest latents, which are uninformative where latents have
    collapsed to the prior.

    Args:
        draws: from the posterior, shape (M, D).
        loc: means of q, shape (D,).
        scale: its standard deviations, shape (D,).

    Returns:
        Shape (3, D): the mean of q, and two rows a such that z lies at a (z - mean), in standard deviations of q.

    Raises:
        ValueError: the draws do not span a plane, or q has no width.
    """
    standard = (draws - loc) / scale
    if not np.isfinite(standard).all():  # an infinite number makes some LAPACKs turn forever
        raise ValueError("q has no width in some direction, or draws are not finite")
    _, sizes, axes = np.linalg.svd(standard, full_matrices=False)
    if len(sizes) < 2 or not sizes[1] > _FLAT * sizes[0]:
        raise ValueError("the posterior draws are too few to span a plane")
    leading = axes[:2]
    signs = np.sign(leading[np.arange(2), np.abs(leading).argmax(1)])  # an axis has no direction: choose one
    return np.concatenate([loc[None], leading * signs[:, None] / scale])


def _in_plane(q: Posterior, plane: np.ndarray, target: Target, key: Key) -> np.ndarray:
    """Draws from q, as points of the plane: shape (M, 2)."""
    z, _ = q.draw(key.streams("details/map", target.dtype, target.device), _KERNELS)
    points = (z[:, 0].double().cpu().numpy() - plane[0]) @ plane[1:].T
    points = points[np.isfinite(points).all(1)]
    if len(points) < 3:
        raise ValueError("q has no finite draws")
    return np.asarray(points)


def _log_density(q: Posterior, plane: np.ndarray, grid: np.ndarray, target: Target) -> np.ndarray | None:
    """Log density of q, or of its marginal in the plane, on the grid; None where there is no closed form."""
    if target.dim == 2 and hasattr(q, "log_prob"):
        latents = torch.as_tensor(grid, dtype=target.dtype, device=target.device).unsqueeze(1)
        return np.asarray(q.log_prob(latents)[:, 0].double().cpu().numpy())
    if isinstance(q, GaussianMixture):
        weights = torch.log_softmax(q.log_weights, 1)[0].double().cpu().numpy()
        parts = [_marginal(q.component(k), plane, grid) for k in range(len(weights))]
        return np.asarray(np.logaddexp.reduce([w + part for w, part in zip(weights, parts, strict=True)]))
    if isinstance(q, DiagonalGaussian | FullRankGaussian | LowRankGaussian):
        return _marginal(q, plane, grid)
    return None


def _marginal(
    q: DiagonalGaussian | FullRankGaussian | LowRankGaussian, plane: np.ndarray, grid: np.ndarray
) -> np.ndarray:
    """Log density of a Gaussian's projection on the plane's axes."""
    tensors = {name: tensor[0].double().cpu().numpy() for name, tensor in q.tensors().items()}
    axes = plane[1:]
    covariance = np.zeros((2, 2))
    if "scale" in tensors:
        covariance += (axes * tensors["scale"] ** 2) @ axes.T
    for name in ("scale_tril", "factor"):
        if name in tensors:
            covariance += (axes @ tensors[name]) @ (axes @ tensors[name]).T
    return np.asarray(stats.multivariate_normal((tensors["loc"] - plane[0]) @ axes.T, covariance).logpdf(grid))


def _normalised(log_density: np.ndarray, cell: float) -> np.ndarray:
    """Log density whose sum over the cells of the grid is one; where it is undefined, there is none."""
    log_density = np.where(np.isnan(log_density), -np.inf, log_density)
    top = log_density.max()
    if not np.isfinite(top):
        raise ValueError("the posterior has no density on the grid")
    return np.asarray(log_density - top - np.log(np.exp(log_density - top).sum() * cell))
