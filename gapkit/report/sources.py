"""Links of a report to the files beside it."""

from dataclasses import replace

from gapkit.report.blocks import Table
from gapkit.report.document import Document

__all__ = ["without_sources"]


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
