"""The waist of the hourglass: a frozen result that estimation writes and presentation reads, without model or GPU."""

import html
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gapkit.checks import InputError
from gapkit.verdict import trust, verdict

__all__ = ["Result"]

_TABLE, _SUMMARY, _RUN = "datapoints.parquet", "summary.json", "run.json"


@dataclass(frozen=True)
class Result:
    """One row per datapoint, a summary with intervals, and the settings that made them.

    Attributes:
        datapoints: the table; all bounds and gaps in nats, ``*_se`` their Monte Carlo standard errors.
        summary_values: what ``summary.json`` holds; see :func:`gapkit.summary.summarise`.
        run: settings, versions, checkpoint hash, seconds per stage.
    """

    datapoints: pd.DataFrame
    summary_values: Mapping[str, Any]
    run: Mapping[str, Any]

    def to_frame(self) -> pd.DataFrame:
        """A copy of the table, one row per datapoint."""
        return self.datapoints.copy()

    def summary(self) -> pd.DataFrame:
        """The main quantities as a small table: mean, both standard errors and 95% interval in nats, and how many."""
        rows = {}
        for name, values in self.summary_values["quantities"].items():
            low, high = values["ci95"] or (None, None)
            rows[name] = {
                "mean": values["mean"],
                "se_monte_carlo": values["se_monte_carlo"],
                "se_datapoints": values["se_datapoints"],
                "ci95_low": low,
                "ci95_high": high,
                "count": values["count"],
            }
        return pd.DataFrame.from_dict(rows, orient="index")

    def verdict(self) -> list[str]:
        """The diagnosis in sentences: how large the gap is, whose it is, and how sure that is."""
        return verdict(self.summary_values)

    def trust(self) -> list[str]:
        """How far log p(x) can be trusted, in sentences: agreement of two routes, bounds from both sides."""
        return trust(self.summary_values)

    def _repr_html_(self) -> str:
        """A summary card for notebooks."""
        sentences = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self.verdict())
        return f"<div><b>gapkit</b>{sentences}{self.summary().to_html(float_format='{:.3f}'.format, na_rep='')}</div>"

    def save(self, folder: str | Path) -> Path:
        """Write ``datapoints.parquet``, ``summary.json`` and ``run.json``, each one wholly or not at all.

        Raises:
            InputError: the folder holds another run, or cannot be written.
        """
        folder = Path(folder)
        check_folder(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / _TABLE, lambda path: self.datapoints.to_parquet(path, index=False))
            write_json(folder / _SUMMARY, self.summary_values)
            write_json(folder / _RUN, self.run)
        except OSError as error:
            raise InputError(f"write the results to {folder}", str(error), "choose another --out") from error
        return folder

    @staticmethod
    def load(folder: str | Path) -> "Result":
        """Read a saved result.

        Raises:
            InputError: the folder holds no complete run.
        """
        folder = Path(folder)
        missing = [name for name in (_TABLE, _SUMMARY, _RUN) if not (folder / name).is_file()]
        if missing:
            raise InputError(f"the result in {folder}", f"no {', '.join(missing)}", "give the --out folder of a run")
        try:
            return Result(
                pd.read_parquet(folder / _TABLE),
                json.loads((folder / _SUMMARY).read_text("utf-8")),
                json.loads((folder / _RUN).read_text("utf-8")),
            )
        except (OSError, ValueError) as error:
            raise InputError(f"the result in {folder}", f"a damaged file: {error}", "run the analysis again") from error


def check_folder(folder: Path) -> None:
    """Refuse to write over another run.

    Raises:
        InputError: the path is a file, or a folder that is not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"the output folder {folder}", "a file of that name", "choose another --out")
    if folder.is_dir() and any(folder.iterdir()):
        found = "another run" if (folder / _RUN).exists() else "a folder that is not empty"
        raise InputError(f"the output folder {folder}", found, "choose another --out, or remove it first")


def write_atomically(path: Path, write: Callable[[str], object]) -> None:
    """Write a file under a temporary name in the same folder, then move it into place."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        write(name)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # a temporary file is private; a result is as readable as any other file
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file wholly or not at all."""
    write_atomically(path, lambda name: Path(name).write_text(text, "utf-8"))


def write_json(path: Path, values: object) -> None:
    """Write a JSON file wholly or not at all; numbers that are not finite become null."""
    write_text(path, json.dumps(_plain(values), indent=2, allow_nan=False) + "\n")


def _plain(value: object) -> object:
    """JSON has no NaN and no tuples; paths and types become text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
