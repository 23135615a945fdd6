"""Gamma, Weibull, beta and Dirichlet sites of a guide as members of their families, on the real line.

They are no transforms of Gaussian noise by any formula with an inverse: what a member gives is draws with densities.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    Beta,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Independent,
    Transform,
    Weibull,
    constraints,
)

from gapkit.families.gaussian import standard_normal_log_prob
from gapkit.families.own import Family
from gapkit.models.naming import innermost
from gapkit.models.programs.slots import Slot
from gapkit.models.pulled import own_family

__all__ = ["MemberStep", "alike", "joined", "member_step"]

_PARAMETERS: dict[type, tuple[tuple[str, ...], Callable[..., Distribution]]] = {
    Exponential: (("rate",), Exponential),
    Gamma: (("concentration", "rate"), Gamma),
    Weibull: (("scale", "concentration"), Weibull),
    Beta: (("concentration1", "concentration0"), Beta),
    Dirichlet: (("concentration",), Dirichlet),
}


class MemberStep(Transform):
    """From noise to the numbers of a site on the real line, in the shape of the site.

    Attributes:
        member: the distribution of all its numbers, a row for each datapoint.
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, member: Family, slot: Slot) -> None:
        super().__init__()
        self.member, self._slot = member, slot

    def _call(self, x: Tensor) -> Tensor:
        return self._shaped(self.member.forward(self._slot.flat(x).unsqueeze(0))[0])

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Of the whole row, with as many axes as there are before that of the datapoints, and that one."""
        noise, made = (self._slot.flat(part).unsqueeze(0) for part in (x, y))
        ladj = (standard_normal_log_prob(noise) - self.member.log_prob(made))[0]
        return ladj.reshape(*[1] * self._slot.place, -1)

    def _shaped(self, flat: Tensor) -> Tensor:
        slot = self._slot
        return flat.reshape(len(flat), *slot.rest, *slot.inner).movedim(0, slot.place)


def member_step(fn: Distribution, slot: Slot) -> MemberStep | None:
    """The step of a gamma, exponential, Weibull, beta or Dirichlet site; None for any other."""
    inner: Any = innermost(fn)
    kind = next((kind for kind in _PARAMETERS if isinstance(inner, kind)), None)
    if kind is None:
        return None
    names, make = _PARAMETERS[kind]
    shape = fn.batch_shape + fn.event_shape
    last = shape[-1:] if kind is Dirichlet else ()
    rows = [getattr(inner, name).expand(shape).movedim(slot.place, 0) for name in names]
    plain = make(*(row.reshape(len(row), -1, *last) for row in rows), validate_args=False)
    member = own_family(Independent(plain, 1, validate_args=False), slot.bijection)
    return None if member is None else MemberStep(member, slot)


def alike(members: Sequence[Family]) -> bool:
    """Whether the latents of several sites are one member of a family."""
    kinds = {(type(m), *(tensor.shape[2:] for tensor in m.tensors().values())) for m in members}
    return len(kinds) == 1


def joined(members: Sequence[Family]) -> Family:
    """The latents of several sites, which are :func:`alike`, as one member of their family."""
    each = [member.tensors() for member in members]
    return members[0].of(**{name: torch.cat([tensors[name] for tensors in each], 1) for name in each[0]})
