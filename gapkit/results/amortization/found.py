"""A study of amortization with the result that it is of."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gapkit.core.files import write_json
from gapkit.core.views import view
from gapkit.results.amortization.study import Study
from gapkit.results.amortization.words import sentences_of
from gapkit.results.result import Result

__all__ = ["Amortization"]


@dataclass(frozen=True, eq=False)
class Amortization:
    """Can inference be amortized, with which function, and at what loss?

    Attributes:
        result: log p(x), L[F-VI], L[A-VI] and L[const] of each data set, a result like any other.
        study: of the first data set.
    """

    result: Result
    study: Study

    @property
    def table(self) -> pd.DataFrame:
        """The inference functions that were fitted, a row for each, in nats."""
        return pd.DataFrame([vars(one) for one in self.study.candidates])

    def verdict(self) -> list[str]:
        """The answer in sentences, the most important one first."""
        return sentences_of(self.study, self.result.datapoints.iloc[0].to_dict())

    def report(self, path: str | Path) -> Path:
        """Write the report, a page of HTML or a PDF by the ending of the name.

        Raises:
            InputError: another ending, a folder, or a place that cannot be written to.
        """
        written: Path = view("report")(self, path)
        return written

    def save(self, folder: str | Path) -> Path:
        """Write the result's files and ``amortization.json`` into a folder that is new or empty.

        Raises:
            InputError: it holds something, or cannot be written.
        """
        place = self.result.save(Path(folder))
        write_json(place / "amortization.json", self.study.to_dict())
        return place
