"""A Pyro model with one plate over the datapoints as a hierarchical model: sites outside are theta, inside z_n."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.distributions import biject_to

from gapkit.core.errors import InputError
from gapkit.joint.model import HierarchicalModel, as_data

__all__ = ["from_pyro"]


@dataclass(frozen=True)
class _Site:
    """A latent site: its place among the numbers of theta or z_n, its shape, and the way to its support."""

    name: str
    start: int
    end: int
    free: torch.Size
    to_support: Any

    def value(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of shape (..., all) to values and log volumes, shape (...)."""
        part = numbers[..., self.start : self.end].reshape(*numbers.shape[:-1], *self.free)
        value = self.to_support(part)
        volume = self.to_support.log_abs_det_jacobian(part, value)
        extra = volume.ndim - (numbers.ndim - 1)
        return value, volume.flatten(-extra).sum(-1) if extra else volume


class _OfPyro(HierarchicalModel):
    """What :func:`from_pyro` returns."""

    def __init__(self, program: Callable[[Tensor], Any], x: Tensor) -> None:
        self._program, self._few = program, x[:2]
        outside, inside = _latents(self._trace({}, self._few))
        self._outside, self.global_size = _placed(outside)
        self._inside, self.local_size = _placed(inside)
        if not inside:
            do = "sample each datapoint's latents inside the pyro.plate over the rows of x"
            raise InputError("a Pyro model with latents of each datapoint", "no latent site inside a plate", do)

    def _trace(self, values: Mapping[str, Tensor], x: Tensor) -> Any:
        from pyro import poutine

        with torch.random.fork_rng(devices=[]):  # sites that are not given are drawn
            return poutine.trace(poutine.condition(self._program, data=dict(values))).get_trace(x)

    def _terms(self, values: Mapping[str, Tensor], x: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """Log densities of sites outside the plate, (S, 1), and inside, (S, N)."""
        found = self._trace(values, x)
        found.compute_log_prob()
        outside: Tensor | float = 0.0
        inside: Tensor | float = 0.0
        for site in found.nodes.values():
            if site["type"] != "sample" or "log_prob" not in site or _is_plate(site):
                continue
            if site["cond_indep_stack"]:
                inside = inside + site["log_prob"]
            else:
                outside = outside + site["log_prob"]
        return outside, inside

    def log_prior(self, theta: Tensor) -> Tensor:
        """Shape (S,)."""
        values, volume = self._values(self._outside, theta[:, None])
        outside, _ = self._terms(values, self._few)
        total = torch.as_tensor(outside, dtype=theta.dtype).expand(len(theta), 1) + volume
        return total[:, 0]

    def log_local(self, theta: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """Shape (S, N)."""
        shared, _ = self._values(self._outside, theta[:, None])
        own, volume = self._values(self._inside, z)
        _, inside = self._terms({**shared, **own}, x)
        return torch.as_tensor(inside, dtype=z.dtype).expand(z.shape[:2]) + volume

    @staticmethod
    def _values(sites: tuple[_Site, ...], numbers: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        values, volume = {}, numbers.new_zeros(numbers.shape[:-1])
        for site in sites:
            values[site.name], more = site.value(numbers)
            volume = volume + more
        return values, volume


def _is_plate(site: Mapping[str, Any]) -> bool:
    return type(site["fn"]).__name__ == "_Subsample"


def _latents(found: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The latent sites outside and inside the plate.

    Raises:
        InputError: more than one plate around a site, or a discrete one.
    """
    outside: dict[str, Any] = {}
    inside: dict[str, Any] = {}
    for name, site in found.nodes.items():
        if site["type"] != "sample" or site["is_observed"] or _is_plate(site):
            continue
        frames = site["cond_indep_stack"]
        if len(frames) > 1 or any(frame.dim != -1 for frame in frames):
            do = "use one plate over the rows of x, and none around other latents"
            raise InputError("a Pyro model with one plate", f"the site {name!r} in {len(frames)} plates", do)
        if site["fn"].support.is_discrete:
            raise InputError("continuous latents", f"the discrete site {name!r}", "sum it out in the model")
        (inside if frames else outside)[name] = site["fn"]
    return outside, inside


def _placed(sites: Mapping[str, Any]) -> tuple[tuple[_Site, ...], int]:
    """Each site's place among all numbers, and how many these are."""
    placed, start = [], 0
    for name, density in sites.items():
        to_support = biject_to(density.support)
        free = to_support.inverse_shape(density.event_shape)
        placed.append(_Site(name, start, start + prod(free), free, to_support))
        start += prod(free)
    return tuple(placed), start


def from_pyro(program: Callable[[Tensor], Any], x: Any) -> HierarchicalModel:
    """Make a hierarchical model of a Pyro program that takes the data and has one ``pyro.plate`` over their rows.

    Latent sites outside the plate are theta, those inside z_n, all brought to real coordinates (the logarithm of what
    is positive); what is observed inside is p(x_n | z_n, theta). Values come with an axis of draws before that of the
    plate, as in ``pyro.infer.Predictive`` with ``parallel=True``.

    Args:
        program: called with x of shape (N, ...), for any N.
        x: the data set.

    Raises:
        InputError: Pyro is not installed; no latents inside a plate, several plates, or discrete latents.
    """
    try:
        import pyro  # noqa: F401
    except ImportError as error:
        do = "pip install 'gapkit[pyro]'"
        raise InputError("a model of Pyro", "pyro is not installed", do) from error
    return _OfPyro(program, as_data(x))
