"""The report: a document as data, then a renderer. It needs a result, and neither model nor GPU."""

from dataclasses import replace
from pathlib import Path

from gapkit.core.files import write_atomically, write_text
from gapkit.report.analysis import build
from gapkit.report.blocks import Document, Table
from gapkit.report.comparison import build_comparison
from gapkit.report.html import render
from gapkit.report.pdf import render_pdf
from gapkit.results import Result

__all__ = [
    "Document",
    "build",
    "build_comparison",
    "render",
    "render_pdf",
    "without_sources",
    "write_html",
    "write_pdf",
]


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


def write_pdf(result: Result, path: str | Path) -> Path:
    """Write the report of a result as PDF, wholly or not at all.

    Args:
        result: of an analysis.
        path: the file to write; its folder exists.

    Returns:
        The path.
    """
    path, pages = Path(path), render_pdf(build(result))
    write_atomically(path, lambda name: Path(name).write_bytes(pages))
    return path


def without_sources(document: Document) -> Document:
    """The document without its links to files beside it, for a report that stands elsewhere."""
    sections = tuple(
        replace(
            section,
            blocks=tuple(
                replace(block, source="") if isinstance(block, Table) and block.source else block
                for block in section.blocks
            ),
        )
        for section in document.sections
    )
    return replace(document, sections=sections)
