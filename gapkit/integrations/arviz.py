"""A result for those who work with ArviZ and xarray: labelled arrays over the datapoints."""

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gapkit.core.errors import InputError
from gapkit.core.files import as_json
from gapkit.ladder import Ladder, error_of, estimates, is_bound
from gapkit.results import Result
from gapkit.version import __version__

if TYPE_CHECKING:
    from xarray import DataTree

__all__ = ["to_arviz"]

_FROM_ABOVE = ("ais_upper",)  # bounds that are no rung and no estimate of one
_LABELS = ("split", "index", "label")
_IN_NATS = ("bounds", "gaps", "standard_errors")


def to_arviz(result: Result) -> "DataTree":
    """Return the table of a result as an ``xarray.DataTree`` with ArviZ's conventions.

    Four groups, all with the dimension ``datapoint`` and the coordinates ``split``, ``index`` (a datapoint's number
    within its split) and, where there are labels, ``label``: ``bounds`` and ``gaps`` hold the estimates,
    ``standard_errors`` their Monte Carlo standard errors under the same names, and ``diagnostics`` everything else,
    such as k-hat, effective sample sizes and the status. Values are those of the table.

    Args:
        result: of an analysis.

    Returns:
        The tree. Variables in nats have the attribute ``units``; the tree has the settings, versions and provenance of
        the run as JSON in ``run``, and its summary in ``summary``.

    Raises:
        InputError: ``arviz-base`` is not installed.

    Example:
        >>> from gapkit.ladder import STANDARD
        >>> from gapkit.results.summary import summarise
        >>> rows = {"split": "test", "index": [0, 1], "status": "ok", "start": 0, "log_px_source": "mixture"}
        >>> names = (*STANDARD.names, *STANDARD.contrasts())
        >>> rows |= {name: [-2.0, -1.0] for name in names} | {error_of(name): 0.1 for name in names}
        >>> table = pd.DataFrame(rows)
        >>> tree = to_arviz(Result(table, summarise(table), {}))
        >>> sorted(tree.children), float(tree["gaps"]["total_gap"].mean("datapoint"))
        (['bounds', 'diagnostics', 'gaps', 'standard_errors'], -1.5)
    """
    try:
        arviz_base = import_module("arviz_base")
    except ImportError as error:
        raise InputError("a result for ArviZ", str(error), "pip install 'gapkit[arviz]'") from error
    table = result.datapoints
    tree: DataTree = arviz_base.from_dict(_groups(table, result.ladder), sample_dims=["datapoint"], name="gapkit")
    labels = {name: ("datapoint", _values(table[name])) for name in _LABELS if name in table}
    for node in tree.children.values():
        node.coords.update(labels)
        node.attrs |= {"inference_library": "gapkit", "inference_library_version": __version__}
    for group in _IN_NATS:
        for variable in tree[group].data_vars.values():
            variable.attrs["units"] = "nats"
    # As text, because the attributes of netCDF and zarr files are plain values.
    tree.attrs = {"run": as_json(result.run), "summary": as_json(result.summary_values.to_dict())}
    return tree


def _groups(table: pd.DataFrame, ladder: Ladder) -> dict[str, dict[str, np.ndarray]]:
    """Every column of the table but the labels, in one of four groups."""
    order = list(table)
    measured = sorted(estimates(table), key=lambda name: order.index(error_of(name)))
    bounds = [name for name in measured if is_bound(name, ladder) or name in _FROM_ABOVE]
    gaps = [name for name in measured if name not in bounds]
    taken = {*_LABELS, *measured, *(error_of(name) for name in measured)}
    return {
        "bounds": {name: _values(table[name]) for name in bounds},
        "gaps": {name: _values(table[name]) for name in gaps},
        "standard_errors": {name: _values(table[error_of(name)]) for name in measured},
        "diagnostics": {name: _values(table[name]) for name in table if name not in taken},
    }


def _values(column: pd.Series) -> np.ndarray:
    """A column as numpy has it; words as fixed-width text, which every file format of xarray can hold.

    What is missing is NaN among numbers and empty among words.
    """
    if pd.api.types.is_extension_array_dtype(column) and pd.api.types.is_integer_dtype(column):
        column = column.astype(float)
    values = column.to_numpy()
    return values if values.dtype.kind in "biuf" else column.fillna("").astype(str).to_numpy(dtype=np.str_)
