"""Nested values with one row per datapoint: a tensor, or tuples, lists and mappings of such.

A condition may have any such form: class labels, or a batch index beside a library size, or a set of examples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.rows import Rows

__all__ = ["Tree", "as_tree", "branches", "concatenated", "leaves", "mapped", "repeated", "rows_of", "size_of"]

Tree = Any  # a tensor, Rows, or a tuple, list or mapping of trees


def mapped(tree: Tree, change: Callable[[Any], Any]) -> Tree:
    """A tree of the same form, of changed leaves; tuples with names keep them, and None stays None.

    Example:
        >>> mapped({"a": (1, [2])}, lambda leaf: 10 * leaf)
        {'a': (10, [20])}
    """
    if tree is None:
        return None
    if isinstance(tree, Mapping):
        return {name: mapped(part, change) for name, part in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(mapped(part, change) for part in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(mapped(part, change) for part in tree)
    return change(tree)


def branches(tree: Tree, path: str = "") -> Iterator[tuple[str, Any]]:
    """All leaves with their places, such as ``['batch'][0]``.

    Example:
        >>> dict(branches({"a": (1, 2)}))
        {"['a'][0]": 1, "['a'][1]": 2}
    """
    if isinstance(tree, Mapping):
        for name, part in tree.items():
            yield from branches(part, f"{path}[{name!r}]")
    elif isinstance(tree, tuple | list):
        for place, part in enumerate(tree):
            yield from branches(part, f"{path}[{place}]")
    else:
        yield path, tree


def leaves(tree: Tree) -> list[Any]:
    """All leaves, in their order."""
    return [leaf for _, leaf in branches(tree)]


def rows_of(tree: Tree, rows: Any) -> Tree:
    """Some rows of every leaf."""
    return mapped(tree, lambda leaf: leaf[rows])


def repeated(tree: Tree, times: int) -> Tree:
    """All rows so many times, one round after the other.

    Example:
        >>> repeated(torch.tensor([1, 2]), 2)
        tensor([1, 2, 1, 2])
    """
    return mapped(tree, lambda leaf: leaf.repeat(times, *[1] * (leaf.dim() - 1)))


def concatenated(trees: Sequence[Tree]) -> Tree:
    """Trees of one form as one, their rows one after the other.

    Example:
        >>> concatenated([{"a": torch.tensor([1])}, {"a": torch.tensor([2, 3])}])
        {'a': tensor([1, 2, 3])}
    """
    columns = zip(*(leaves(tree) for tree in trees), strict=True) if trees[0] is not None else iter(())
    whole = iter([torch.cat(column) for column in columns])
    return mapped(trees[0], lambda _: next(whole))


def size_of(tree: Tree) -> int:
    """Number of rows N."""
    return len(leaves(tree)[0])


def as_tree(tree: Tree, size: int | None = None, asked: str = "a condition") -> Tree:
    """A condition as it is taken: leaves are tensors (or read when they are wanted), one row per datapoint.

    Args:
        tree: as it was given; lists of numbers are data, and not trees.
        size: number of datapoints N; None takes that of the first leaf.
        asked: what it is, for messages.

    Raises:
        InputError: no leaves, values that are no numbers, another number of rows, or values that are not finite.

    Example:
        >>> as_tree({"label": np.array([1, 2])}, 2)
        {'label': tensor([1, 2])}
    """
    if isinstance(tree, list):  # what people write for a column of numbers
        of_arrays = any(isinstance(part, Tensor | np.ndarray | Rows) for part in tree)
        try:
            tree = tuple(tree) if of_arrays else np.array(tree)
        except ValueError as error:
            raise InputError(asked, "a list of rows of different lengths", "give rows of one length") from error
    places = dict(branches(tree))
    if not places:
        raise InputError(asked, f"an empty {type(tree).__name__}", "give a value for every datapoint, or leave it out")
    if size is None:
        shape: tuple[int, ...] = tuple(getattr(next(iter(places.values())), "shape", ()))
        if len(shape) < 1 or not shape[0]:
            raise InputError(asked, f"shape {shape}", "give it rows: shape (N, ...) with N >= 1")
        size = shape[0]
    for path, leaf in places.items():
        where = f" at {path}" if path else ""
        do = f"give numbers of shape ({size}, ...): words as whole numbers, by np.unique(words, return_inverse=True)[1]"
        kind = getattr(getattr(leaf, "dtype", None), "kind", "f")
        if not isinstance(leaf, Tensor | np.ndarray | Rows) or kind not in "fiub":
            raise InputError(
                asked,
                f"{type(leaf).__name__} of {kind}{where}" if kind in "UO" else f"a {type(leaf).__name__}{where}",
                do,
            )
        if len(leaf.shape) < 1 or len(leaf) != size:
            found = f"shape {tuple(leaf.shape)}{where} for {size} datapoints"
            raise InputError(f"{asked} with a row for every datapoint", found, do)
        whole = leaf if isinstance(leaf, Rows) else _tensor(leaf)
        if isinstance(whole, Tensor) and whole.dtype.is_floating_point and not bool(whole.isfinite().all()):
            rows = (~whole.reshape(size, -1).isfinite().all(1)).nonzero()
            found = f"NaN or infinity in {len(rows)} rows{where}, first in {int(rows[0])}"
            raise InputError(f"{asked} that is finite", found, "clean it")
    return mapped(tree, lambda leaf: leaf if isinstance(leaf, Rows) else _tensor(leaf))


def _tensor(leaf: Tensor | np.ndarray) -> Tensor:
    """Also of arrays that run backwards."""
    return leaf if isinstance(leaf, Tensor) else torch.from_numpy(np.ascontiguousarray(leaf))
