"""Models whose posterior is Gaussian: everything about them exactly, by linear algebra on a sparse precision.

    log p(theta, z, x) = log p(mu, x) - (v - mu)' P (v - mu) / 2,   v = (theta, z_1, ..., z_N)

The gradient of such a density is affine, so that differences of gradients are columns of P; columns whose latents meet
in no term are found together (graph colouring: Curtis, Powell, Reid, "On the estimation of sparse Jacobian matrices",
1974). The best factorised Gaussian has the posterior's means and the variances 1 / P_ii, and is
(sum_i log P_ii - log det P) / 2 below log p(x) (Margossian, Saul, "The shrinkage-delinkage trade-off", 2023).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csc_matrix, diags
from scipy.sparse.linalg import splu
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.joint.model import Factors, HierarchicalModel

__all__ = ["GaussianPosterior", "gradient", "posterior_of"]

_AGREE = 1e-7  # of the gradient's size: how well an affine function has to foretell it
_DENSE = 4000  # latents that all meet each other, at most


def gradient(model: HierarchicalModel, flat: Tensor, x: Tensor) -> Tensor:
    """Gradients of log p(theta, z, x) at S points, shape (S, G + N D): all in one call, as no draw touches another."""
    flat = flat.detach().requires_grad_()
    theta, z = flat[:, : model.global_size], flat[:, model.global_size :]
    with torch.enable_grad():
        value = model.log_joint(theta, z.reshape(len(flat), len(x), model.local_size), x).sum()
        (found,) = torch.autograd.grad(value, flat)
    return found.detach()


@dataclass(frozen=True)
class GaussianPosterior:
    """The exact posterior of theta and all z_n.

    Attributes:
        precision: P, sparse, (T, T) with T = G + N D and theta first.
        mean: mu, shape (T,).
        log_evidence: log p(x), in nats; with a flat prior on theta the log of the integral.
        log_det: log det P.
        shape: (G, N, D).
    """

    precision: csc_matrix
    mean: np.ndarray
    log_evidence: float
    log_det: float
    shape: tuple[int, int, int]

    @property
    def diagonal(self) -> np.ndarray:
        """Of P, shape (T,)."""
        found: np.ndarray = self.precision.diagonal()
        return found

    @property
    def approximation_gap(self) -> float:
        """Log p(x) minus the ELBO of the best factorised Gaussian, in nats."""
        return 0.5 * (float(np.log(self.diagonal).sum()) - self.log_det)

    def factors(self) -> Factors:
        """The best factorised Gaussian: F-VI's optimum."""
        return self.as_factors(self.mean, -0.5 * np.log(self.diagonal))

    def as_factors(self, mean: np.ndarray, log_sd: np.ndarray) -> Factors:
        """Means and log standard deviations, shape (T,) each, as factors."""
        size, count, each = self.shape
        m, s = torch.from_numpy(np.ascontiguousarray(mean)), torch.from_numpy(np.ascontiguousarray(log_sd))
        return Factors(m[:size], s[:size], m[size:].reshape(count, each), s[size:].reshape(count, each))

    def elbo(self, q: Factors) -> float:
        """Log p(x) - KL(q || posterior) of any factorised Gaussian, in nats."""
        mean, log_sd = (part.detach().numpy() for part in q.flat())
        apart, scaled = mean - self.mean, self.diagonal * np.exp(2 * log_sd)
        divergence = 0.5 * (
            apart @ (self.precision @ apart) + float(np.sum(scaled - 1 - np.log(scaled))) + 2 * self.approximation_gap
        )
        return self.log_evidence - float(divergence)

    def sweep(self, q: Factors) -> Factors:
        """One sweep of coordinate ascent: each factor in turn proportional to exp E log p of all others.

        Source: Blei, Kucukelbir, McAuliffe, "Variational Inference: A Review for Statisticians" (2017), equation 17.
        """
        mean = q.flat()[0].detach().numpy().copy()
        rows = self.precision.tocsr()
        for place, own in enumerate(self.diagonal):
            start, end = rows.indptr[place], rows.indptr[place + 1]
            columns, values = rows.indices[start:end], rows.data[start:end]
            others = values @ (mean[columns] - self.mean[columns]) - own * (mean[place] - self.mean[place])
            mean[place] = self.mean[place] - others / own
        return self.as_factors(mean, -0.5 * np.log(self.diagonal))

    def best_linear(self, features: np.ndarray, rows: np.ndarray) -> Factors:
        """The best factors whose means are linear in features and whose variance is one for all rows.

        Theta, and rows that are not named, have factors of their own. This is A-VI's optimum over linear inference
        functions; columns of one alone make it the constant factor.

        Args:
            features: one row for each of ``rows``, shape (M, F).
            rows: which datapoints the function serves, shape (M,).

        Returns:
            The optimum, (m - mu)' P (m - mu) smallest: an ordinary least-squares problem in the precision.
        """
        size, count, each = self.shape
        total, width = size + count * each, features.shape[1]
        own = np.ones(total, bool)
        served = size + rows[:, None] * each + np.arange(each)
        own[served.ravel()] = False
        free = np.flatnonzero(own)
        blocks = csc_matrix((np.ones(len(free)), (free, np.arange(len(free)))), (total, len(free) + width * each))
        for place in range(each):
            at = len(free) + place * width
            index = np.repeat(served[:, place], width), np.tile(np.arange(at, at + width), len(rows))
            blocks += csc_matrix((features.ravel(), index), blocks.shape)
        normal = (blocks.T @ self.precision @ blocks).toarray()
        weights = np.linalg.lstsq(normal, blocks.T @ (self.precision @ self.mean), rcond=1e-12)[0]
        variance = 1 / self.diagonal
        for place in range(each):
            variance[served[:, place]] = 1 / self.diagonal[served[:, place]].mean()
        return self.as_factors(np.asarray(blocks @ weights), 0.5 * np.log(variance))


