"""The value every data source ends in: one float32 tensor with its provenance, checked once."""

import hashlib
from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.inputs.data.scaling import Scaling

__all__ = ["Dataset", "Form", "Labelled", "Raw", "finish", "labels_of", "require_numbers"]


@dataclass(frozen=True)
class Raw:
    """What a reader hands over: the array as it lies in its source.

    Attributes:
        x: (N, ...), any numeric dtype.
        labels: (N,) or ``None``.
        split: the split the source made, or ``"all"`` when it makes none.
        images: uint8 values are pixel intensities, also when none exceeds 1.
        scaling: what the source itself did to the values, in words.
        notes: what else the user should know, such as where the labels come from.
        classes: what the labels 0, 1, ... stand for, where they are numbers and the source names them.
    """

    x: np.ndarray | Tensor
    labels: np.ndarray | Tensor | None = None
    split: str = "all"
    images: bool = False
    scaling: str = "none"
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Labelled:
    """What is told of data beside their values.

    Attributes:
        labels: (N,), int64 or float, or ``None``. Text labels are positions in ``classes``, -1 where one is missing.
        name: where the data come from, as the user wrote it.
        split: ``"train"``, ``"test"``, or ``"all"`` when the source makes no difference.
        sha256: of the data, hexadecimal.
        classes: the words of text labels, sorted, or the names of numbered classes; ``None`` where labels are numbers
            without names, or there are none.
        scaling: what was done to the values as they are stored, in words; "none" for nothing.
        notes: what else the user should know, such as where the labels come from.
        numbered: the labels are the source's own numbers, which ``classes`` names: no words that were numbered here.
    """

    labels: Tensor | None
    name: str
    split: str
    sha256: str
    classes: tuple[str, ...] | None
    scaling: str
    notes: tuple[str, ...]
    numbered: bool = field(default=False, kw_only=True)

    @property
    def label_values(self) -> np.ndarray | None:
        """Labels as the source has them, shape (N,): numbers, or words with ``None`` where one is missing.

        ``None`` without labels, and where a datapoint has several.
        """
        if self.labels is None or self.labels.ndim != 1:
            return None
        positions = self.labels.numpy()
        return positions if self.classes is None else np.array([*self.classes, None], dtype=object)[positions]


@dataclass(frozen=True)
class Dataset(Labelled):
    """Data to train on or to analyse.

    Attributes:
        x: (N, *x_shape), float32, finite; ``sha256`` is that of its bytes.
    """

    x: Tensor

    def __len__(self) -> int:
        """Return N, the number of datapoints."""
        return len(self.x)


def finish(raw: Raw, name: str, limit: int | None = None, scale: str | None = None, *, counts: bool = False) -> Dataset:
    """Bring a reader's array into the common form: shape, scale, float32; refuse what cannot be analysed.

    uint8 (N, H, W) becomes (N, 1, H, W), and (N, H, W, C) with C = 1 or 3 becomes (N, C, H, W), where it holds uint8 or
    nothing outside [0, 1]; uint8 intensities are divided by 255, unless the array is binary (nothing above 1), they are
    counts, or another scale is wanted. Other integers stay counts.

    Args:
        raw: what the reader found.
        name: the source, for messages and provenance.
        limit: keep only the first ``limit`` datapoints.
        scale: ``none``, ``unit`` or ``LOW,HIGH``; None divides 8-bit pixels by 255 and leaves all else alone.
        counts: whole numbers stay as they are, also those of 8 bits, unless a scale is asked for.

    Returns:
        The data set.

    Raises:
        InputError: no datapoints, values that are not real numbers, NaN or Inf, labels of another length.
    """
    asked = f"read data from {name}"
    x = require_numbers(raw.x, asked)
    if x.ndim == 0 or x.numel() == 0:
        raise InputError(asked, f"an array of shape {tuple(x.shape)}", "pass at least one datapoint, shape (N, ...)")
    if x.ndim == 1:
        do = "reshape one-dimensional data to (N, 1); one single datapoint to (1, ...)"
        raise InputError(asked, f"an array of shape {tuple(x.shape)}, not (N, ...)", do)
    labels, classes = (None, None) if raw.labels is None else labels_of(raw.labels, len(x), asked)
    numbered = labels is not None and classes is None and raw.classes is not None
    if numbered:
        classes = _naming(raw.classes or (), labels, asked)
    form = Form.of(x, scale, images=raw.images, counts=counts, asked=asked)
    if limit is not None:
        x, labels = x[:limit], None if labels is None else labels[:limit]
    x = form(x)
    done = raw.scaling if form.scaling.words == "none" else form.scaling.words
    digest = hashlib.sha256(x.numpy().data).hexdigest()
    notes = (*raw.notes, *form.notes)
    return Dataset(labels, name, raw.split, digest, classes, done, notes, x, numbered=numbered)


