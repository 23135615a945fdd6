"""``gapkit export``: the table of a finished run in a format that other programs read."""

import csv
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gapkit.cli.folder import claim_file
from gapkit.cli.options import OverwriteFile
from gapkit.cli.replacing import require_ours
from gapkit.cli.report import write_files
from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from gapkit.results import Result

__all__ = ["export"]

_WRITERS: dict[str, Callable[["Result", Path], object]] = {"csv": lambda result, path: result.to_csv(path)}


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a finished analysis.")],
    form: Annotated[str, typer.Option("--format", help="csv.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="File to write.", show_default="RUN/datapoints.FORMAT")] = None,
    overwrite: OverwriteFile = False,
) -> None:
    """Write the table of a finished run for other programs: one row per datapoint, with all digits."""
    if form not in _WRITERS:
        raise InputError(f"--format {form}", "no such format", f"use {' or '.join(_WRITERS)}")
    from gapkit.results import Result

    path = run / f"datapoints.{form}" if out is None else out
    asked, do = f"write the table to {path}", "choose another --out"
    from gapkit.core.files import kind_of

    if kind_of(run, f"the result in {run}") == "folder":
        claim_file(path, asked, replaced=True)
    result = Result.load(run)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "table"
        _WRITERS[form](result, made)
        content = made.read_bytes()
    try:
        differs = os.path.exists(path) and path.read_bytes() != content
    except OSError as error:
        raise InputError(asked, str(error), do) from error
    if differs and overwrite:
        require_ours(path, partial(_is_table, result=result))
    elif differs:
        raise InputError(asked, "another file of that name", f"{do}, or replace an earlier table with --overwrite")
    write_files(path.parent, {path.name: content})
    typer.echo(f"table: {path}")


def _is_table(path: Path, result: "Result") -> bool:
    """Whether a file is a table of datapoints and nothing else: the columns of one, and as many cells in every row."""
    from gapkit.results.run_schema import required

    try:
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error):
        return False
    # Another run may have other columns: numbers with their errors, and labels.
    known = {*required(result.ladder), *result.datapoints.columns, "label"}
    known |= {name for name in head if name.endswith("_se") or f"{name}_se" in head}
    return set(required(result.ladder)) <= set(head) <= known and all(len(row) == len(head) for row in rows)
