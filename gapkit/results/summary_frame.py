"""Summaries of quantities as a table with one row for each."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from gapkit.core.means import Mean
from gapkit.results.with_errors import WithErrors

__all__ = ["summary_frame"]

_NUMBERS = ("mean", "se_monte_carlo", "se_datapoints", "ci95_low", "ci95_high", "min", "max")


def summary_frame(
    quantities: Mapping[Any, Mean],
    names: Sequence[Hashable] = ("quantity",),
    further: Sequence[str] = (),
    note: str = "nats, ± se_datapoints",
) -> WithErrors:
    """The means of quantities with their errors, intervals and ranges.

    Args:
        quantities: in nats, by name, or by a tuple of names, one for each level of the index.
        names: of the levels of the index.
        further: names of more that each quantity tells, as last columns.
        note: for the corner of the printed table.

    Returns:
        ``mean``, ``se_monte_carlo``, ``se_datapoints``, ``ci95_low``, ``ci95_high``, ``min``, ``max`` and ``count``, a
        row for each quantity; NaN where something is unknown. Printed, the error over datapoints stands beside the
        mean.

    Example:
        >>> summary_frame({"amortization_gap": Mean(0.38412, 0.00212, 0.0154, (0.357, 0.417), (0.1, 2.0), 297, 0)})
        nats, ± se_datapoints           mean  se_monte_carlo            ci95  count
        amortization_gap       0.384 ± 0.015          0.0021  0.357 to 0.417    297
    """
    rows = [_row(values) | {name: getattr(values, name) for name in further} for values in quantities.values()]
    keys = list(quantities)
    index = pd.Index(keys, name=names[0]) if len(names) == 1 else pd.MultiIndex.from_tuples(keys, names=names)
    table = pd.DataFrame(rows, index=index, columns=[*_NUMBERS, "count", *further])
    return WithErrors(table.astype(dict.fromkeys(_NUMBERS, float)), note)


def _row(values: Mean) -> dict[str, Any]:
    (low, high), (least, most) = values.ci95 or (None, None), values.extent or (None, None)
    known = (values.mean, values.se_monte_carlo, values.se_datapoints, low, high, least, most)
    return dict(zip(_NUMBERS, known, strict=True)) | {"count": values.count}
