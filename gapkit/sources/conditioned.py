"""Splits of data with what a conditional model is given beside x."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from gapkit.core.errors import InputError
from gapkit.sources.splits import Splits

if TYPE_CHECKING:
    from torch import Tensor

    from gapkit.inputs.data import Dataset, Streamed

__all__ = ["Conditioned"]


@dataclass(frozen=True, kw_only=True)
class Conditioned(Splits):
    """Splits, and the names of their condition; :class:`gapkit.sources.DataSource` tells what the attributes mean."""

    condition: str | None = None

    def with_column_aside(self) -> Self:
        """The same, but a condition that is a column of a table is set aside as its labels are.

        Raises:
            InputError: another column is set aside already, or several are asked for.

        Example:
            >>> Conditioned(source="x.csv", condition="kind").with_column_aside().label_column
            'kind'
        """
        column = self.condition if str(self.source).endswith((".csv", ".parquet")) else None
        if column in (None, "labels", self.label_column):
            return self
        if self.label_column not in (None, "none") or "," in str(column):
            found = "one column of a table can be set aside, and it is the condition then"
            do = "leave --label-column out; for several, or labels beside it, write x and each to a .npz file"
            raise InputError(f"--condition {column} of a table", found, do)
        return replace(self, label_column=column, condition="labels")

    def conditions(
        self, sets: "Mapping[str, Dataset | Streamed]", *, trust: bool = False
    ) -> "dict[str, Tensor | dict[str, Tensor]] | None":
        """What a conditional model is given beside x, by split; None where nothing is asked for.

        Args:
            sets: the splits, of a source :meth:`with_column_aside`.
            trust: run the function although a file names it.

        Raises:
            InputError: there is no such condition, or it has not one row of numbers for each datapoint.

        Example:
            >>> source = Conditioned(source="digits", limit=3, condition="labels")
            >>> source.conditions(source.datasets())
            {'test': tensor([1, 7, 4])}
        """
        from gapkit.inputs.data.conditions import condition_of

        if not self.condition:
            return None
        names, found = self.condition, {}
        for split, part in sets.items():
            with self.there(trust) as place:
                found[split] = condition_of(names, part, place, len(part.x), split, self.limit)
        return found
