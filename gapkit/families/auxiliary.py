"""The auxiliary-variable flow: q(z) as the marginal of a flow over z and an auxiliary v, with a reverse model r(v|z).

    L[q] = E_q(z,v)[log p(x, z) + log r(v|z) - log q(z, v)]  <=  log p(x)

The density of z alone is out of reach, so the bound pays KL(q(v|z) || r(v|z)) for it, and a learned r keeps that small.
Sources: Ranganath, Tran, Blei, "Hierarchical Variational Models" (2016), https://arxiv.org/abs/1511.02386, equation 6;
Cremer, Li, Duvenaud, "Inference Suboptimality in Variational Autoencoders" (2018), https://arxiv.org/abs/1801.03558,
section 3.2 (z and v of equal dimension, Real NVP between them).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.randomness import Streams
from gapkit.families.flow import CouplingFlow
from gapkit.families.gaussian import DiagonalGaussian

__all__ = ["AuxiliaryFlow", "flat_reverse"]

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
_REVERSE = "reverse."


@dataclass(frozen=True)
class AuxiliaryFlow:
    """A coupling flow over (z, v) and a Gaussian r(v|z) from one hidden layer, all of each datapoint's own.

    Its draws carry log q(z, v) - log r(v|z) in the place of log q(z): with it every bound, and every importance weight,
    is that of the extended model p(x, z) r(v|z), whose evidence is p(x) too.

    Attributes:
        joint: the flow over 2 D coordinates, z before v.
        reverse: ``hidden_weight`` (B, H, D), ``hidden_bias`` (B, H), ``out_weight`` (B, 2 D, H), ``out_bias`` (B, 2 D):
            z to the means and log standard deviations of v; a leading axis of 1 is shared by all datapoints.
    """

    joint: CouplingFlow
    reverse: Mapping[str, Tensor]

    @property
    def dim(self) -> int:
        """Number of latent dimensions D, without the auxiliary ones."""
        return self.joint.dim // 2

    @property
    def noise_dim(self) -> int:
        """Standard normal numbers that a draw takes: 2 D."""
        return self.joint.dim

    @property
    def loc(self) -> Tensor:
        """The image of the noise's origin, shape (B, D)."""
        return self.joint.loc[:, : self.dim]

    def marginal_scale(self) -> Tensor:
        """Roughly the standard deviation of each latent, shape (B, D)."""
        return self.joint.marginal_scale()[:, : self.dim]

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log q(z, v) - log r(v|z) of shape (S, B)."""
        return self.push(streams.normal(num_samples, self.noise_dim))

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The same from noise of shape (S, B, 2 D)."""
        both, log_q = self.joint.push(u)
        return both[..., : self.dim], log_q - self.log_reverse(both)

    def log_reverse(self, both: Tensor) -> Tensor:
        """Log r(v|z): (z, v) of shape (S, B, 2 D) to (S, B), in nats."""
        z, v = both.chunk(2, -1)
        rows = z.transpose(0, 1)
        hidden = torch.tanh(rows @ self.reverse["hidden_weight"].mT + self.reverse["hidden_bias"].unsqueeze(1))
        out = hidden @ self.reverse["out_weight"].mT + self.reverse["out_bias"].unsqueeze(1)
        mean, log_scale = out.transpose(0, 1).chunk(2, -1)
        return (-0.5 * ((v - mean) * torch.exp(-log_scale)).square() - log_scale - _HALF_LOG_2PI).sum(-1)

    def stand_in(self) -> DiagonalGaussian:
        """A Gaussian of about the same place and width, for those who need a density of z."""
        return DiagonalGaussian(self.loc, self.marginal_scale())

    def whitening(self) -> DiagonalGaussian:
        """Coordinates for Markov chains over z."""
        return self.stand_in()

    def select(self, rows: Tensor) -> "AuxiliaryFlow":
        """Return the flows of some datapoints: rows has shape (P,)."""
        reverse = {name: tensor[rows] if len(tensor) > 1 else tensor for name, tensor in self.reverse.items()}
        return AuxiliaryFlow(self.joint.select(rows), reverse)

    def tensors(self) -> dict[str, Tensor]:
        """The parameters by name, one row per datapoint; :meth:`of` makes the same family member of them."""
        batch = len(self.joint.affine.loc)
        reverse = {_REVERSE + name: t.expand(batch, *t.shape[1:]) for name, t in self.reverse.items()}
        return {**self.joint.tensors(), **reverse}

    @classmethod
    def of(cls, **tensors: Tensor) -> "AuxiliaryFlow":
        """Make a member of the tensors that :meth:`tensors` gives."""
        reverse = {name: tensor for name, tensor in tensors.items() if name.startswith(_REVERSE)}
        joint = CouplingFlow.of(**{name: tensor for name, tensor in tensors.items() if name not in reverse})
        return cls(joint, {name.removeprefix(_REVERSE): tensor for name, tensor in reverse.items()})


def flat_reverse(q: DiagonalGaussian, num_hidden: int) -> dict[str, Tensor]:
    """Weights of an r(v|z) that is standard normal for every z, with hidden units that see z where q has its mass."""
    batch, dim = q.loc.shape
    generator = torch.Generator().manual_seed(1)
    weight = (torch.randn(num_hidden, dim, generator=generator) / dim**0.5).to(q.loc)
    weight = weight / q.scale.unsqueeze(1)
    bias = torch.linspace(-1.5, 1.5, num_hidden, dtype=q.loc.dtype, device=q.loc.device)
    return {
        "hidden_weight": weight,
        "hidden_bias": bias - (weight @ q.loc.unsqueeze(-1)).squeeze(-1),
        "out_weight": weight.new_zeros(batch, 2 * dim, num_hidden),
        "out_bias": weight.new_zeros(batch, 2 * dim),
    }
