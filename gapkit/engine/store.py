"""Where outputs of stages are kept: in memory here; on a disk, or on other machines, behind the same two methods."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from gapkit.engine.chosen import joined
from gapkit.engine.outputs import Output
from gapkit.engine.plan import Unit
from gapkit.engine.unit import Finished

__all__ = ["Collected", "Memory", "Store"]


class Store(Protocol):
    """Keeps what the stages of units gave. What is in it is not made again."""

    def have(self, split: str, unit: Unit) -> Mapping[str, Output]:
        """The outputs of a unit's stages that are there, by name; of whatever model and settings they are."""
        ...

    def keep(self, split: str, unit: Unit, outputs: Mapping[str, Output]) -> None:
        """Keep outputs of a unit; one of a name that is there is replaced."""
        ...


class Memory:
    """Keeps outputs as long as it lives, on the device where they were made.

    A second analysis with the same store makes only what is new in it: the fits of one more family, say, or evidence
    with more temperatures. It holds all fits of all datapoints, so it is for some thousands of them.

    Example:
        >>> from gapkit.engine import analyze
        >>> from gapkit.models.reference import build
        >>> import torch
        >>> model, x, store = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)), torch.ones(5, 6), Memory()
        >>> first = analyze(model, x, effort="quick", store=store)
        >>> second = analyze(model, x, effort="quick", family=("mean_field", "low_rank"), store=store)
        >>> sorted(set(second.run["seconds"]) - {"fits"} & set(first.run["seconds"]))[:2]
        ['bank', 'baselines']
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], dict[str, Output]] = {}

    def have(self, split: str, unit: Unit) -> Mapping[str, Output]:
        """The outputs of a unit's stages that are there, by name."""
        return self._kept.get((split, unit.number), {})

    def keep(self, split: str, unit: Unit, outputs: Mapping[str, Output]) -> None:
        """Keep outputs of a unit; one of a name that is there is replaced."""
        self._kept.setdefault((split, unit.number), {}).update(outputs)


class Collected:
    """The finished units of a run; of what they offer for pictures, only what would be chosen by now.

    Args:
        num_chosen: how many datapoints are looked at in the end.

    Example:
        >>> list(Collected(8))
        []
    """

    def __init__(self, num_chosen: int) -> None:
        self._kept: dict[tuple[str, int], Finished] = {}
        self._num_chosen = num_chosen

    def put(self, finished: Finished) -> None:
        """Keep a unit, without the outputs of its stages."""
        self._kept[finished.split, finished.unit.number] = replace(finished, outputs={})
        if not finished.chosen.worst:
            return
        best = {id(kept) for kept in joined((part.chosen for part in self), self._num_chosen).worst}
        for place, part in self._kept.items():
            worst = tuple(kept for kept in part.chosen.worst if id(kept) in best)
            if len(worst) < len(part.chosen.worst):
                self._kept[place] = replace(part, chosen=replace(part.chosen, worst=worst))

    def __iter__(self) -> Iterator[Finished]:
        """All that are there."""
        return iter(self._kept.values())
