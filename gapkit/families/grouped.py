"""Latents in groups, each Gaussian given those drawn before it: q(z1|x) q(z2|z1, x) ... of hierarchical encoders.

    y = shift + scale * u + (lower blocks of cross) u        z_g = mean_g(h, z_<g) + deviation_g(h, z_<g) * y_g

The networks' means and deviations are the encoder's; a member of the family has for each datapoint a shift and a scale
of its own for every latent, and slopes on the latents of groups before it. The encoder's q has shift 0, scale 1 and no
slopes. Sources: Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders" (2016), https://arxiv.org/abs/1509.00519,
equation 1; Sonderby et al., "Ladder Variational Autoencoders" (2016), https://arxiv.org/abs/1602.02282, equation 14.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from gapkit.core.randomness import Streams
from gapkit.core.trees import Tree, branches, mapped, repeated, rows_of
from gapkit.families.gaussian import DiagonalGaussian, standard_normal_log_prob
from gapkit.families.own import Family

__all__ = ["Conditionals", "GroupedGaussian"]

# (group, features of N rows, the latents drawn before it by name, N) -> mean and standard deviation, (N, size) each.
Given = Callable[[str, Tree, Mapping[str, Tensor], int], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Conditionals:
    """What is drawn after what, and the networks that say where.

    Attributes:
        sizes: of the groups, in the order in which z holds them.
        order: in which they are drawn.
        given: the networks.
    """

    sizes: Mapping[str, int]
    order: tuple[str, ...]
    given: Given

    @cached_property
    def places(self) -> dict[str, slice]:
        """Where in z each group lies."""
        found, start = {}, 0
        for name, size in self.sizes.items():
            found[name] = slice(start, start + size)
            start += size
        return found

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        return sum(self.sizes.values())

    def joined(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The groups as one, (..., D)."""
        return torch.cat([parts[name] for name in self.sizes], -1)

    def forward(self, y: Tensor, features: Tree) -> tuple[Tensor, Tensor]:
        """Z and log|det dz/dy| from y of shape (N, D) and N rows of features."""
        drawn: dict[str, Tensor] = {}
        ladj = y.new_zeros(len(y))
        for name in self.order:
            mean, deviation = self.given(name, features, drawn, len(y))
            drawn[name] = mean + deviation * y[:, self.places[name]]
            ladj = ladj + deviation.log().sum(-1)
        return self.joined(drawn), ladj

    def inverse(self, z: Tensor, features: Tree) -> tuple[Tensor, Tensor]:
        """Y and log|det dz/dy| from z of shape (N, D)."""
        split = {name: z[:, place] for name, place in self.places.items()}
        drawn: dict[str, Tensor] = {}
        found, ladj = {}, z.new_zeros(len(z))
        for name in self.order:
            mean, deviation = self.given(name, features, drawn, len(z))
            found[name] = (split[name] - mean) / deviation
            drawn[name] = split[name]
            ladj = ladj + deviation.log().sum(-1)
        return self.joined(found), ladj

    def deviations(self, z: Tensor, features: Tree) -> Tensor:
        """The standard deviation of each latent given those drawn before it, at z of shape (N, D): the same shape."""
        split = {name: z[:, place] for name, place in self.places.items()}
        found: dict[str, Tensor] = {}
        drawn: dict[str, Tensor] = {}
        for name in self.order:
            _, found[name] = self.given(name, features, drawn, len(z))
            drawn[name] = split[name]
        return self.joined(found)

    def before(self, like: Tensor) -> Tensor:
        """Which latents are drawn in groups before which, (D, D), in the type and place of a tensor."""
        ranks = torch.cat([torch.full((self.sizes[name],), self.order.index(name)) for name in self.sizes])
        return (ranks.unsqueeze(1) > ranks.unsqueeze(0)).to(like)


