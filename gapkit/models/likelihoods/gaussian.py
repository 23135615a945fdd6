"""The Gaussian likelihood: fixed, shared or per-value scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch import distributions as td
from torch.distributions import Independent, constraints

from gapkit.core.errors import InputError
from gapkit.models.likelihoods.protocol import Params
from gapkit.models.likelihoods.reading import (
    SPREADS,
    check_axis,
    check_output,
    choose,
    doubled,
    independent,
    one_tensor,
    positive,
    required,
    scale_of,
    two_tensors,
)
from gapkit.models.support import check_values

__all__ = ["Gaussian"]


@dataclass(frozen=True)
class Gaussian:
    """Real values with independent Gaussian noise: x ~ N(mean(z), scale^2).

    Three kinds of scale: ``sigma`` fixed; ``scale="global"``, a shared log scale held by the model;
    ``scale="pixel"``, where the decoder returns the mean and a spread for every value (the log *variance*, unless
    ``output`` says otherwise), as a pair or as one tensor.

    Args:
        sigma: the fixed scale, in data units.
        scale: "fixed", "global" or "pixel"; "fixed" is implied by sigma.
        chunk_dim: for "pixel", axis of a single output tensor (batch axis included) that holds mean, then spread.
        output: for "pixel", what the spread is: "logvar", "std", "logstd" or "var"; None says nothing and is read as
            "logvar".

    Raises:
        InputError: if neither or both kinds of scale are given, or sigma is not positive.

    Example:
        >>> import torch
        >>> Gaussian(sigma=1.0)(torch.zeros(1, 2)).log_prob(torch.zeros(1, 2))
        tensor([-1.8379])
    """

    sigma: float | None = None
    scale: str | None = None
    chunk_dim: int = 1
    output: str | None = None
    name: ClassVar[str] = "gaussian"
    outputs: ClassVar[tuple[str, ...]] = SPREADS

    def __post_init__(self) -> None:
        if self.scale is None and self.sigma is not None:
            object.__setattr__(self, "scale", "fixed")
        if self.scale is None or (self.scale == "fixed") != (self.sigma is not None):
            do = "give the noise the model was trained with: sigma=0.1 (fixed), or scale=global, or scale=pixel"
            raise InputError("gaussian likelihood", f"sigma={self.sigma}, scale={self.scale}", do)
        choose(self.name, "scale", self.scale, ("fixed", "global", "pixel"))
        check_axis(self.name, self.chunk_dim)
        check_output(self.name, self.output, self.outputs)
        if self.output is not None and self.scale != "pixel":
            do = "write gaussian:scale=pixel if the decoder returns a spread for every value; else drop it"
            raise InputError(f"gaussian likelihood with scale={self.scale}", f"output {self.output}", do)
        if self.sigma is not None:
            if isinstance(self.sigma, str) or not (self.sigma > 0 and math.isfinite(self.sigma)):
                raise InputError(f"gaussian likelihood with sigma={self.sigma}", "no scale", "use a positive number")
            object.__setattr__(self, "sigma", float(self.sigma))

    @property
    def shared(self) -> str | None:
        """Meaning of the shared parameter, None if there is none."""
        return "log scale" if self.scale == "global" else None

    def output_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the decoder's output per datapoint."""
        return doubled(x_shape, self.chunk_dim) if self.scale == "pixel" else tuple(x_shape)

    def __call__(self, params: Params, shared: Tensor | None = None) -> Independent:
        """Return p(x|z) for means (B, *x_shape), or means and spreads; ``shared`` broadcasts with x_shape."""
        scale: Tensor | float
        if self.scale == "pixel":
            meaning = self.output or "logvar"
            words = {
                "logvar": "log variances",
                "std": "standard deviations",
                "logstd": "log scales",
                "var": "variances",
            }
            mean, spread = two_tensors(params, self.name, f"means and {words[meaning]}", self.chunk_dim)
            if not meaning.startswith("log"):
                do = "the decoder seems to return logarithms: write gaussian:scale=pixel,logvar or ...,logstd"
                spread = positive(spread, f"gaussian:scale=pixel,{meaning}, whose decoder returns {words[meaning]}", do)
            scale = scale_of(spread, meaning)
        else:
            mean = one_tensor(params, self.name, "means")
            scale = self.sigma if self.sigma is not None else required(shared, self.name, "log scale").exp()
        return independent(td.Normal(mean, scale, validate_args=False), mean.dim() - 1)

    def check_support(self, x: Tensor) -> None:
        """Refuse NaN and infinities; ``x`` has shape (B, *x_shape)."""
        check_values(constraints.real, x, "data for a gaussian likelihood")
