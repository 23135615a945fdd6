"""Where data lie that may be too large to be read at once: a file, or a folder of files that belong together."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gapkit.core.errors import InputError
from gapkit.core.files import kind_of, read_npy, read_parquet
from gapkit.inputs.data.dataset import Raw
from gapkit.inputs.data.images import image_files
from gapkit.inputs.data.row_groups import Parquet, Recent
from gapkit.inputs.data.streams import Images, Joined, Mapped
from gapkit.inputs.data.table import read_table

__all__ = ["Parts", "parts_of"]

SUFFIXES = (".npy", ".parquet")
_ENOUGH = 100


@dataclass(frozen=True)
class Parts:
    """Where data lie.

    Attributes:
        reader: of all.
        paths: of the files, in order.
        split: that they are, ``all`` where the source makes no difference.
        images: whether they are images.
        tables: of a table, the parts with all their columns.
        notes: what else the user should know.
    """

    reader: Mapped | Parquet | Images | Joined
    paths: tuple[Path, ...]
    split: str = "all"
    images: bool = False
    tables: tuple[Parquet, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def require_columns(self, asked: str, label: str | None) -> None:
        """Refuse a column of labels of what has no columns.

        Raises:
            InputError: there are none.
        """
        if label is not None and not self.tables:
            do = "drop --label-column, or pass tables (.parquet)"
            raise InputError(f"{asked}, labels from the column {label!r}", "a source without columns", do)

    def without(self, column: str) -> "Parts":
        """The same table without a column."""
        tables = tuple(table.without(column) for table in self.tables)
        left = {path.name: table for path, table in zip(self.paths, tables, strict=True)}
        reader = tables[0] if len(tables) == 1 else Joined(left, f"read data from {self.paths[0].parent}")
        return replace(self, reader=reader, tables=tables)

    def read(self, asked: str, limit: int | None, label: str | None) -> Raw:
        """All, or the first datapoints, at once; of files of numbers.

        Raises:
            InputError: a file cannot be used, or the parts do not fit together.
        """
        import pandas as pd

        limit = None if limit is None else max(limit, _ENOUGH)  # so many tell pixels from zeros and ones
        found: list[np.ndarray | pd.DataFrame] = []
        for path in self.paths:
            left = None if limit is None else limit - sum(map(len, found))
            if left is not None and left <= 0:
                break
            found.append(read_parquet(path, asked, left) if self.tables else read_npy(path, asked, left))
        if self.tables:
            raw = read_table(pd.concat(found, ignore_index=True), asked, label)
            return Raw(raw.x, raw.labels, self.split, raw.images, raw.scaling, (*self.notes, *raw.notes))
        return Raw(found[0] if len(found) == 1 else np.concatenate(found), split=self.split, notes=self.notes)


def parts_of(path: Path, kind: str, split: str, asked: str) -> Parts | None:
    """Where the data of a source lie, if they are of a kind that can be read in parts; nothing but headers is read.

    Args:
        path: of a file or folder.
        kind: ``file`` or ``folder``.
        split: which one, where a folder holds the folders ``train`` and ``test``.
        asked: beginning of error messages.

    Raises:
        InputError: a damaged file, or parts that do not fit together.
    """
    if kind == "file":
        return _joined([path], "all", asked) if path.suffix in SUFFIXES else None
    own_split = kind_of(path / split, asked) == "folder"
    place, name = (path / split, split) if own_split else (path, "all")
    images = image_files(place)
    if images:
        return Parts(Images(images, asked), tuple(images), name, images=True)
    found = {suffix: [p for p in _files(place) if p.suffix.lower() == suffix] for suffix in SUFFIXES}
    kinds = [suffix for suffix, files in found.items() if files]
    if len(kinds) > 1:
        raise InputError(asked, f"files of the kinds {' and '.join(kinds)} in {place}", "keep one kind in the folder")
    if kinds:
        return _joined(found[kinds[0]], name, asked)
    if place == path and any((path / name).is_dir() for name in ("train", "test")):
        return None  # of the other split alone
    below = {entry.name: image_files(entry) for entry in _folders(place)}
    below = {entry: files for entry, files in below.items() if files}
    if not below:
        return None
    parts: Mapping[str, Images] = {entry: Images(files, asked) for entry, files in below.items()}
    paths = tuple(file for files in below.values() for file in files)
    notes = (f"{len(paths):,} images of {len(below)} folders",)
    return Parts(Joined(parts, asked), paths, name, images=True, notes=notes)


def _joined(files: list[Path], split: str, asked: str) -> Parts:
    notes = (f"{len(files)} files together",) if len(files) > 1 else ()
    if files[0].suffix.lower() == ".parquet":
        recent = Recent()
        tables = {path.name: Parquet(path, asked, recent) for path in files}
        first = next(iter(tables.values()))
        for name, table in tables.items():
            if table.columns != first.columns:
                found = f"other columns in {name} than in {files[0].name}"
                raise InputError(asked, found, "give all parts the same columns, in one order")
        reader = first if len(tables) == 1 else Joined(tables, asked)
        return Parts(reader, tuple(files), split, tables=tuple(tables.values()), notes=notes)
    arrays = {path.name: Mapped(path, asked) for path in files}
    single_values = [name for name, array in arrays.items() if not array.shape]
    if single_values and len(files) > 1:
        raise InputError(asked, f"an array of shape () in {single_values[0]}", "store datapoints, shape (N, ...)")
    single = next(iter(arrays.values())) if len(arrays) == 1 else Joined(arrays, asked)
    return Parts(single, tuple(files), split, notes=notes)


def _files(folder: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in _entries(folder) if os.path.isfile(entry))


def _folders(folder: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in _entries(folder) if os.path.isdir(entry))


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        return [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError:
        return []