@dataclass(frozen=True)
class Form:
    """From values as they are stored to those that models are given.

    Attributes:
        eight_bit: whether they are pixels of 8 bits.
        scaling: what is done to them.
        asked: beginning of error messages.
        moved: whether channels are moved from behind to the front.
    """

    eight_bit: bool
    scaling: Scaling
    asked: str
    moved: bool = False

    @staticmethod
    def of(stored: Tensor, scale: str | None, *, images: bool, counts: bool, asked: str) -> "Form":
        """Decide it on all values, or on many; :func:`finish` tells how, and what is raised."""
        eight_bit = stored.dtype == torch.uint8 and (images or bool((stored > 1).any()))
        scale = "none" if counts and scale is None else scale
        scaling = Scaling.of(stored, scale, eight_bit=eight_bit, asked=asked)
        return Form(eight_bit, scaling, asked, channels_last(stored))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of it beside the scaling."""
        return ("channels are moved from the last axis to the first",) if self.moved else ()

    def __call__(self, x: Tensor) -> Tensor:
        """Some datapoints as they are stored, (P, ...), in the form: float32, channels first, scaled.

        Raises:
            InputError: NaN or Inf.
        """
        if x.dtype == torch.uint8 and x.ndim == 3:
            x = x.unsqueeze(1)
        elif self.moved:
            x = x.permute(0, 3, 1, 2)
        x = x.to(torch.float32, memory_format=torch.contiguous_format, copy=True).contiguous()
        _require_finite(x, self.asked)
        return self.scaling(x)


def channels_last(x: Tensor) -> bool:
    """Whether images, (N, H, W, C), have their channels behind: pixels of 8 bits, or values in [0, 1].

    Example:
        >>> channels_last(torch.zeros(2, 8, 8, 3, dtype=torch.uint8)), channels_last(torch.rand(2, 8, 8, 3))
        (True, True)
        >>> channels_last(torch.randn(20, 8, 8, 3)), channels_last(torch.rand(2, 3, 8, 8))
        (False, False)
    """
    if x.ndim != 4 or x.shape[-1] not in (1, 3) or x.shape[1] in (1, 3):
        return False
    return x.dtype == torch.uint8 or (x.is_floating_point() and bool(((x >= 0) & (x <= 1)).all()))


def require_numbers(array: np.ndarray | Tensor, asked: str) -> Tensor:
    """A copy of an array of real numbers, or a tensor of such, on the CPU.

    Raises:
        InputError: other values.
    """
    if isinstance(array, Tensor):
        tensor = array.detach().cpu()
        if tensor.is_complex() or tensor.is_quantized or tensor.layout != torch.strided:
            raise InputError(asked, f"a tensor of type {tensor.dtype}, {tensor.layout}", "pass dense real numbers")
        return tensor
    array = np.asarray(array)
    if array.dtype.kind not in "fiub":
        do = "pass real numbers: float, integer, uint8 or bool arrays, without objects, texts or dates"
        raise InputError(asked, f"an array of dtype {array.dtype}", do)
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("="), order="C"))


def labels_of(labels: np.ndarray | Tensor, size: int, asked: str) -> tuple[Tensor, tuple[str, ...] | None]:
    """Labels as a tensor, and the words that its numbers stand for."""
    classes = None
    if not isinstance(labels, Tensor):
        values = np.asarray(labels)
        if values.dtype.kind not in "fiub":
            try:
                values, classes = _numbered(values)
            except (UnicodeError, ValueError, TypeError) as error:
                raise InputError(asked, f"labels that are no words ({error})", "store words or numbers") from error
        labels = require_numbers(values, asked)
    labels = labels.detach().cpu()
    if len(labels.shape) == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 0 or len(labels) != size:
        found = f"{size} datapoints and labels of shape {tuple(labels.shape)}"
        raise InputError(asked, found, "store one label for each datapoint, or none")
    return (labels if labels.is_floating_point() else labels.long()), classes


def _naming(classes: tuple[str, ...], labels: Tensor | None, asked: str) -> tuple[str, ...]:
    """The names of numbered classes, if they name all labels; -1 is one that is missing."""
    assert labels is not None
    named = not labels.is_floating_point() and labels.ndim == 1
    if named and int(labels.min()) >= -1 and int(labels.max()) < len(classes):
        return classes
    shown = f"from {labels.min()} to {labels.max()}" if named else f"of {labels.dtype}, shape {tuple(labels.shape)}"
    do = "give a name for each class, that of label 0 first, and whole labels"
    raise InputError(asked, f"names of {len(classes)} classes, and labels {shown}", do)


def _numbered(values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Words by their position in the sorted list of them, -1 where one is missing; objects that are numbers as such."""
    import pandas

    missing = pandas.isna(values)
    if values.dtype == object and all(isinstance(value, Real) for value in values[~missing]):
        numbers = np.array(np.where(missing, np.nan, values).tolist())
        if numbers.dtype.kind in "fiub":
            return numbers, None
    words, found = np.unique(values[~missing].astype(str), return_inverse=True)
    positions = np.full(values.shape, -1)
    positions[~missing] = found
    return positions, tuple(words.tolist())


def _require_finite(x: Tensor, asked: str) -> None:
    bad = ~torch.isfinite(x)
    if bad.any():
        first = tuple(bad.nonzero()[0].tolist())
        found = f"{int(bad.sum())} of {x.numel()} values NaN or infinite in float32, the first at index {first}"
        raise InputError(asked, found, "remove or replace them")