def posterior_of(model: HierarchicalModel, x: Tensor, reach: int | None) -> GaussianPosterior | None:
    """The exact posterior where log p(theta, z, x) is quadratic in (theta, z); None where it is not.

    Args:
        model: any.
        x: shape (N, ...), float64.
        reach: how far apart z_n and z_m may be and still meet in a term; None for any distance.

    Raises:
        InputError: the quadratic form has no maximum, or all of too many latents meet.
    """
    size, count, each = model.global_size, len(x), model.local_size
    total = size + count * each
    start = torch.zeros(1, total, dtype=x.dtype)
    stream = torch.Generator().manual_seed(0)
    probes = torch.randn(3, total, dtype=x.dtype, generator=stream)
    line = gradient(model, torch.cat([start, probes[:1], 2 * probes[:1]]), x)
    # On a line, an affine gradient is at twice the distance what it is foretold to be: a look that costs nothing.
    if not _agree(line[2] - line[0], 2 * (line[1] - line[0])):
        return None
    precision = _precision(model, x, reach, line[0])
    if precision is None or not _agree(gradient(model, probes[1:2], x)[0] - line[0], _times(precision, probes[1])):
        return None
    try:
        factor = splu(precision, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        pivots = factor.U.diagonal()
        proper = bool((pivots > 0).all() and (precision.diagonal() > 0).all())
    except RuntimeError:  # exactly singular
        proper = False
    if not proper:
        found = "a quadratic log density without a maximum"
        raise InputError("a proper posterior", found, "give theta a prior, or check the signs in log_local")
    mean = factor.solve(line[0].numpy())
    mean += factor.solve(line[0].numpy() - precision @ mean)  # one step of refinement: all digits
    point = torch.from_numpy(mean)[None]
    at_mean = float(model.log_joint(point[:, :size], point[:, size:].reshape(1, count, each), x)[0])
    log_det = float(np.log(pivots).sum())
    log_evidence = at_mean + 0.5 * (total * math.log(2 * math.pi) - log_det)
    return GaussianPosterior(precision, mean, log_evidence, log_det, (size, count, each))


def _precision(model: HierarchicalModel, x: Tensor, reach: int | None, at_zero: Tensor) -> csc_matrix | None:
    size, count, each = model.global_size, len(x), model.local_size
    total = size + count * each
    step = count if reach is None else min(count, 2 * reach + 1)
    if step * each > _DENSE:
        found = f"{count:,} local latents that all meet each other"
        raise InputError("an exact posterior", found, f"give a model of at most {_DENSE:,} such latents")
    colours = [[place] for place in range(size)]
    colours += [[*range(size + n * each + d, total, step * each)] for n in range(step) for d in range(each)]
    rows, columns, values = [], [], []
    for chosen in colours:
        probe = torch.zeros(1, total, dtype=x.dtype)
        probe[0, chosen] = 1.0
        column = -(gradient(model, probe, x)[0] - at_zero).numpy()
        if not np.isfinite(column).all():
            return None
        where = np.flatnonzero(column)
        if chosen[0] < size:
            source = np.full(len(where), chosen[0])
        else:  # the one of the colour that is within reach of the row
            first, last = (chosen[0] - size) // each, len(chosen) - 1
            nearest = np.clip(np.round(((where - size) // each - first) / step), 0, last).astype(int)
            source, inside = np.array(chosen)[nearest], where >= size
            where, source = where[inside], source[inside]  # rows of theta come from its own columns
        rows.append(where)
        columns.append(source)
        values.append(column[where])
    lower = csc_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (total, total))
    if size:
        coupling = lower[size:, :size]
        lower = lower.tolil()
        lower[:size, size:] = coupling.T
        lower = lower.tocsc()
    found = ((lower + lower.T) / 2).tocsc()
    smallest = 1e-14 * np.abs(found.data).max(initial=0.0)  # what rounding leaves where there is nothing
    found.data[np.abs(found.data) < smallest] = 0.0
    found.eliminate_zeros()
    return (found + diags(np.zeros(total))).tocsc()


def _times(precision: csc_matrix, point: Tensor) -> Tensor:
    return -torch.from_numpy(precision @ point.numpy())


def _agree(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= _AGREE * (1e-12 + other.abs().max()))
