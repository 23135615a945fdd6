"""What a conditional model is given beside x: the labels of the data, or arrays that lie beside them."""

import os
from pathlib import Path

import numpy as np
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.inputs.data.dataset import Labelled, require_numbers
from gapkit.inputs.data.files import READERS
from gapkit.inputs.data.load import names_function

__all__ = ["LABELS", "condition_of"]

LABELS = "labels"
_NAMED = (".npz", ".pt", ".pth", ".h5ad")


def condition_of(
    names: str, part: Labelled, source: str, size: int, split: str, limit: int | None = None
) -> Tensor | dict[str, Tensor]:
    """The condition of the datapoints of a split.

    Args:
        names: ``labels`` for the labels of the data, which must be numbers, else the name of an array beside x in a
            ``.npz`` or ``.pt`` file, where ``NAME_test`` and ``NAME_train`` come before ``NAME``; several with commas
            between them.
        part: the data.
        source: name, file or function that the data come from.
        size: number of datapoints N.
        split: ``test`` or ``train``.
        limit: how many of the first datapoints were read.

    Returns:
        Shape (N, ...): whole numbers as int64, all others as float32; several by their names.

    Raises:
        InputError: there is no such array, none for each datapoint, labels that are missing, or no numbers.

    Example:
        >>> from gapkit.inputs.data import load
        >>> digits = load("digits", limit=3)
        >>> condition_of("labels", digits, "digits", 3, "test")
        tensor([1, 7, 4])
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise InputError(f"--condition {names!r}", "no name", "name an array beside x, or labels")
    found = {name: _one(name, part, source, size, split, limit) for name in wanted}
    return found[wanted[0]] if len(wanted) == 1 else found


def _one(name: str, part: Labelled, source: str, size: int, split: str, limit: int | None) -> Tensor:
    asked = f"take {name} of {part.name} as the condition ({split})"
    if name == LABELS or Path(source).suffix in (".csv", ".parquet"):
        if part.labels is None:
            do = "store them as y, or name their column with --label-column; or name another array beside x"
            raise InputError(asked, "data without labels", do)
        if part.classes is not None and not part.numbered:
            found = f"words ({', '.join(part.classes[:4])}, ...), whose numbers would depend on which of them were read"
            raise InputError(asked, found, "store the whole numbers that the model was trained with")
        labels = part.labels
        if labels.is_floating_point() and bool(labels.isnan().any()):
            count = int(labels.isnan().sum())
            raise InputError(asked, f"{count} datapoints without a label", "fill them in, or leave them out")
        return labels.float() if labels.is_floating_point() else labels.long()
    values = require_numbers(_array(name, source, split, limit, asked), asked)
    values = values[:size] if limit is not None else values
    if values.dim() == 0 or len(values) != size:
        found = f"shape {tuple(values.shape)} for {size} datapoints"
        raise InputError(
            asked, found, f"store one row for each datapoint, as {name}_{split} where splits have their own"
        )
    return values.float() if values.is_floating_point() else values.long()


def _array(name: str, source: str, split: str, limit: int | None, asked: str) -> np.ndarray | Tensor:
    """The array as it is stored."""
    both = (f"{name}_{split}", name)
    if names_function(source):
        do = "have it return x with the condition as y, and use --condition labels; or write both to a .npz file"
        raise InputError(asked, "a function, which may give other datapoints when it is called again", do)
    path = Path(os.path.expanduser(source))
    if path.suffix not in _NAMED:
        do = "use labels (of a table: --label-column NAME --condition labels), or a .npz, .pt or .h5ad file with it too"
        raise InputError(asked, "a source without named arrays", do)
    reader = READERS[path.suffix]
    try:
        return reader(path, split, both[0], limit).x
    except InputError:
        pass
    try:
        return reader(path, split, both[1], limit).x
    except InputError as error:
        raise InputError(asked, error.found, "name one of them with --condition") from error
