"""Data as training loops have them, a ``torch.utils.data`` Dataset or DataLoader, as one tensor with its labels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler, Subset, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from gapkit.core.errors import InputError
from gapkit.inputs.data.dataset import Dataset

__all__ = ["unpacked"]

MAX_VALUES = 2**30  # 4 GiB in float32
_ASKED = "data as a tensor of shape (N, ...), an array, a Dataset or a DataLoader"
_DATA = ("x", "image", "images", "img", "pixel_values", "input", "inputs", "data", "features")
_LABELS = ("label", "labels", "y", "target", "targets", "class")
_YOURSELF = "pass the tensor itself: x = torch.stack([dataset[i][0] for i in range(1000)])"


def unpacked(x: Any, labels: Any) -> tuple[Any, Any]:
    """Replace Datasets and DataLoaders by their tensors; all else is returned as it is.

    A DataLoader stands for its dataset, in the dataset's order. The second part of a datapoint is its label where that
    is one whole number; labels are words where the dataset names its classes (``classes``, as those of torchvision, or
    a ``ClassLabel`` of Hugging Face).

    Args:
        x: data, or several by the name of their split.
        labels: None takes those of the data, where there are any; others are kept.

    Raises:
        InputError: a Dataset without length or with more than 2^30 values, or datapoints that are no tensors of one
            shape.

    Example:
        >>> data = TensorDataset(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
        >>> x, labels = unpacked(DataLoader(data, batch_size=2, shuffle=True), None)
        >>> x.shape, labels.tolist()
        (torch.Size([3, 2]), [0, 1, 1])
    """
    if isinstance(x, Mapping):
        parts = {name: _taken(part) for name, part in x.items()}
        own = {name: part[1] for name, part in parts.items()}
        found = own if any(label is not None for label in own.values()) else None
        return {name: part[0] for name, part in parts.items()}, found if labels is None else labels
    taken, found = _taken(x)
    return taken, found if labels is None else labels


def _taken(x: Any) -> tuple[Any, Any]:
    if isinstance(x, Dataset):
        return x.x, x.label_values
    if isinstance(x, DataLoader):
        if isinstance(x.dataset, IterableDataset) or not isinstance(x.sampler, SequentialSampler | RandomSampler):
            found = "a DataLoader that streams, or has a sampler of its own, so that its datapoints have no fixed order"
            raise InputError(_ASKED, found, _YOURSELF)
        x = x.dataset
    if isinstance(x, TensorDataset):
        first, *others = x.tensors
        label = next((other for other in others if other.dim() == 1 and not other.is_floating_point()), None)
        return first, label
    rows = isinstance(x, TorchDataset) or hasattr(x, "column_names")  # as those of Hugging Face, in memory
    if not rows:
        return x, None
    stacked, labels = _stacked(x)
    return stacked, labels if labels is None else _in_words(labels, _names(x))


def _names(data: Any) -> list[str]:
    """What the labels 0, 1, ... of a dataset stand for, where it says so; else nothing."""
    while isinstance(data, Subset):
        data = data.dataset
    if getattr(data, "target_transform", None) is not None:  # the labels are others then
        return []
    names = getattr(data, "classes", None)
    features = getattr(data, "features", None)
    if names is None and isinstance(features, Mapping):
        names = next((getattr(features[name], "names", None) for name in _LABELS if name in features), None)
    words = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
    return list(names) if words and len(set(names)) == len(names) else []  # type: ignore[arg-type]


def _in_words(labels: np.ndarray, names: list[str]) -> np.ndarray:
    """The names of labels; where there is not one for each of them, the numbers."""
    inside = len(names) > 0 and labels.min() >= 0 and labels.max() < len(names)
    return np.array(names)[labels] if inside else labels


def _stacked(data: Any) -> tuple[Tensor, np.ndarray | None]:
    name = type(data).__name__
    if not hasattr(data, "__len__") or isinstance(data, IterableDataset):
        raise InputError(_ASKED, f"{name}, a Dataset without length", _YOURSELF)
    rows, labels = list[Tensor](), list[int]()
    for index in range(len(data)):
        row, label = _pair(data[index], name)
        if rows and row.shape != rows[0].shape:
            found = f"{name}, whose datapoint 0 has shape {tuple(rows[0].shape)} and {index} {tuple(row.shape)}"
            raise InputError(_ASKED, found, "bring all datapoints to one shape")
        if row.numel() * len(data) > MAX_VALUES:
            found = f"{name} of {len(data)} datapoints with {row.numel()} values each, more than fit in one tensor"
            raise InputError(_ASKED, found, "pass a part of it: torch.utils.data.Subset(dataset, range(1000))")
        rows.append(row)
        if label is not None:
            labels.append(label)
    if not rows:
        raise InputError(_ASKED, f"{name} without datapoints", "give at least one")
    return torch.stack(rows), np.array(labels) if len(labels) == len(rows) else None


def _by_name(item: Mapping[str, Any]) -> tuple[Any, ...]:
    """The data and the label of a datapoint that names its parts; the only one, or those of usual names."""
    label = next((name for name in _LABELS if name in item), None)
    rest = [name for name in item if name != label]
    data = next((name for name in _DATA if name in rest), rest[0] if len(rest) == 1 else None)
    if data is None:
        found = f"datapoints with the parts {', '.join(map(str, item))}, none of which is called {' or '.join(_DATA)}"
        raise InputError(_ASKED, found, "let the data set give (x, label), or call one of them x")
    return (item[data], item[label]) if label is not None else (item[data],)


def _pair(item: Any, name: str) -> tuple[Tensor, int | None]:
    """One datapoint and its label, if it has one."""
    if isinstance(item, Mapping):
        item = _by_name(item)
    parts = item if isinstance(item, tuple | list) and item else (item,)
    first, second = parts[0], parts[1] if len(parts) > 1 else None
    if isinstance(first, np.ndarray) and first.dtype.kind in "fiub":
        first = torch.from_numpy(first)
    if not isinstance(first, Tensor):
        found = f"{name}, whose datapoints are of type {type(first).__name__}"
        images = "let its transform make tensors (torchvision.transforms.ToTensor())"
        raise InputError(_ASKED, found, images if hasattr(first, "getpixel") else _YOURSELF)
    if isinstance(second, Tensor | np.ndarray | np.generic) and np.ndim(second) == 0:
        second = second.item()
    whole = isinstance(second, int) and not isinstance(second, bool)
    return first, second if whole else None
