"""Outputs of stages as plain facts and tensors, and back: what a disk holds of them, without any code in it.

A value is a tree of plain values, tensors, arrays, tables and the package's own dataclasses, which are named in a list
here: nothing else is ever made of a file. Tensors come back with their strides, and two that share memory share it
again, because the last bits of a product may depend on how its factors lie in memory.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gapkit.core.datapoints import Loaded
from gapkit.core.randomness import Key
from gapkit.engine.chosen import Chosen, Kept
from gapkit.engine.convergence import Watched
from gapkit.engine.explore import Again, Explored
from gapkit.engine.latents import Marginals
from gapkit.engine.outputs import Cost
from gapkit.engine.stages import Bounds
from gapkit.engine.unit import Finished
from gapkit.engine.units import Unit
from gapkit.estimators import Bound, Estimate
from gapkit.estimators.evidence import Evidence
from gapkit.families import STORED
from gapkit.ladder.arithmetic import Difference
from gapkit.local import LocalFit, LocalFits
from gapkit.local.certificate import Certificate
from gapkit.local.modes import Modes
from gapkit.local.search import Found
from gapkit.results.iwae_curve import GroupedBounds
from gapkit.results.records import AisConvergence, AisPoint, Convergence, FitConvergence, FitPoint, NoisyMean
from gapkit.target.work import Work as Counted

__all__ = ["UnstorableError", "pack", "unpack"]

_KNOWN: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Again,
        AisConvergence,
        AisPoint,
        Bounds,
        Certificate,
        Chosen,
        Convergence,
        Cost,
        Counted,
        Difference,
        Estimate,
        Evidence,
        Explored,
        Finished,
        FitConvergence,
        FitPoint,
        Found,
        GroupedBounds,
        Kept,
        Key,
        Loaded,
        LocalFit,
        LocalFits,
        Marginals,
        Modes,
        NoisyMean,
        Unit,
        Watched,
        *STORED,
    )
}
_WORDS: dict[str, type[Enum]] = {kind.__name__: kind for kind in (Bound,)}
_PLAIN = (type(None), bool, int, float, str)


class UnstorableError(TypeError):
    """A value that has parts of a kind that cannot be stored: the user's own code, say."""


@dataclass
class _Views:
    """The tensors of a value that lie in one piece of memory.

    Attributes:
        first: one of them.
        nodes: of the tree, to be filled in, each with its tensor.
    """

    first: Tensor
    nodes: list[tuple[list[Any], Tensor]] = field(default_factory=list)

    def flat(self) -> Tensor | None:
        """The whole piece, if its tensors are a good part of it."""
        seen = {(tensor.shape, tensor.stride(), tensor.storage_offset()): tensor for _, tensor in self.nodes}
        used = sum(_distinct(tensor) for tensor in seen.values())
        storage = self.first.untyped_storage()
        count = storage.nbytes() // self.first.element_size()
        if count > 2 * used + 64:
            return None
        empty = torch.empty(0, dtype=self.first.dtype, device=self.first.device)
        return empty.set_(storage, 0, (count,), (1,))


