"""Summaries of quantities as a table with one row for each."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from gapkit.results.with_errors import WithErrors

__all__ = ["summary_frame"]

_NUMBERS = ("mean", "se_monte_carlo", "se_datapoints", "ci95_low", "ci95_high", "min", "max")


def summary_frame(
    quantities: Mapping[Any, Mapping[str, Any]],
    names: Sequence[Hashable] = ("quantity",),
    further: Sequence[str] = (),
    note: str = "nats, ± se_datapoints",
) -> WithErrors:
    """The means of quantities with their errors, intervals and ranges.

    Args:
        quantities: summaries of :func:`gapkit.results.summary.summarise_values`, in nats, by name, or by a tuple of
            names, one for each level of the index.
        names: of the levels of the index.
        further: more of what each summary tells, as last columns.
        note: for the corner of the printed table.

    Returns:
        ``mean``, ``se_monte_carlo``, ``se_datapoints``, ``ci95_low``, ``ci95_high``, ``min``, ``max`` and ``count``, a
        row for each quantity; NaN where something is unknown. Printed, the error over datapoints stands beside the
        mean.

    Example:
        >>> values = {"mean": 0.38412, "se_monte_carlo": 0.00212, "se_datapoints": 0.0154, "ci95": [0.357, 0.417]}
        >>> summary_frame({"amortization_gap": {**values, "range": [0.1, 2.0], "count": 297}})
        nats, ± se_datapoints           mean  se_monte_carlo            ci95  count
        amortization_gap       0.384 ± 0.015          0.0021  0.357 to 0.417    297
    """
    rows = [_row(values) | {name: values.get(name) for name in further} for values in quantities.values()]
    keys = list(quantities)
    index = pd.Index(keys, name=names[0]) if len(names) == 1 else pd.MultiIndex.from_tuples(keys, names=names)
    table = pd.DataFrame(rows, index=index, columns=[*_NUMBERS, "count", *further])
    return WithErrors(table.astype(dict.fromkeys(_NUMBERS, float)), note)


def _row(values: Mapping[str, Any]) -> dict[str, Any]:
    low, high = values["ci95"] or (None, None)
    least, most = values.get("range") or (None, None)
    known = (values["mean"], values["se_monte_carlo"], values["se_datapoints"], low, high, least, most)
    return dict(zip(_NUMBERS, known, strict=True)) | {"count": values["count"]}
