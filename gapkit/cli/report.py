"""``gapkit report``: the report of a finished run once more, from its stored results; no model, no data, no GPU."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gapkit.cli.folder import claim_folder
from gapkit.cli.saying import answer, answer_of, made
from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from gapkit.report import Document

__all__ = ["FORMATS", "Formats", "formats_of", "rendered", "report", "write_files"]

FORMATS = ("html", "pdf")
Formats = Annotated[str, typer.Option("--format", help="html, pdf, or both with a comma.")]


def report(
    run: Annotated[Path, typer.Argument(help="The folder of a finished analysis.")],
    formats: Formats = "html,pdf",
    out: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="the run's own")] = None,
) -> None:
    """Make the report of a finished run again, without its model or data."""
    wanted = formats_of(formats)
    from gapkit.report import build, without_sources
    from gapkit.results import Result

    folder = run if out is None else out
    from gapkit.core.files import kind_of

    if kind_of(run, f"the result in {run}") == "folder":
        claim_folder(folder)
    result = Result.load(run)
    document = build(result)
    if os.path.realpath(folder) != os.path.realpath(run):
        if os.path.exists(folder / "run.json"):
            found = "another run"
            raise InputError(f"write the report of {run} to {folder}", found, "choose another --out")
        document = without_sources(document)  # the tables stay behind
    files = rendered({f"report.{name}": document for name in wanted})
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"write the report to {folder}", str(error), "choose another --out") from error
    write_files(folder, files)
    answer(**answer_of(result, run))
    for name in files:
        made("report", folder / name)


def formats_of(text: str) -> tuple[str, ...]:
    """Read ``"html,pdf"``.

    Raises:
        InputError: an unknown format, or none.

    Example:
        >>> formats_of("pdf, html"), formats_of("pdf,pdf")
        (('pdf', 'html'), ('pdf',))
    """
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown or not names:
        found = f"no format {', '.join(unknown)}" if unknown else "no format at all"
        raise InputError(f"--format {text!r}", found, f"use {' or '.join(FORMATS)}, or both with a comma")
    return names


def rendered(documents: Mapping[str, "Document"]) -> dict[str, bytes]:
    """Render documents by the names of their files, before anything is written."""
    from gapkit.report import as_bytes

    return {name: as_bytes(document, Path(name).suffix) for name, document in documents.items()}


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, each wholly or not at all.

    Raises:
        InputError: the folder cannot be written to.
    """
    from gapkit.core.files import write_atomically

    for name, content in files.items():
        try:
            write_atomically(folder / name, lambda path, content=content: Path(path).write_bytes(content))  # type: ignore[misc]
        except OSError as error:
            raise InputError(f"write {name} to {folder}", str(error), "choose another --out") from error
