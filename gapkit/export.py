"""A result for those who work with ArviZ and xarray: labelled arrays over the datapoints."""

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gapkit.checks import InputError
from gapkit.results import Result, as_json
from gapkit.version import __version__

if TYPE_CHECKING:
    from xarray import DataTree

__all__ = ["to_arviz"]

_BOUNDS = ("log_px", "elbo", "elbo_star", "iwae", "pooled", "ais", "ais_upper")
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
        >>> from gapkit.summary import QUANTITIES, summarise
        >>> rows = {"split": "test", "index": [0, 1], "status": "ok", "start": 0, "log_px_source": "mixture"}
        >>> rows |= {name: [-2.0, -1.0] for name in QUANTITIES} | {f"{name}_se": 0.1 for name in QUANTITIES}
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
    tree: DataTree = arviz_base.from_dict(_groups(table), sample_dims=["datapoint"], name="gapkit")
    labels = {name: ("datapoint", _values(table[name])) for name in _LABELS if name in table}
    for node in tree.children.values():
        node.coords.update(labels)
        node.attrs |= {"inference_library": "gapkit", "inference_library_version": __version__}
    for group in _IN_NATS:
        for variable in tree[group].data_vars.values():
            variable.attrs["units"] = "nats"
    # As text, because the attributes of netCDF and zarr files are plain values.
    tree.attrs = {"run": as_json(result.run), "summary": as_json(result.summary_values)}
    return tree


def _groups(table: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """Every column of the table but the labels, in one of four groups."""
    estimates = [name.removesuffix("_se") for name in table if name.endswith("_se")]
    bounds = [name for name in estimates if name in _BOUNDS or name.startswith("elbo_")]
    gaps = [name for name in estimates if name not in bounds]
    taken = {*_LABELS, *estimates, *(f"{name}_se" for name in estimates)}
    return {
        "bounds": {name: _values(table[name]) for name in bounds},
        "gaps": {name: _values(table[name]) for name in gaps},
        "standard_errors": {name: _values(table[f"{name}_se"]) for name in estimates},
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
