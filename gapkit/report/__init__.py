"""The report: a document as data, then a renderer. It needs a result, and neither model nor GPU."""

from pathlib import Path

from gapkit.report.document import Document, build
from gapkit.report.html import render
from gapkit.results import Result, write_text

__all__ = ["Document", "build", "render", "write_html"]


def write_html(result: Result, path: str | Path) -> Path:
    """Write the report of a result as one HTML file, wholly or not at all.

    Args:
        result: of an analysis.
        path: the file to write; its folder exists.

    Returns:
        The path.
    """
    path = Path(path)
    write_text(path, render(build(result)))
    return path
