"""A Gaussian process seen with noise: all z_n meet each other."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from gapkit.core.errors import InputError
from gapkit.joint.model import HierarchicalModel

__all__ = ["GaussianProcess"]

_KERNELS = {
    "ou": lambda far: np.exp(-far),
    "matern32": lambda far: (1 + math.sqrt(3) * far) * np.exp(-math.sqrt(3) * far),
    "matern52": lambda far: (1 + math.sqrt(5) * far + 5 * far**2 / 3) * np.exp(-math.sqrt(5) * far),
}


class GaussianProcess(HierarchicalModel):
    """z ~ GP(0, k) at given places, x_n ~ N(z_n, noise). There is no theta.

    Args:
        places: where x is seen, shape (N,).
        kernel: ``ou`` (Ornstein-Uhlenbeck), ``matern32`` or ``matern52``, of variance 1.
        length: its length scale.
        noise: the variance of the noise.

    Raises:
        InputError: an unknown kernel.

    Source: Rasmussen, Williams, "Gaussian Processes for Machine Learning" (2006), sections 2.2 and 4.2.
    """

    def __init__(self, places: np.ndarray, kernel: str = "ou", length: float = 0.2, noise: float = 0.1) -> None:
        if kernel not in _KERNELS:
            raise InputError(f"a kernel {kernel!r}", "no such kernel", f"use one of {', '.join(sorted(_KERNELS))}")
        places = np.asarray(places, float)
        covariance = _KERNELS[kernel](np.abs(places[:, None] - places) / length)
        self.size, self.noise = len(places), noise
        self.covariance = covariance
        self._root = torch.from_numpy(np.linalg.cholesky(covariance))

    def log_local(self, theta: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """Shape (S, N): the prior term of a datapoint is that given all before it."""
        z = z[..., 0]
        white = torch.linalg.solve_triangular(self._root, z.T, upper=False).T
        before = Normal(0.0, 1.0).log_prob(white) - self._root.diagonal().log()
        return before + Normal(z, math.sqrt(self.noise)).log_prob(x[:, 0])

    def simulate(self, seed: int) -> Tensor:
        """Data of shape (N, 1)."""
        stream = torch.Generator().manual_seed(seed)
        white, noise = torch.randn(2, len(self._root), 1, dtype=torch.float64, generator=stream)
        return self._root @ white + math.sqrt(self.noise) * noise
