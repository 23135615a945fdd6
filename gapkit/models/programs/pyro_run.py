"""Running a Pyro program: latents are given or drawn, every sample site is written down. The one file that needs Pyro.

Nothing of a run enters Pyro's global store of parameters, and nothing is taken from there.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_factor, site_is_subsample
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.errors import InputError

__all__ = ["Site", "Store", "global_store", "run"]

Values = Callable[[str, Distribution], Tensor | None]
Store = Mapping[str, tuple[Tensor, Any]]  # unconstrained values and their constraints, by name


@dataclass(frozen=True)
class Site:
    """A ``pyro.sample`` statement of one run.

    Attributes:
        name: of the site.
        fn: its distribution, with the batch shape that its plates give it.
        value: what was drawn, given or observed.
        observed: whether the program observed it.
        factor: whether it is a term of ``pyro.factor``.
        masked: whether ``poutine.mask`` or ``obs_mask`` covers it.
        mask: that mask; None for none.
        weight: its weight beyond what subsampling plates give it: 1, or that of ``poutine.scale``.
        plates: names of its plates.
        infer: what the program says of it to inference algorithms.
    """

    name: str
    fn: Any
    value: Tensor
    observed: bool
    factor: bool
    mask: Any
    weight: Any
    plates: tuple[str, ...]
    infer: Mapping[str, Any]

    @property
    def masked(self) -> bool:
        """Whether a mask covers it."""
        return self.mask is not None

    def log_prob(self) -> Tensor:
        """Log density of the value, of its batch shape, in nats; without weights, and 0 where it is masked."""
        found: Tensor = self.fn.log_prob(self.value)
        if self.mask is None:
            return found
        mask = torch.as_tensor(self.mask, device=found.device)
        return torch.where(mask, found, torch.zeros((), dtype=found.dtype, device=found.device))


class _Stop(Exception):  # all that was asked for is known
    pass


class _Watched(Messenger):
    def __init__(self, values: Values | None, store: Store, last: str | None, asked: set[str]) -> None:
        super().__init__()
        self.values, self.store, self.last, self.asked = values, store, last, asked
        self.sites: dict[str, Site] = {}

    def _pyro_sample(self, msg: Any) -> None:
        if self.values is not None and not msg["is_observed"] and not site_is_subsample(msg):
            value = self.values(msg["name"], msg["fn"])
            if value is not None:
                msg["value"], msg["done"] = value, True

    def _pyro_post_sample(self, msg: Any) -> None:
        if site_is_subsample(msg) or msg["infer"].get("_deterministic"):
            return
        share = 1.0
        for frame in msg["cond_indep_stack"]:
            share *= float(frame.full_size or frame.size) / float(frame.size)
        self.sites[msg["name"]] = Site(
            msg["name"],
            msg["fn"],
            msg["value"],
            bool(msg["is_observed"]),
            site_is_factor(msg),
            msg["mask"],
            torch.as_tensor(msg["scale"]) / share,
            tuple(frame.name for frame in msg["cond_indep_stack"]),
            msg["infer"],
        )
        if msg["name"] == self.last:
            raise _Stop

    def _pyro_param(self, msg: Any) -> None:
        name, given = msg["name"], msg["args"][1] if len(msg["args"]) > 1 else None
        self.asked.add(name)
        if name in self.store:
            unconstrained, constraint = self.store[name]
            msg["value"] = torch.distributions.transform_to(constraint)(unconstrained)
        elif isinstance(given, torch.nn.Parameter):  # of a module, which holds its trained value
            msg["value"] = given
        elif name in pyro.get_param_store():
            return  # of a PyroModule, which put it there a moment ago
        else:
            raise InputError(
                f"the trained value of pyro.param({name!r})",
                "none: it is in no module, and not among the weights that were given",
                "save Pyro's store of parameters, pyro.get_param_store().save('store.pt'), and analyse that file; in "
                "Python call from_pyro where the store is filled",
            )
        msg["done"] = True


def run(
    program: Callable[..., Any],
    x: Tensor,
    c: Any = None,
    *,
    values: Values | None = None,
    store: Store,
    last: str | None = None,
    asked: set[str] | None = None,
) -> dict[str, Site]:
    """Run a program on some datapoints.

    Args:
        program: the model or the guide.
        x: data of N rows.
        c: a condition of N rows; None for none.
        values: name and distribution of a site that is not observed to its value; None, or a None from it, draws.
        store: trained values of ``pyro.param`` statements that are in no module.
        last: the site after which to stop; None runs to the end.
        asked: takes the names of all parameters that the program asks for.

    Returns:
        All sites in their order, without those of plates and ``pyro.deterministic``.

    Raises:
        InputError: a parameter without a trained value.
    """
    watched = _Watched(values, store, last, set() if asked is None else asked)
    further = () if c is None else (c,)
    with pyro.get_param_store().scope(), watched, contextlib.suppress(_Stop):
        program(x, *further)
    return watched.sites


def global_store() -> dict[str, tuple[Tensor, Any]]:
    """What ``pyro.param`` statements of this process have learned, but for what modules hold."""
    state = pyro.get_param_store().get_state()
    return {
        name: (value.detach().clone(), state["constraints"][name])
        for name, value in state["params"].items()
        if "$$$" not in name
    }