@dataclass(frozen=True)
class GroupedGaussian(Family):
    """A member of the family for each of B datapoints.

    Attributes:
        shift: shape (B, D).
        scale: positive, shape (B, D).
        cross: slopes on the noise of other latents, shape (B, D, D); those on groups before count, others do not.
        features: what the encoder made of x, a tree of B rows.
        conditionals: order and networks.
    """

    shift: Tensor
    scale: Tensor
    cross: Tensor
    features: Tree
    conditionals: Conditionals
    family: ClassVar[str] = "groups"
    words: ClassVar[str] = "Gaussian of each group of latents given those before it"
    places: ClassVar[tuple[str, ...]] = ()
    within_encoders: ClassVar[bool] = True

    @staticmethod
    def of_encoder(features: Tree, conditionals: Conditionals, like: Tensor) -> "GroupedGaussian":
        """The encoder's own q for B rows of features, in the type and place of a tensor of B rows."""
        size = conditionals.dim
        zeros = like.new_zeros(len(like), size)
        return GroupedGaussian(
            zeros, torch.ones_like(zeros), zeros.new_zeros(*zeros.shape, size), features, conditionals
        )

    @cached_property
    def loc(self) -> Tensor:  # type: ignore[override]
        """The image of the noise's origin, shape (B, D)."""
        return self.forward(torch.zeros_like(self.shift).unsqueeze(0))[0]

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        return int(self.shift.shape[-1])

    @cached_property
    def _slopes(self) -> Tensor:
        return self.cross * self.conditionals.before(self.cross)

    def matching(self, loc: Tensor, deviation: Tensor) -> "GroupedGaussian":  # type: ignore[override]
        """The member around that place with those standard deviations given the groups before."""
        y, _ = self.conditionals.inverse(loc, self.features)
        still = replace(self, shift=y, scale=torch.ones_like(y), cross=torch.zeros_like(self.cross))
        own = still.deviations(loc)
        return replace(still, scale=deviation / own)

    def deviations(self, z: Tensor) -> Tensor:
        """Those of the networks at z of shape (B, D), given the groups before."""
        return self.conditionals.deviations(z, self.features)

    def forward(self, u: Tensor) -> Tensor:
        """Z from noise: shape (S, B, D) to (S, B, D)."""
        return self._pushed(u)[0]

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The same with log q(z), shape (S, B), in nats."""
        z, ladj = self._pushed(u)
        return z, standard_normal_log_prob(u) - ladj - self.scale.log().sum(-1)

    def _pushed(self, u: Tensor) -> tuple[Tensor, Tensor]:
        y = self.shift + self.scale * u + torch.einsum("bij,sbj->sbi", self._slopes, u)
        z, ladj = self.conditionals.forward(y.flatten(0, 1), repeated(self.features, len(u)))
        return z.reshape(u.shape), ladj.reshape(u.shape[:2])

    def log_prob(self, z: Tensor) -> Tensor:
        """Log q(z): shape (S, B, D) to (S, B), in nats."""
        y, ladj = self.conditionals.inverse(z.flatten(0, 1), repeated(self.features, len(z)))
        rest = y.reshape(z.shape) - self.shift
        u = torch.zeros_like(rest)
        for name in self.conditionals.order:  # a block of latents after the other: each needs the noise before it
            place = self.conditionals.places[name]
            before = torch.einsum("bij,sbj->sbi", self._slopes[:, place], u)
            own = (rest[..., place] - before) / self.scale[:, place]
            u = torch.cat([u[..., : place.start], own, u[..., place.stop :]], -1)
        return standard_normal_log_prob(u) - ladj.reshape(z.shape[:2]) - self.scale.log().sum(-1)

    def marginal_scale(self) -> Tensor:
        """Roughly the standard deviation of each latent, from the images of the unit vectors: shape (B, D)."""
        units = torch.eye(self.dim, dtype=self.shift.dtype, device=self.shift.device).unsqueeze(1)
        units = units.expand(-1, len(self.shift), -1)
        both = torch.cat([self.forward(units) - self.loc, self.forward(-units) - self.loc])
        return (0.5 * both.square().sum(0)).sqrt()

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """S draws with their log densities: shapes (S, B, D) and (S, B)."""
        return self.push(streams.normal(num_samples, self.dim))

    def whitening(self) -> DiagonalGaussian:
        """The coordinates in which Markov chains move: a Gaussian of the same place and widths."""
        return DiagonalGaussian(self.loc, self.marginal_scale())

    def select(self, rows: Tensor) -> "GroupedGaussian":
        """The posteriors of some datapoints: rows has shape (P,)."""
        own = (self.shift[rows], self.scale[rows], self.cross[rows])
        return GroupedGaussian(*own, rows_of(self.features, rows), self.conditionals)

    @property
    def fixed(self) -> tuple[str, ...]:  # type: ignore[override]
        """The features, which a fit leaves as they are."""
        return tuple(f"features{place}" for place, _ in branches(self.features))

    def tensors(self) -> dict[str, Tensor]:
        """All parameters by name, and the features by their places."""
        features = {f"features{place}": leaf for place, leaf in branches(self.features)}
        return {"shift": self.shift, "scale": self.scale, "cross": self.cross, **features}

    def of(self, **tensors: Tensor) -> "GroupedGaussian":  # type: ignore[override]
        """The member with these parameters, of the same networks."""
        names = iter([f"features{place}" for place, _ in branches(self.features)])
        features = mapped(self.features, lambda _: tensors[next(names)])
        return GroupedGaussian(tensors["shift"], tensors["scale"], tensors["cross"], features, self.conditionals)