@dataclass
class _Packer:
    """Collects the tensors of a value, by the memory they lie in."""

    memory: dict[tuple[int, torch.dtype], _Views] = field(default_factory=dict)

    def tree(self, value: Any) -> Any:
        """The value as a tree of JSON values."""
        if isinstance(value, Enum):
            return {"word": [type(value).__name__, value.value]} if type(value).__name__ in _WORDS else self._no(value)
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, np.generic):
            return {"number": self.tree(np.asarray(value))}
        if isinstance(value, Tensor):
            return {"tensor": self._tensor(value)}
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "fiub":
                return {"words": value.tolist()} if value.dtype.kind == "U" else self._no(value)
            return {"array": self._tensor(torch.from_numpy(np.array(value, order="C")))}
        if isinstance(value, pd.DataFrame):
            return {"table": [[str(name), self._column(value[name])] for name in value]}
        if isinstance(value, list | tuple) and type(value) in (list, tuple):
            return {type(value).__name__: [self.tree(part) for part in value]}
        if isinstance(value, Mapping):
            return {"mapping": [[self.tree(key), self.tree(part)] for key, part in value.items()]}
        if _KNOWN.get(type(value).__name__) is type(value):
            parts = {part.name: self.tree(getattr(value, part.name)) for part in dataclasses.fields(value)}
            return {"value": [type(value).__name__, parts]}
        return self._no(value)

    def _no(self, value: Any) -> Any:
        raise UnstorableError(f"a {type(value).__module__}.{type(value).__qualname__} cannot be stored")

    def _column(self, column: pd.Series) -> Any:
        return self.tree(column.to_numpy()) if column.dtype.kind in "fiub" else {"list": column.tolist()}

    def _tensor(self, tensor: Tensor) -> list[Any]:
        """Name of its piece of memory, shape, strides and offset: filled in when all tensors are known."""
        tensor, node = tensor.detach(), list[Any]()
        place = (tensor.untyped_storage().data_ptr(), tensor.dtype)
        self.memory.setdefault(place, _Views(tensor)).nodes.append((node, tensor))
        return node

    def tensors(self) -> dict[str, Tensor]:
        """All of them by name, flat; the tree then names them."""
        named: dict[str, Tensor] = {}
        for views in self.memory.values():
            flat = views.flat()
            if flat is not None:
                shared = f"t{len(named)}"
                named[shared] = flat.cpu()
            for node, tensor in views.nodes:
                part, name = tensor, shared if flat is not None else f"t{len(named)}"
                if flat is None:
                    part = _apart(tensor)
                    named[name] = part.as_strided((_distinct(part),), (1,), 0).cpu()
                node += [name, list(part.shape), list(part.stride()), part.storage_offset()]
        return named


def _distinct(tensor: Tensor) -> int:
    """How many numbers of a tensor are not repeated by an axis of stride 0."""
    axes = zip(tensor.shape, tensor.stride(), strict=True)
    return math.prod(length if step else min(length, 1) for length, step in axes)


def _apart(tensor: Tensor) -> Tensor:
    """The same values in memory of their own, dense; axes in the same order, and repeated ones still repeated."""
    once, strides = tensor, tuple(tensor.stride())
    for axis, step in enumerate(strides):
        once = once if step else once.narrow(axis, 0, min(1, tensor.shape[axis]))
    order = sorted(range(len(strides)), key=lambda axis: (-strides[axis], axis))
    dense = once.permute(order).contiguous().clone()
    back = [order.index(axis) for axis in range(once.dim())]
    return dense.permute(back).expand(tensor.shape)


def pack(value: Any) -> tuple[Any, dict[str, Tensor]]:
    """A value as a tree of JSON values, and the tensors that it names, flat and on the CPU.

    Raises:
        UnstorableError: a part of it is of no kind that can be stored.

    Example:
        >>> tree, tensors = pack({"a": torch.zeros(2), "b": (1, None)})
        >>> list(tensors), unpack(tree, tensors)["b"]
        (['t0'], (1, None))
    """
    packer = _Packer()
    tree = packer.tree(value)
    return tree, packer.tensors()


def unpack(tree: Any, tensors: Mapping[str, Tensor], device: torch.device | str = "cpu") -> Any:
    """The value that :func:`pack` was given.

    Args:
        tree: as :func:`pack` made it.
        tensors: by name.
        device: for tensors; arrays stay in main memory.

    Raises:
        ValueError: a tree of another kind.
    """
    placed = {name: tensor.to(device) for name, tensor in tensors.items()}

    def made(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        ((kind, content),) = node.items()
        match kind:
            case "tensor":
                name, size, stride, offset = content
                return placed[name].as_strided(size, stride, offset)
            case "array":
                name, size, _, _ = content
                return tensors[name].reshape(size).numpy()
            case "number":
                return made(content)[()]
            case "words":
                return np.array(content)
            case "word":
                return _WORDS[content[0]](content[1])
            case "list":
                return [made(part) for part in content]
            case "tuple":
                return tuple(made(part) for part in content)
            case "mapping":
                return {made(key): made(part) for key, part in content}
            case "table":
                return pd.DataFrame({name: made(column) for name, column in content})
            case "value":
                return _KNOWN[content[0]](**{name: made(part) for name, part in content[1].items()})
        raise ValueError(f"a part of the kind {kind!r:.40}")

    return made(tree)
