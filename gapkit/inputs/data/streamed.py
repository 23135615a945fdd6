"""Data that stay on the disk: where they lie, and the form that models are given them in, decided on a sample."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.files import ROOM, check_room, on_disk
from gapkit.core.rows import Rows
from gapkit.inputs.data.binarize import binarize
from gapkit.inputs.data.dataset import Form, Labelled, labels_of
from gapkit.inputs.data.row_groups import Parquet
from gapkit.inputs.data.shards import Parts
from gapkit.inputs.data.streams import bytes_of
from gapkit.inputs.data.table import bright, label_column, like_pixels

__all__ = ["STREAM_FROM", "Binarized", "Streamed", "streamed"]

STREAM_FROM = 2**28  # bytes as float32
_BESIDE = 100  # bytes that a run holds of a datapoint, at least, whatever its size


@dataclass(frozen=True)
class Streamed(Labelled):
    """Data that are read when they are wanted; as :class:`Dataset` but for ``x``.

    Attributes:
        x: of shape (N, *x_shape), float32, finite: what is not is refused when it is read.
        sha256: of the bytes of a sample, the shape and the type as it is stored; of a unit, all bytes belong to what
            it is made of.
    """

    x: Rows

    def __len__(self) -> int:
        """Return N, the number of datapoints."""
        return len(self.x)


@dataclass(frozen=True)
class Binarized:
    """The step that makes datapoints binary, see :func:`gapkit.inputs.data.binarize`.

    Attributes:
        how: ``threshold`` or ``sample``.
        seed: of the draws.
    """

    how: str
    seed: int

    def __call__(self, x: Tensor, rows: Sequence[int]) -> Tensor:
        """Zeros and ones of the same shape; a datapoint's draw depends on its place in the data alone."""
        return binarize(x, self.how, self.seed, rows)


@dataclass(frozen=True)
class _Formed:
    """The step from what is stored to the form that models are given, which was decided on a sample."""

    form: Form
    pixels: bool = False  # of a table, stored as other numbers
    unsure: bool = False  # whether a table holds pixels, because its file does not tell the largest value
    as_stored: bool = False  # whatever the values are, nothing is done to them

    def __call__(self, x: Tensor, rows: Sequence[int]) -> Tensor:
        bad = ~x.flatten(1).isfinite().all(1)
        if bool(bad.any()):
            first = rows[int(bad.nonzero()[0])]
            raise InputError(self.form.asked, f"NaN or infinity in datapoint {first}", "remove or replace it")
        self._require_as_sampled(x, rows)
        return self.form(x.to(torch.uint8) if self.pixels else x)

    def _require_as_sampled(self, x: Tensor, rows: Sequence[int]) -> None:
        """Refuse values that would have led to another form, had they been in the sample."""
        top = self.form.scaling.top
        if self.as_stored and not self.form.moved:
            return
        if self.unsure and not self.pixels:
            other = x > 127
        elif self.pixels:
            other = (x < 0) | (x > 255) | (x != x.round())
        elif self.form.moved and x.is_floating_point():  # else some images would have their channels behind
            other = (x < 0) | (x > 1)
        elif top is not None and not self.form.eight_bit:
            other = (x < 0) | (x > top)
        elif x.dtype == torch.uint8 and not self.form.eight_bit:
            other = x > 1
        else:
            return
        if bool(other.any()):
            found = f"the value {float(x[other][0]):g} among datapoints {rows[0]} to {rows[-1]}, unlike all of a sample"
            do = "leave all as stored (--scale none), or scale them in a function of your own (--data file.py:function)"
            raise InputError(self.form.asked, found, do)


def streamed(
    parts: Parts,
    name: str,
    limit: int | None = None,
    scale: str | None = None,
    wanted_label: str | None = None,
    *,
    counts: bool = False,
) -> Streamed | None:
    """Data that are left where they lie; None where they are few, and better read at once.

    Args:
        parts: where they lie.
        name: the source, for messages and provenance.
        limit: keep only the first ``limit`` datapoints.
        scale: see :func:`gapkit.inputs.data.load`, like the others; decided on a sample of a thousand.
        wanted_label: the column of the labels.
        counts: the data are counts or classes.

    Raises:
        InputError: the data cannot be used, or not be read a few at a time.
    """
    asked, reader, notes = f"read data from {name}", parts.reader, parts.notes
    if len(reader.shape) < 2 or bytes_of(reader.shape, limit) <= STREAM_FROM:
        return None
    parts.require_columns(asked, wanted_label)
    # A small file that says it holds very many datapoints is refused, as it is where all is read.
    what = f"{reader.shape[0]:,} datapoints of shape {tuple(reader.shape[1:])}"
    check_room(sum(on_disk(path) for path in parts.paths), asked, _BESIDE * len(reader), len(reader), what)
    labels = classes = None
    if parts.tables:
        found = label_column(parts.tables[0].columns, asked, wanted_label)
        if found is not None:
            words = np.concatenate([table.column(found) for table in parts.tables])
            labels, classes = labels_of(words, len(reader), asked)
            labels = labels if limit is None else labels[:limit]
            parts, notes = parts.without(found), (*notes, f"labels from the column {found}")
            reader = parts.reader
    try:
        reader.check()
    except InputError:
        if limit is not None or 2 * bytes_of(reader.shape, None) <= ROOM:
            return None  # it is read at once, as small data are
        raise
    rows = Rows(reader, (), limit)
    sample = rows.sample()
    as_stored = scale == "none" or (counts and scale is None)
    pixels, unsure = (False, False) if as_stored else _pixels(sample, parts.tables)
    stored = sample.to(torch.uint8) if pixels else sample
    form = Form.of(stored, scale, images=parts.images or pixels, counts=counts, asked=asked)
    x = rows.map(_Formed(form, pixels, unsure, as_stored))
    told = hashlib.sha256(repr((tuple(rows.shape), str(rows.dtype))).encode())
    told.update(x.sample().numpy().data)
    notes = (*notes, *form.notes, f"read in parts; a sample of {len(sample):,} was looked at")
    return Streamed(labels, name, parts.split, told.hexdigest(), classes, form.scaling.words, notes, x)


def _pixels(sample: Tensor, tables: Sequence[Parquet]) -> tuple[bool, bool]:
    """Whether a table holds pixels, by all its values; and whether that is known of a sample alone."""
    if not tables or not like_pixels(tables[0].columns) or not all(table.whole for table in tables):
        return False, False
    ends = [table.extremes() for table in tables]
    known = [end for end in ends if end is not None]
    if len(known) == len(ends):
        return bright(min(low for low, _ in known), max(high for _, high in known)), False
    return bright(float(sample.min()), float(sample.max())), True
