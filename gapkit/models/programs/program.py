"""A probabilistic program and what was read of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gapkit.core.trees import Tree
from gapkit.models.programs.bounded import member_step
from gapkit.models.programs.slots import Slot, per_row, steps_of

__all__ = ["Layout", "Program", "guide_steps"]


@dataclass(frozen=True)
class Program:
    """A model and its guide.

    Attributes:
        model: x, and a condition where there is one, to nothing that matters.
        guide: the same.
        store: trained parameters that are in no module.
    """

    model: Callable[..., Any]
    guide: Callable[..., Any]
    store: Any


@dataclass(frozen=True)
class Layout:
    """What was read.

    Attributes:
        slots: the latent sites, in the order of the guide.
        observed: places of the datapoints' axis in the log density of every observed site.
        last: the latent site after which the model needs nothing more for p(z).
        apart: why p(x|z) cannot be taken out of the program; empty where it can.
        own_prior: whether p(z) is a function of z (and a condition) alone.
        family: what the guide is on the real line: ``normal``, ``full``, ``member`` (of a family of bounded latents) or
            ``general``.
        notes: what must be said, a sentence each.
        asked: names of all parameters that the program asked for.
    """

    slots: tuple[Slot, ...]
    observed: Mapping[str, int]
    last: str
    apart: str
    own_prior: bool
    family: str
    notes: tuple[str, ...]
    asked: frozenset[str]

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        return sum(slot.size for slot in self.slots)

    def values(self, flat: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Values of all latent sites and log|det| of the way to them, shape (N,), from (N, D)."""
        values, total = {}, flat.new_zeros(len(flat))
        for slot in self.slots:
            values[slot.name], ladj = slot.value(flat)
            total = total + ladj
        return values, total


def guide_steps(
    program: Program, layout: Layout, x: Tensor, c: Tree, flat: Tensor, *, back: bool = False
) -> tuple[Tensor, Tensor, dict[str, list[Any]]]:
    """Push noise through the guide, or pull its latents back to noise.

    Args:
        program: model, guide and parameters.
        layout: of it.
        x: data, N rows.
        c: a condition of N rows; None for none.
        flat: noise, or the latents where ``back``, shape (N, D).
        back: whether to pull back.

    Returns:
        The latents on the real line, or the noise, shape (N, D); log|det| of the way from noise to them, (N,); and the
        steps of every site.
    """
    from gapkit.models.programs.pyro_run import run

    slots = {slot.name: slot for slot in layout.slots}
    parts: dict[str, Tensor] = {}
    steps: dict[str, list[Any]] = {}
    ladj = [flat.new_zeros(len(flat))]

    def value(name: str, fn: Any) -> Tensor:
        slot = slots[name]
        member = member_step(fn, slot)
        steps[name] = steps_of(name, fn, slot) if member is None else [member]
        here = slot.part(flat)
        y = here
        for step in reversed(steps[name]) if back else steps[name]:
            there = step.inv(here) if back else step(here)
            pair = (there, here) if back else (here, there)
            ladj[0] = ladj[0] + per_row(step.log_abs_det_jacobian(*pair), slot.place)
            here = there
        parts[name] = slot.flat(here)
        return slot.bijection(y if back else here)

    run(program.guide, x, c, values=value, store=program.store, last=layout.slots[-1].name)
    return torch.cat([parts[slot.name] for slot in layout.slots], 1), ladj[0], steps
