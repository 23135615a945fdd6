"""AnnData files: cells as rows, with raw counts, and columns beside them. They need the extra ``scvi``."""

from pathlib import Path
from typing import Any

import numpy as np

from gapkit.core.errors import InputError
from gapkit.inputs.data.dataset import Raw

__all__ = ["read_h5ad"]

LIBRARY = "library"


def read_h5ad(path: Path, split: str, key: str | None, limit: int | None) -> Raw:
    """Read the counts of cells, or something beside them.

    Args:
        path: the file.
        split: not looked at: cells are not split.
        key: a layer in the place of ``X``; or a column of ``obs``, an entry of ``obsm``, or ``library`` for the total
            of the counts of every cell, which conditions are.
        limit: how many of the first cells are wanted.

    Raises:
        InputError: anndata is not installed, the file is damaged, or it has nothing of that name.
    """
    asked = f"read data from {path}"
    try:
        import anndata
    except ImportError as error:
        do = "install it, in an environment of its own because of its pins: pip install 'gapkit[scvi]'"
        raise InputError(asked, f"anndata is not installed ({error!s:.80})", do) from error
    try:
        found = anndata.read_h5ad(path)
    except Exception as error:  # of h5py, of anndata, or of the operating system
        raise InputError(asked, f"a damaged file ({type(error).__name__}: {error!s:.120})", "copy it again") from error
    if limit is not None:
        found = found[: max(limit, 1)]
    if key is None:
        return Raw(_dense(found.X), notes=("counts from X",))
    if key in found.layers:
        return Raw(_dense(found.layers[key]), notes=(f"counts from the layer {key}",))
    if key in found.obs:
        return Raw(_column(found.obs[key], f"{asked}, obs[{key!r}]"))
    if key in found.obsm:
        return Raw(_dense(found.obsm[key]))
    if key == LIBRARY:
        return Raw(_dense(found.X).sum(1))
    there = ", ".join([*found.layers, *found.obs.columns, *found.obsm, LIBRARY][:16])
    raise InputError(
        f"{asked}, key {key!r}", f"layers, columns of obs and entries of obsm: {there}", "name one of them"
    )


def _dense(values: Any) -> np.ndarray:
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values)


def _column(values: Any, asked: str) -> np.ndarray:
    """A column of numbers.

    Raises:
        InputError: words, whose numbers would depend on which of them were read.
    """
    found = np.asarray(values)
    if found.dtype.kind not in "fiub":
        do = "name the column of numbers that the model was trained with, such as _scvi_batch for the batch"
        raise InputError(asked, "a column of words", do)
    return found
