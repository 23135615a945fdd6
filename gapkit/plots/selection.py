"""Which rows of a result a picture shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapkit.checks import InputError
from gapkit.results import Result
from gapkit.summary import GAPS, summarise

__all__ = ["Selection", "select"]


@dataclass(frozen=True)
class Selection:
    """The datapoints of one split whose gaps are all finite.

    Attributes:
        split: its name.
        rows: those datapoints; may be empty.
        left_out: how many datapoints of the split are not finite.
        quantities: means and intervals over ``rows``, so that differences of levels are the gaps; empty without rows.
    """

    split: str
    rows: pd.DataFrame
    left_out: int
    quantities: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The split and how many datapoints are shown, in words."""
        name = self.split if len(self.split) <= 24 else f"{self.split[:23]}…"
        count = f"{len(self.rows):,} datapoint{'' if len(self.rows) == 1 else 's'}"
        return f"{name}: {count}" + (f" ({self.left_out:,} not finite, left out)" if self.left_out else "")


def select(result: Result, split: str | None = None) -> Selection:
    """Select the finite datapoints of a split; None takes the first split.

    Raises:
        InputError: the result has no such split.
    """
    splits = result.summary_values["splits"]
    name = next(iter(splits)) if split is None else split
    if name not in splits:
        raise InputError(f"split {name!r}", f"the splits {', '.join(splits)}", "use one of these")
    whole = result.datapoints[result.datapoints["split"].astype(str) == name]
    finite = np.isfinite(whole[list(GAPS)].to_numpy(float)).all(axis=1)
    rows = whole[finite]
    if finite.all():
        quantities = splits[name]["quantities"]
    else:
        quantities = summarise(rows, _seed(result))["quantities"] if len(rows) else {}
    return Selection(name, rows, int((~finite).sum()), quantities)


def _seed(result: Result) -> int:
    return int(result.run.get("settings", {}).get("seed", 0))
