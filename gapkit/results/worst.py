"""``result.worst(12)``: the datapoints with the largest gaps, as a table that a notebook shows with their pictures."""

from typing import Any

import numpy as np
import pandas as pd

from gapkit.core.errors import InputError
from gapkit.core.images import brightness, png
from gapkit.core.phrases import listed
from gapkit.core.views import view
from gapkit.ladder import error_of
from gapkit.results.with_errors import WithErrors, as_printed

__all__ = ["Worst", "worst"]

_PICTURES = {"x": "data", "under_q": "under q", "under_q_star": "under q*"}
_IMAGE = '<img src="data:image/png;base64,{}" alt="{}" style="width:48px;image-rendering:pixelated">'


class Worst(WithErrors):
    """A table of datapoints; in a notebook it has their pictures, as far as the run keeps them (``details``).

    The columns are numbers and words as in ``result.to_frame()``, and so is the index, so that
    ``result.to_frame().loc[worst.index]`` are the whole rows.

    Args:
        data: rows of a result's table.
        result: the :class:`gapkit.results.Result`, which has the pictures.
    """

    _metadata = ["note", "result"]  # noqa: RUF012 - the name and the type are those that pandas looks for

    def __init__(self, data: pd.DataFrame, result: Any) -> None:
        super().__init__(data, "nats")
        self.result = result

    def _repr_html_(self) -> str | None:
        pictures = self._pictures()
        if not pictures:
            return super()._repr_html_()
        table = as_printed(self)
        words = list(table.columns)
        for name, images in pictures.items():
            table[name] = [images.get(row, "") for row in self.index]
        styled = table.style.format(escape="html", precision=3, subset=words).format_index(escape="html")
        return str(styled.format_index(escape="html", axis="columns").to_html())

    def _pictures(self) -> dict[str, dict[Any, str]]:
        """HTML of pictures: by what they show, then by the row of the table."""
        of = self.result.run.get("details", {}).get("split")
        tiles = view("tiles")(self.result)
        if not tiles:
            return {}
        places = {int(index): place for place, index in enumerate(self.result.details["worst_index"])}
        rows = {
            row: places[index]
            for row, split, index in zip(self.index, self["split"], self["index"], strict=True)
            if str(split) == of and index in places
        }
        low, high = brightness(tiles["x"])
        return {
            words: {row: _IMAGE.format(png(tiles[name][place], low, high), words) for row, place in rows.items()}
            for name, words in _PICTURES.items()
            if rows
        }


def worst(result: Any, count: int, split: str | None) -> Worst:
    """See :meth:`gapkit.results.Result.worst`."""
    table, ladder = result.datapoints, result.ladder
    splits = list(result.summary_values.splits)
    if count < 1:
        raise InputError(f"the worst {count} datapoints", "a number below 1", "ask for 1 or more")
    if split is not None and split not in splits:
        raise InputError(f"the worst datapoints of {split}", "no such split", f"use {listed(splits)}")
    rows = table[table["split"].astype(str) == (splits[0] if split is None else split)]
    total = ladder.total.name
    rows = rows[np.isfinite(rows[total].to_numpy(float))].sort_values(total, ascending=False, kind="stable")
    values = [total, *(gap.name for gap in ladder.gaps), *(rung.name for rung in ladder.rungs)]
    wanted = ["split", "index", "label", "status", *(each for name in values for each in (name, error_of(name)))]
    return Worst(rows.head(count)[[name for name in dict.fromkeys(wanted) if name in table]], result)
