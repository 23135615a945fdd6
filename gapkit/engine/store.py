"""Where outputs of stages are kept: in memory here, on a disk in :mod:`gapkit.engine.disk`, in the same way."""

from typing import NamedTuple, Protocol

from gapkit.core.errors import InputError
from gapkit.engine.outputs import Output

__all__ = ["Memory", "Nothing", "Place", "Store", "StoreError"]


class Place(NamedTuple):
    """Where a unit's outputs belong.

    Attributes:
        split: that the unit belongs to.
        number: of the unit.
    """

    split: str
    number: int


class StoreError(InputError):
    """A store cannot be written to: the disk is full, say. What it has stays as it is."""


class Store(Protocol):
    """Keeps what the stages of units gave. What is in it is not made again."""

    def find(self, place: Place, name: str, identity: str) -> Output | None:
        """The output of a stage of a unit, if there is one of this identity.

        Args:
            place: of the unit.
            name: of the stage.
            identity: of what the output is made of, see :mod:`gapkit.engine.outputs`.
        """
        ...

    def keep(self, place: Place, name: str, output: Output) -> None:
        """Keep an output, beside those of other identities."""
        ...


class Nothing:
    """A store that keeps nothing.

    Example:
        >>> from gapkit.engine.outputs import Cost
        >>> store = Nothing()
        >>> store.keep(Place("test", 0), "fits", Output("a", 1.0, Cost()))
        >>> store.find(Place("test", 0), "fits", "a")
    """

    def find(self, place: Place, name: str, identity: str) -> Output | None:
        """Nothing is there."""
        return None

    def keep(self, place: Place, name: str, output: Output) -> None:
        """Nothing is kept."""


class Memory:
    """Keeps outputs as long as it lives, on the device where they were made.

    A second analysis with the same store makes only what is new in it: the fits of one more family, say, or evidence
    with more temperatures. It holds all fits of all datapoints, so it is for some thousands of them. Of each stage it
    has the last output.

    Example:
        >>> from gapkit.engine import analyze
        >>> from gapkit.models.reference import build
        >>> import torch
        >>> model, x, store = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)), torch.ones(5, 6), Memory()
        >>> first = analyze(model, x, effort="quick", store=store)
        >>> second = analyze(model, x, effort="quick", family=("mean_field", "low_rank"), store=store)
        >>> "evidence" in first.run["seconds"], "evidence" in second.run["seconds"]
        (True, False)
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[Place, str], Output] = {}

    def find(self, place: Place, name: str, identity: str) -> Output | None:
        """The output of a stage, if it is the last one and of this identity."""
        there = self._kept.get((place, name))
        return there if there is not None and there.identity == identity else None

    def keep(self, place: Place, name: str, output: Output) -> None:
        """Keep an output; the one from before of the same stage is dropped."""
        self._kept[place, name] = output
