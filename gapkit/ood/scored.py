"""What scoring found, as a value: the table, how well each score tells two data sets apart, and the report of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gapkit.core.errors import InputError
from gapkit.core.files import read_json, read_parquet, require_file, write_atomically, write_json
from gapkit.core.views import view
from gapkit.ood.miniatures import read_miniatures, write_miniatures
from gapkit.ood.records import Detection, ScoreSummary
from gapkit.ood.roc import roc_curve
from gapkit.ood.words import LABELS, score_verdict
from gapkit.results import check_folder
from gapkit.results.format import opened, stamped
from gapkit.results.with_errors import WithErrors

__all__ = ["ROLES", "SCORES", "Scored", "known_values"]

SCORES = tuple(LABELS)
ROLES = ("reference", "other")
_TABLE, _CSV, _VALUES = "scores.parquet", "scores.csv", "score.json"
_PICTURES = "pictures.npz"
_SUMMARY = ["auc", "auc_se", "ci95_low", "ci95_high", "fpr95", "fpr95_ci95_low", "fpr95_ci95_high"]


@dataclass(frozen=True, eq=False)  # tables have no truth value: scores equal themselves
class Scored:
    """Scores of a data set and, if there is a reference, how well they tell the two apart.

    Attributes:
        datapoints: one row per datapoint, see :func:`gapkit.ood.scores`; the column ``data`` names its data set.
        summary_values: statuses and quantiles of each set, and with a reference how well each score tells them apart.
        run: settings and provenance, of one analysis or of two.
        pictures: small ones of the most unusual datapoints, by data set and index, 8-bit levels of shape (H, W) or
            (H, W, 3); none where data are no images.
    """

    datapoints: pd.DataFrame
    summary_values: ScoreSummary
    run: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[tuple[str, int], np.ndarray] = field(default_factory=dict)

    def __repr__(self) -> str:
        sets = self.summary_values.sets.values()
        counts = ", ".join(f"{each.name}: {each.datapoints} datapoints" for each in sets)
        return f"<gapkit.ood.Scored {counts}>"

    def verdict(self) -> list[str]:
        """What was found, in sentences."""
        return score_verdict(self.summary_values)

    @property
    def table(self) -> WithErrors:
        """A copy of the table that is printed as ``score ± error``: one row per datapoint, in nats."""
        return WithErrors(self.datapoints)

    def to_frame(self) -> pd.DataFrame:
        """A plain copy of the same table."""
        return self.datapoints.copy()

    @property
    def summary(self) -> WithErrors:
        """One row for each ``score``, from the largest area under the ROC curve down; no rows without a reference.

        ``auc``, the area, with its standard error ``auc_se`` and 95% interval from ``ci95_low`` to ``ci95_high``;
        ``fpr95``, the share of the reference that is found as well by a threshold that finds 95% of the other set, and
        its 95% interval from ``fpr95_ci95_low`` to ``fpr95_ci95_high``. None has a unit; what is unknown is NaN.
        """
        found = self.summary_values.separation
        order = found.order if found else ()
        rows = [_summary_row(found.scores[name]) for name in order] if found else []
        index = pd.Index(order, name="score", dtype=object)
        return WithErrors(pd.DataFrame(rows, index=index, columns=_SUMMARY, dtype=float), "± auc_se")

    def report(self, path: str | Path) -> Path:
        """Write the report, a page of HTML or a PDF by the ending of the name; see :func:`gapkit.report.write_report`.

        Raises:
            InputError: another ending, a folder, or a place that cannot be written to.
        """
        written: Path = view("report")(self, path)
        return written

    def known(self, score: str, role: str) -> np.ndarray:
        """A score of one of the sets, without the datapoints that have none; infinite ones are kept.

        Raises:
            InputError: there is no such score, or no set of that role.
        """
        table, sets = self.datapoints, self.summary_values.sets
        if role not in sets or score not in table:
            there = f"{', '.join(name for name in SCORES if name in table)} of {', '.join(sets)}"
            raise InputError(f"the score {score!r} of {role}", f"the scores {there}", "use one of these")
        return known_values(table[table["data"] == sets[role].name], score)

    def roc(self, score: str = "regret") -> pd.DataFrame:
        """The ROC curve of a score: ``threshold``, share of the reference and of the other set from there on.

        Raises:
            InputError: there is no such score, or no reference.
        """
        reference, other = (self.known(score, role) for role in ROLES)
        if min(len(reference), len(other)) == 0:
            return pd.DataFrame({"threshold": [], "false_positives": [], "true_positives": []}, dtype=float)
        threshold, false, true = roc_curve(reference, other)
        return pd.DataFrame({"threshold": threshold, "false_positives": false, "true_positives": true})

    def save(self, folder: str | Path) -> Path:
        """Write ``scores.parquet``, ``scores.csv`` and ``score.json``, each one wholly or not at all.

        Where there are pictures, ``pictures.npz`` too.

        Raises:
            InputError: the folder is not empty, or cannot be written.
        """
        folder = Path(folder)
        check_folder(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / _TABLE, lambda path: self.datapoints.to_parquet(path, index=False))
            write_atomically(folder / _CSV, lambda path: self.datapoints.to_csv(path, index=False))
            write_miniatures(folder / _PICTURES, self.pictures)
            values = {"verdict": self.verdict(), **self.summary_values.to_dict(), "run": self.run}
            write_json(folder / _VALUES, stamped(values))
        except OSError as error:
            raise InputError(f"write the scores to {folder}", str(error), "choose another folder (--out)") from error
        return folder

    @staticmethod
    def load(folder: str | Path) -> "Scored":
        """Read saved scores.

        Raises:
            InputError: the folder holds no scores, or a damaged file.
        """
        folder = Path(folder)
        missing = [name for name in (_TABLE, _VALUES) if not (folder / name).is_file()]
        if missing:
            raise InputError(f"the scores in {folder}", f"no {', '.join(missing)}", "give the --out of gapkit score")
        asked, again = f"the scores in {folder}", "score the data again"
        values = opened(read_json(folder / _VALUES, f"{asked}, {_VALUES}", again), f"{asked}, {_VALUES}")
        if not isinstance(values, dict) or not {"run", "sets", "separation", "verdict"} <= set(values):
            raise InputError(f"{asked}, {_VALUES}", "a damaged file: not what gapkit score writes", again)
        try:
            summary = ScoreSummary.of(values)
        except TypeError as error:
            raise InputError(f"{asked}, {_VALUES}", f"a damaged file: {error}", again) from error
        require_file(folder / _TABLE, f"{asked}, {_TABLE}")
        pictures = read_miniatures(folder / _PICTURES, asked)
        return Scored(read_parquet(folder / _TABLE, f"{asked}, {_TABLE}"), summary, values["run"], pictures)


def _summary_row(found: Detection) -> list[float | None]:
    low, high = found.ci95 or (None, None)
    return [found.auc, found.se, low, high, found.fpr95, *(found.fpr95_ci95 or (None, None))]


def known_values(table: pd.DataFrame, score: str) -> np.ndarray:
    """A score of the datapoints that have one, shape (M,), in nats; infinite ones are kept.

    Example:
        >>> known_values(pd.DataFrame({"regret": [1.0, np.nan, np.inf]}), "regret").tolist()
        [1.0, inf]
    """
    values = table[score].to_numpy(float)
    return values[~np.isnan(values)]
