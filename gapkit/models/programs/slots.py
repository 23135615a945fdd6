"""Where the latents of a program's sites stand in one flat vector, each on the whole real line.

    y (N, D)  --cut-->  parts  --bijections-->  values of the sites, with log|det|

and, of a guide, from standard normal noise to the same y.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    AffineTransform,
    Distribution,
    Independent,
    MultivariateNormal,
    Normal,
    Transform,
    TransformedDistribution,
    biject_to,
    constraints,
)
from torch.distributions.transforms import ComposeTransform, IndependentTransform

from gapkit.core.errors import InputError

__all__ = ["LowerTriangular", "Slot", "bijection_of", "per_row", "require_continuous", "steps_of"]


@dataclass(frozen=True)
class Slot:
    """The place of one site.

    Attributes:
        name: of the site.
        start: of its numbers in the flat vector.
        rest: its batch axes but that of the datapoints.
        inner: shape of its event on the real line.
        place: where the axis of the datapoints stands among its batch axes, from the front.
        bijection: from the real line to where its values live.
    """

    name: str
    start: int
    rest: tuple[int, ...]
    inner: tuple[int, ...]
    place: int
    bijection: Transform

    @property
    def size(self) -> int:
        """Numbers for each datapoint."""
        return torch.Size(self.rest + self.inner).numel()

    def part(self, flat: Tensor) -> Tensor:
        """Its numbers of a flat vector (N, D), in the shape of the site on the real line."""
        part = flat[:, self.start : self.start + self.size]
        return part.reshape(len(part), *self.rest, *self.inner).movedim(0, self.place)

    def flat(self, part: Tensor) -> Tensor:
        """The way back, shape (N, size)."""
        part = part.movedim(self.place, 0)
        return part.reshape(len(part), -1)

    def value(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """The site's value and log|det| of the way to it, shape (N,), from a flat vector (N, D)."""
        part = self.part(flat)
        value = self.bijection(part)
        return value, per_row(self.bijection.log_abs_det_jacobian(part, value), self.place)


def per_row(values: Tensor, place: int) -> Tensor:
    """The sum over all axes but one: shape (N,).

    Example:
        >>> per_row(torch.ones(4, 3, 2), 1)
        tensor([8., 8., 8.])
    """
    moved = values.movedim(place, 0)
    return moved.reshape(len(moved), -1).sum(1)


def _core(transform: Transform) -> Transform:
    """Without what only says how many axes an event has: log determinants are summed over all of them anyway."""
    while isinstance(transform, IndependentTransform):
        transform = transform.base_transform
    return transform


class LowerTriangular(Transform):
    """u -> loc + L u: the Gaussian of a Cholesky factor as a transport.

    Args:
        loc: shape (..., D).
        tril: L, shape (..., D, D).
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, loc: Tensor, tril: Tensor) -> None:
        super().__init__()
        self.loc, self.tril = loc, tril

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + (self.tril @ x.unsqueeze(-1)).squeeze(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        white: Tensor = torch.linalg.solve_triangular(self.tril, (y - self.loc).unsqueeze(-1), upper=False)
        return white.squeeze(-1)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Log|det L|, of the shape of the batch."""
        return self.tril.diagonal(dim1=-2, dim2=-1).log().sum(-1).expand(x.shape[:-1])


def steps_of(name: str, fn: Distribution, slot: Slot) -> list[Transform]:
    """The transport from standard normal noise to the site's numbers on the real line, step by step.

    Raises:
        InputError: the distribution is no transform of Gaussian noise, or has less noise than values.
    """
    transforms: list[Transform] = []
    base: Any = fn
    while isinstance(base, Independent | TransformedDistribution):
        if isinstance(base, TransformedDistribution):
            inner = [step for part in base.transforms for step in _flattened(part)]
            transforms = [*inner, *transforms]
        base = base.base_dist
    if isinstance(base, Normal):
        shape = base.batch_shape
        gaussian: Transform = AffineTransform(base.loc.expand(shape), base.scale.expand(shape))
    elif isinstance(base, MultivariateNormal):
        gaussian = LowerTriangular(base.loc, base.scale_tril)
    else:
        raise InputError(
            "a guide whose sites are transforms of Gaussian noise",
            f"{type(base).__name__} at the site {name}",
            "fits of q* and the importance weights need such a guide: a Normal, MultivariateNormal, LogNormal, or a "
            "TransformedDistribution of one of them (for a constrained latent: a Normal sent through "
            "torch.distributions.biject_to(support)); or a Gamma, Exponential, Weibull, Beta or Dirichlet where "
            "the latent of the model has the same bounds",
        )
    back = _flattened(slot.bijection)
    if back and len(transforms) >= len(back) and transforms[-len(back) :] == back:
        return [gaussian, *transforms[: -len(back)]]
    return [gaussian, *transforms, *([slot.bijection.inv] if back else [])]


def _flattened(transform: Transform) -> Sequence[Transform]:
    transform = _core(transform)
    if isinstance(transform, ComposeTransform):
        return [step for part in transform.parts for step in _flattened(part)]
    return [transform]


def require_continuous(name: str, fn: Distribution) -> None:
    """Refuse a discrete latent.

    Raises:
        InputError: it is one.
    """
    support: Any = fn.support
    if support is None or support.is_discrete:
        raise InputError(
            f"the latent site {name}",
            f"{type(fn).__name__}, which is discrete: there is no gradient in it",
            "sum it out in the model (a mixture density for what depends on it); enumerated sites cannot be analysed",
        )


def bijection_of(name: str, fn: Distribution, place: int) -> Transform:
    """From the real line to the support of a site; where datapoints stand at ``place`` among its batch axes.

    Raises:
        InputError: a support without a bijection, or one that differs between datapoints.
    """
    support: Any = fn.support
    try:
        parts = _flattened(biject_to(support))
    except NotImplementedError as error:
        found = f"its support {support!r}, to which there is no bijection from the real line"
        raise InputError(f"the latent site {name}", found, "write it as a function of a latent that has one") from error
    fixed = [_same_for_all(name, part, place, fn) for part in parts]
    kept = [part for part in fixed if not (isinstance(part, AffineTransform) and (part.loc, part.scale) == (0.0, 1.0))]
    return kept[0] if len(kept) == 1 else ComposeTransform(kept)


def _same_for_all(name: str, part: Transform, place: int, fn: Distribution) -> Transform:
    """The bounds of a support without the axis of the datapoints.

    Raises:
        InputError: every datapoint has bounds of its own.
    """
    if not isinstance(part, AffineTransform):
        return part
    shape = fn.batch_shape + fn.event_shape
    bounds: list[Any] = []
    for bound in (part.loc, part.scale):
        values = torch.as_tensor(bound).detach()
        if values.numel() and bool((values == values.flatten()[0]).all()):
            bounds.append(float(values.flatten()[0]))
            continue
        whole = values.expand(shape).movedim(place, 0)
        if not torch.equal(whole, whole[:1].expand_as(whole)):
            do = "give it one support for all datapoints"
            raise InputError(f"the latent site {name}", "a support whose bounds depend on the datapoint", do)
        bounds.append(whole[:1].movedim(0, place))
    return AffineTransform(*bounds)
