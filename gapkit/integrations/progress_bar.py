"""How far an analysis is, shown where one works: a bar in a notebook, a line on a terminal, plain lines in a log.

A notebook's bar is HTML that is replaced in place: bars of ``rich`` and others need ipywidgets there, which not every
notebook server has. On a terminal the line is written anew with every report and nothing runs in between, so that an
analysis that fails leaves no bar running.
"""

import html
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gapkit.engine.progress import Progress

__all__ = ["plain_lines", "progress_bar"]

_CELLS = 30  # of the bar on a terminal


def progress_bar() -> "Callable[[Progress], None]":
    """Return a callback for ``gapkit.analyze`` and ``gapkit.certify`` that shows how far they are.

    In Jupyter it is a bar under the cell, on a terminal a line that is written anew, elsewhere about ten lines in all;
    the last two go to standard error.

    Example:
        >>> import gapkit
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
        >>> certificate = gapkit.certify(model, num_datapoints=2, effort="quick", progress=progress_bar())
    """
    if _in_notebook():
        return _notebook_bar()
    if sys.stderr.isatty():
        return _terminal_line()
    return plain_lines(lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201


def plain_lines(write: Callable[[str], None]) -> "Callable[[Progress], None]":
    """Return a callback that writes about ten lines in all, such as " 40%  fits"."""
    last = -1

    def show(step: "Progress") -> None:
        nonlocal last
        if step.done <= 1:
            last = -1  # another analysis with the same callback
        tenth = 10 * step.done // step.total
        if tenth > last:
            last = tenth
            write(f"{100 * step.done // step.total:3d}%  {step.stage}")

    return show


def _in_notebook() -> bool:
    """Whether the code runs in a Jupyter kernel; without IPython there is none."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _notebook_bar() -> "Callable[[Progress], None]":
    from IPython.display import display  # there, as this runs in a notebook

    shown: Any = None
    began = time.perf_counter()

    def show(step: "Progress") -> None:
        nonlocal shown, began
        first = shown is None or step.done <= 1  # another analysis gets a bar of its own
        if first:
            began = time.perf_counter()
        seconds = time.perf_counter() - began
        bundle = {"text/html": _as_html(step, seconds), "text/plain": _as_text(step, seconds)}
        if first:
            shown = display(bundle, raw=True, display_id=True)
        else:
            shown.update(bundle, raw=True)

    return show


def _terminal_line() -> "Callable[[Progress], None]":
    began = time.perf_counter()

    def show(step: "Progress") -> None:
        nonlocal began
        if step.done <= 1:
            began = time.perf_counter()
        full = _CELLS * step.done // step.total
        bar = "━" * full + " " * (_CELLS - full)
        end = "\n" if step.done >= step.total else ""
        sys.stderr.write(f"\r{bar} {_as_text(step, time.perf_counter() - began):<40}{end}")
        sys.stderr.flush()

    return show


def _as_html(step: "Progress", seconds: float) -> str:
    bar = f'<progress value="{step.done}" max="{step.total}" style="width:18em;vertical-align:middle"></progress>'
    return f'<div role="status">{bar} {html.escape(_as_text(step, seconds))}</div>'


def _as_text(step: "Progress", seconds: float) -> str:
    """How far, in words.

    Example:
        >>> from gapkit.engine import Progress
        >>> _as_text(Progress(3, 10, "fits"), 75.0), _as_text(Progress(10, 10, "certificate"), 75.0)
        ('30%  fits, 1:15', 'done in 1:15')
    """
    clock = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
    return f"done in {clock}" if step.done >= step.total else f"{100 * step.done // step.total}%  {step.stage}, {clock}"
