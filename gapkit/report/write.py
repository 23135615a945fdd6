"""A report as one file, whose name says of which kind: a page of HTML or a PDF."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gapkit.comparison import Claims, Comparison
from gapkit.core.errors import InputError
from gapkit.core.files import kind_of, write_atomically
from gapkit.ood import Scored
from gapkit.report.amortization import build_amortization
from gapkit.report.analysis import build
from gapkit.report.claims import build_claims
from gapkit.report.comparison import build_comparison
from gapkit.report.document import Document
from gapkit.report.html import render
from gapkit.report.pdf import render_pdf
from gapkit.report.score import build_score
from gapkit.report.sources import without_sources
from gapkit.results import Result
from gapkit.results.amortization import Amortization

__all__ = ["as_bytes", "write_report"]

_RENDERERS: dict[str, Callable[[Document], bytes]] = {
    ".html": lambda document: render(document).encode("utf-8", "backslashreplace"),
    ".pdf": render_pdf,
}
_BUILDERS: dict[type, Callable[[Any], Document]] = {
    Result: build,
    Comparison: build_comparison,
    Scored: build_score,
    Claims: build_claims,
    Amortization: build_amortization,
    Document: lambda document: document,
}


def as_bytes(document: Document, suffix: str) -> bytes:
    """A document as the content of a file.

    Args:
        document: of a report.
        suffix: ``".html"`` or ``".pdf"``.
    """
    return _RENDERERS[suffix](document)


def write_report(what: Result | Comparison | Scored | Claims | Document, path: str | Path) -> Path:
    """Write the report of a result, a comparison, scores or claims as one file, wholly or not at all.

    It stands alone: without network, and without links to the files of a run. A file that is there is replaced.

    Args:
        what: to report on, or a report that was put together already; numbers in the report are in nats.
        path: the file to write, ``NAME.html`` or ``NAME.pdf``; its folder exists.

    Returns:
        The path.

    Raises:
        InputError: another ending of the name, a folder of that name, or a place that cannot be written to.

    Example:
        >>> import tempfile
        >>> import torch
        >>> from gapkit.engine import analyze
        >>> from gapkit.models.reference import build as build_model
        >>> model = build_model("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
        >>> result = analyze(model, torch.ones(3, 6), effort="quick")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_report(result, Path(folder) / "page.html").read_bytes()[:15]
        b'<!DOCTYPE html>'
    """
    path = Path(path)
    asked = f"write the report to {path}"
    suffix = path.suffix.lower()
    if suffix not in _RENDERERS:
        found = f"the ending {path.suffix}" if path.suffix else "a name without an ending"
        raise InputError(asked, found, f"end the name with {' or '.join(_RENDERERS)}")
    if kind_of(path, asked) == "folder":
        raise InputError(asked, "a folder of that name", "choose another name")
    if not os.path.isdir(path.parent):
        raise InputError(asked, f"no folder {path.parent}", "make the folder first, or choose another path")
    content = as_bytes(without_sources(_document(what)), suffix)
    try:
        write_atomically(path, lambda name: Path(name).write_bytes(content))
    except OSError as error:
        raise InputError(asked, str(error), "choose another path") from error
    return path


def _document(what: object) -> Document:
    """The report as data.

    Raises:
        InputError: there is no report of such a thing.
    """
    for kind, builder in _BUILDERS.items():
        if isinstance(what, kind):
            return builder(what)
    found = f"an object of the type {type(what).__name__}"
    raise InputError("a report", found, f"pass a {', '.join(kind.__name__ for kind in _BUILDERS)}")
