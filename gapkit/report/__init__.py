"""The report: a document as data, then a renderer. It needs a result, and neither model nor GPU."""

from gapkit.report.amortization import build_amortization
from gapkit.report.analysis import build
from gapkit.report.comparison import build_comparison
from gapkit.report.document import Document
from gapkit.report.html import render
from gapkit.report.pdf import render_pdf
from gapkit.report.score import build_score
from gapkit.report.sources import without_sources
from gapkit.report.write import as_bytes, write_report

__all__ = [
    "Document",
    "as_bytes",
    "build",
    "build_amortization",
    "build_comparison",
    "build_score",
    "render",
    "render_pdf",
    "without_sources",
    "write_report",
]
