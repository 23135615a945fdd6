"""The end of an analysis: its files, and the exit code that a script can tell."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gapkit.cli.folder import new_folder
from gapkit.cli.report import FORMATS, rendered, write_files
from gapkit.cli.saying import made

if TYPE_CHECKING:
    from gapkit.results import Result

__all__ = ["end_with_failures", "publish", "tell_made"]

_FAILED = 3


def publish(result: "Result", out: Path, formats: Sequence[str] = FORMATS) -> None:
    """Write the files of a run into its folder: the numbers first, wholly or not at all, and then the report.

    Args:
        result: the run.
        out: the folder.
        formats: of the report; without any there is none.

    Raises:
        InputError: the folder holds another run, or cannot be written.
    """
    from gapkit.report import build

    with new_folder(out, begun=True) as staging:
        result.save(staging)
    if formats:
        write_files(out, rendered(dict.fromkeys((f"report.{name}" for name in formats), build(result))))


def tell_made(out: Path, formats: Sequence[str], hint: str = "") -> None:
    """Tell where the report is, or the results where there is none."""
    if formats:
        made("report", out / f"report.{formats[0]}")
    else:
        made("results", out, hint)


def end_with_failures(failed: Sequence[Mapping[str, Any]], file: str) -> None:
    """End with code 3 where datapoints have no numbers: all is written, and a script can tell.

    Args:
        failed: the datapoints, see :class:`gapkit.engine.attempt.Failure`.
        file: that tells which and why.

    Raises:
        typer.Exit: with code 3, if there are any.
    """
    if not failed:
        return
    count = sum(part["to"] - part["from"] + 1 for part in failed)
    words = f"{count} datapoint{'' if count == 1 else 's'} without numbers, because the work on them ended in an error"
    typer.secho(f"gapkit: {words}; {file} tells which, and why", err=True, fg=typer.colors.RED)
    raise typer.Exit(_FAILED)
