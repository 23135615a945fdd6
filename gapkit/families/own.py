"""What a family of one's own is derived from: a few formulas, and the rest of the contract follows."""

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any, ClassVar, Self

from torch import Tensor

from gapkit.core.randomness import Streams
from gapkit.families.gaussian import DiagonalGaussian

__all__ = ["Family"]


class Family(ABC):
    """Base of families of one's own: a frozen dataclass of tensors, each with one row per datapoint, shape (B, ...).

    ``loc``, the image of the noise's origin, shape (B, D), is one of the tensors or a property. A family defines
    :meth:`forward`, :meth:`log_prob`, :meth:`marginal_scale` and :meth:`matching`; all of them must be differentiable
    in the tensors and work row by row.
    :func:`gapkit.register_family` gives it a fit.

    Attributes:
        positive: names of the tensors that stay positive, as ``scale``; a fit moves these by factors.
        places: names of those that are places of z; a fit moves these in units of the widths.
        fixed: names of those that a fit leaves as they are.
        family: its name, where the package knows it; empty for one's own, which :func:`gapkit.register_family` names.
        words: what a member is, in a few words after "the best".
        within_encoders: whether members are made around an encoder's q, so that one of another family has none.

    Example:
        >>> import torch
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Gaussian(Family):
        ...     loc: Tensor
        ...     scale: Tensor
        ...     @classmethod
        ...     def matching(cls, loc, deviation):
        ...         return cls(loc, deviation)
        ...     def forward(self, u):
        ...         return self.loc + self.scale * u
        ...     def log_prob(self, z):
        ...         return torch.distributions.Normal(self.loc, self.scale).log_prob(z).sum(-1)
        ...     def marginal_scale(self):
        ...         return self.scale
        >>> q = Gaussian(torch.zeros(3, 2), torch.ones(3, 2))
        >>> z, log_q = q.push(torch.zeros(5, 3, 2))
        >>> log_q.shape
        torch.Size([5, 3])
    """

    positive: ClassVar[tuple[str, ...]] = ("scale",)
    places: ClassVar[tuple[str, ...]] = ("loc",)
    fixed: ClassVar[tuple[str, ...]] = ()
    family: ClassVar[str] = ""
    words: ClassVar[str] = ""
    within_encoders: ClassVar[bool] = False
    loc: Tensor

    @classmethod
    @abstractmethod
    def matching(cls, loc: Tensor, deviation: Tensor) -> Self:
        """The member of that place and those standard deviations, both of shape (B, D): where a fit begins."""

    @abstractmethod
    def forward(self, u: Tensor) -> Tensor:
        """Latents from standard normal noise: shape (S, B, D) to (S, B, D)."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Log q(z): shape (S, B, D) to (S, B), in nats."""

    @abstractmethod
    def marginal_scale(self) -> Tensor:
        """Standard deviation of each latent, shape (B, D)."""

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        return int(self.loc.shape[-1])

    @property
    def noise_dim(self) -> int:
        """Standard normal numbers that a draw takes; as many as latents unless a family says otherwise."""
        return self.dim

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Latents and log q(z), shapes (S, B, D) and (S, B), from standard normal noise of shape (S, B, D)."""
        z = self.forward(u)
        return z, self.log_prob(z)

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """S draws for each datapoint with their log densities: shapes (S, B, D) and (S, B)."""
        return self.push(streams.normal(num_samples, self.noise_dim))

    def whitening(self) -> DiagonalGaussian:
        """The coordinates in which Markov chains move: a Gaussian of the same place and widths."""
        return DiagonalGaussian(self.loc, self.marginal_scale())

    def select(self, rows: Tensor) -> Self:
        """The posteriors of some datapoints: rows has shape (P,)."""
        return self.of(**{name: tensor[rows] for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """All parameters by name, each of shape (B, ...)."""
        declared: Any = self
        return {part.name: getattr(self, part.name) for part in fields(declared)}

    @classmethod
    def of(cls, **tensors: Tensor) -> Self:
        """The member with these parameters."""
        return cls(**tensors)
