"""The waist of the hourglass: a frozen result that estimation writes and presentation reads, without model or GPU."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gapkit.core.errors import InputError
from gapkit.core.files import write_arrays, write_atomically, write_json, write_table
from gapkit.core.views import view
from gapkit.ladder import Ladder
from gapkit.results.card import card, one_line
from gapkit.results.format import FORMAT, NOTE, stamped
from gapkit.results.pictures import PlotAttribute
from gapkit.results.records import Summary
from gapkit.results.stored import read_details, read_run, read_summary, read_table
from gapkit.results.summary_frame import summary_frame
from gapkit.results.verdict import Decision, decide, trust, verdict
from gapkit.results.with_errors import WithErrors
from gapkit.results.worst import Worst, worst

if TYPE_CHECKING:
    from xarray import DataTree

__all__ = ["Result", "check_folder"]

_BEGUN = "units"  # what a run keeps on the way
_TABLE, _SUMMARY, _RUN, _DETAILS = "datapoints.parquet", "summary.json", "run.json", "details.npz"


@dataclass(frozen=True, eq=False)  # tables have no truth value: a result equals itself
class Result:
    """One row per datapoint, a summary with intervals, and the settings that made them.

    Attributes:
        datapoints: the table; all bounds and gaps in nats, ``*_se`` their Monte Carlo standard errors.
        summary_values: what ``summary.json`` holds: ``result.summary_values.quantities["elbo"].mean``.
        run: settings, versions, checkpoint hash, seconds per stage.
        details: arrays for pictures of a few datapoints, by name; empty where none were made.
        plot: the pictures of :mod:`gapkit.plots`: ``result.plot.ladder()``; ``dir(result.plot)`` lists them, and
            ``result.plot()`` draws four of them.

    Example:
        >>> from gapkit.ladder import STANDARD, error_of
        >>> from gapkit.results.summary import summarise
        >>> rows = {"split": "test", "index": [0, 1], "status": "ok", "start": 0, "log_px_source": "mixture"}
        >>> for name, value in {"elbo": [-4.0, -3.0], "elbo_star": [-3.0, -2.5], "log_px": [-2.0, -2.0]}.items():
        ...     rows |= {name: value, error_of(name): 0.1}
        >>> rows |= {name: [0.0, 1.0] for name in (*STANDARD.names, *STANDARD.contrasts()) if name not in rows}
        >>> rows |= {error_of(name): 0.1 for name in (*STANDARD.names, *STANDARD.contrasts())}
        >>> table = pd.DataFrame(rows)
        >>> result = Result(table, summarise(table), {})
        >>> result.table[["index", "elbo", "elbo_se"]].pipe(WithErrors)
           index          elbo
        0      0  -4.00 ± 0.10
        1      1  -3.00 ± 0.10
        >>> result.summary.loc["elbo", "mean"]
        np.float64(-3.5)
    """

    datapoints: pd.DataFrame
    summary_values: Summary
    run: Mapping[str, Any]
    details: Mapping[str, np.ndarray] = field(default_factory=dict)

    plot = PlotAttribute()

    @property
    def ladder(self) -> Ladder:
        """Which rungs and gaps the table has, what they are called, and whose a gap is."""
        return self.summary_values.ladder

    def to_frame(self) -> pd.DataFrame:
        """A copy of the table, one row per datapoint."""
        return self.datapoints.copy()

    @property
    def table(self) -> WithErrors:
        """A copy of the table that is printed with its errors: ``value ± error``, in nats, where there is ``NAME_se``.

        One row per datapoint; what is taken from it is an ordinary DataFrame, as :meth:`to_frame` returns.
        """
        return WithErrors(self.datapoints)

    @property
    def summary(self) -> WithErrors:
        """The main quantities as a small table, in nats: a row for each of ``quantity``.

        ``mean``; ``se_monte_carlo``, its error from sampling noise and unfinished fits, and ``se_datapoints``, that
        over datapoints; the 95% interval from ``ci95_low`` to ``ci95_high``, NaN for fewer than 10 datapoints; ``min``,
        ``max`` and ``count``. Printed, the error over datapoints stands beside the mean. Of several splits it is the
        first.
        """
        return summary_frame(self.summary_values.quantities)

    def worst(self, count: int = 12, split: str | None = None) -> Worst:
        """The datapoints with the largest total gaps, the largest first; those without a finite one are left out.

        Args:
            count: how many, at most.
            split: which split; None takes the first.

        Returns:
            An ordinary DataFrame with ``index``, ``status``, the gaps and the bounds in nats, and their ``*_se``; its
            own index is that of :meth:`to_frame`. A notebook shows it with errors beside the values, and with pictures
            of the data and their reconstructions where these are images and the run has kept them.

        Raises:
            InputError: fewer than one, or no such split.
        """
        return worst(self, count, split)

    def decision(self) -> Decision:
        """What to do first, as a value; ``unknown`` where fits or evidence do not carry an advice."""
        return decide(self.summary_values)

    def verdict(self) -> list[str]:
        """The diagnosis in sentences: what to do and what it would bring, how sure that is, and the numbers."""
        return verdict(self.summary_values)

    def trust(self) -> list[str]:
        """How far log p(x) can be trusted, in sentences: agreement of two routes, bounds from both sides."""
        return trust(self.summary_values)

    def to_arviz(self) -> "DataTree":
        """The table as labelled arrays; see :func:`gapkit.integrations.arviz.to_arviz`.

        Raises:
            InputError: ``arviz-base`` is not installed.
        """
        tree: DataTree = view("to_arviz")(self)
        return tree

    def report(self, path: str | Path) -> Path:
        """Write the report, a page of HTML or a PDF by the ending of the name; see :func:`gapkit.report.write_report`.

        Raises:
            InputError: another ending, a folder, or a place that cannot be written to.
        """
        written: Path = view("report")(self, path)
        return written

    def to_csv(self, path: str | Path) -> Path:
        """Write the whole table as CSV, wholly or not at all; a file that is there is replaced.

        Numbers have all their digits, and those that are unknown are ``nan``, so that empty words stay apart from
        them. This reads the file back as it was (before pandas 3, with ``float_precision="round_trip"`` too), but for
        labels, of which CSV keeps no type: words such as ``007`` are read as numbers unless ``dtype={"label": str}`` is
        given, whole numbers of which some are missing as floats, and the word ``nan`` as missing::

            pd.read_csv(path, keep_default_na=False, na_values=["nan"])

        Raises:
            InputError: the file cannot be written.
        """
        path = Path(path)

        def write(name: str) -> None:
            self.datapoints.to_csv(name, index=False, na_rep="nan", lineterminator="\n", encoding="utf-8")

        try:
            write_atomically(path, write)
        except OSError as error:
            raise InputError(f"write the table to {path}", str(error), "choose another path") from error
        return path

    def _repr_html_(self) -> str:
        """A summary card for notebooks."""
        return card(self.summary_values)

    def __repr__(self) -> str:
        return one_line(self.summary_values)

    def save(self, folder: str | Path) -> Path:
        """Write ``datapoints.parquet``, ``summary.json`` and ``run.json``, each one wholly or not at all.

        Where there are details, ``details.npz`` too.

        Raises:
            InputError: the folder holds another run, or cannot be written.
        """
        folder = Path(folder)
        check_folder(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_table(folder / _TABLE, self.datapoints, {NOTE: str(FORMAT)})
            write_json(folder / _SUMMARY, stamped(self.summary_values.to_dict()))
            if self.details:
                write_atomically(folder / _DETAILS, lambda path: write_arrays(path, self.details))
            write_json(folder / _RUN, stamped(self.run))
        except OSError as error:
            raise InputError(f"write the results to {folder}", str(error), "choose another folder (--out)") from error
        return folder

    @staticmethod
    def load(folder: str | Path) -> "Result":
        """Read a saved result.

        Raises:
            InputError: the folder holds no complete run, or a file of it is not what gapkit writes.
        """
        folder = Path(folder)
        asked = f"the result in {folder}"
        missing = [name for name in (_TABLE, _SUMMARY, _RUN) if not os.path.lexists(folder / name)]
        if missing:
            begun = (folder / _BEGUN).is_dir()
            do = "finish this run with --resume" if begun else "give the --out folder of a run"
            raise InputError(asked, f"no {', '.join(missing)}", do)
        summary = read_summary(folder / _SUMMARY, asked)
        return Result(
            read_table(folder / _TABLE, asked, summary),
            summary,
            read_run(folder / _RUN, asked),
            read_details(folder / _DETAILS, asked),
        )


def check_folder(folder: Path) -> None:
    """Refuse to write over another run.

    Raises:
        InputError: the path is a file, or a folder that is not empty.
    """
    asked = f"the output folder {folder}"
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise InputError(asked, "a file of that name", "choose another one (--out)")
    if os.path.isdir(folder) and os.listdir(folder):
        found = "another run" if os.path.exists(folder / _RUN) else "a folder that is not empty"
        raise InputError(asked, found, "choose another one (--out), or replace results with --overwrite")
