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
    from gapkit.training.progress import EpochReport

__all__ = ["plain_lines", "progress_bar"]

_CELLS = 30  # of the bar on a terminal


def progress_bar() -> "Callable[[Progress | EpochReport], None]":
    """Return a callback for ``gapkit.analyze``, ``gapkit.certify`` and trainings that shows how far they are.

    It is what ``progress=True`` stands for.

    In Jupyter it is a bar under the cell, on a terminal a line that is written anew, elsewhere about ten lines in all;
    the last two go to standard error.

    Example:
        >>> import gapkit
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
        >>> certificate = gapkit.certify(model, num_datapoints=2, effort="quick", progress=progress_bar())
    """
    if _in_notebook():
        return _NotebookBar()
    if sys.stderr.isatty():
        return _TerminalLine()
    return plain_lines(lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201


def plain_lines(write: Callable[[str], None]) -> "Callable[[Progress | EpochReport], None]":
    """Return a callback that writes about ten lines in all, such as " 40%  fits"."""
    last = -1

    def show(report: "Progress | EpochReport") -> None:
        nonlocal last
        step = _as_step(report)
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


class _NotebookBar:
    """One output under the cell, which is replaced in place."""

    def __init__(self) -> None:
        self._shown: Any = None
        self._step: Progress | None = None
        self._began = time.perf_counter()

    def __call__(self, report: "Progress | EpochReport") -> None:
        from IPython.display import display  # there, as this runs in a notebook

        step = _as_step(report)
        first = self._shown is None or step.done <= 1  # another analysis gets a bar of its own
        if first:
            self._began = time.perf_counter()
        self._step = step if step.done < step.total else None
        text = _as_text(step, time.perf_counter() - self._began)
        bar = f'<progress value="{step.done}" max="{step.total}" style="width:18em;vertical-align:middle"></progress> '
        bundle = _bundle(bar, text)
        if first:
            self._shown = display(bundle, raw=True, display_id=True)
        else:
            self._shown.update(bundle, raw=True)

    def stopped(self) -> None:
        """Say in place of the bar where the work stopped; one that is done stays."""
        if self._shown is not None and self._step is not None:
            text = _as_text(self._step, time.perf_counter() - self._began)
            self._shown.update(_bundle("", f"stopped at {text}"), raw=True)
            self._step = None


class _TerminalLine:
    """A line that is written anew."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._open = False

    def __call__(self, report: "Progress | EpochReport") -> None:
        step = _as_step(report)
        if step.done <= 1:
            self._began = time.perf_counter()
        full = _CELLS * step.done // step.total
        bar = "━" * full + " " * (_CELLS - full)
        self._open = step.done < step.total
        end = "" if self._open else "\n"
        sys.stderr.write(f"\r{bar} {_as_text(step, time.perf_counter() - self._began):<40}{end}")
        sys.stderr.flush()

    def stopped(self) -> None:
        """End the line, so that what is said of the error has one of its own."""
        if self._open:
            sys.stderr.write("\n")
            sys.stderr.flush()
            self._open = False


def _bundle(bar: str, text: str) -> dict[str, str]:
    return {"text/html": f'<div role="status">{bar}{html.escape(text)}</div>', "text/plain": text}


def _as_step(report: "Progress | EpochReport") -> "Progress":
    """The report of a training as a stage of it."""
    from gapkit.engine.progress import Progress

    if isinstance(report, Progress):
        return report
    return Progress(report.epoch, report.epochs, f"loss {report.loss:.2f}")


def _as_text(step: "Progress", seconds: float) -> str:
    """How far, in words.

    Example:
        >>> from gapkit.engine import Progress
        >>> _as_text(Progress(3, 10, "fits"), 75.0), _as_text(Progress(10, 10, "certificate"), 75.0)
        ('30%  fits, 1:15', 'done in 1:15')
    """
    clock = f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
    return f"done in {clock}" if step.done >= step.total else f"{100 * step.done // step.total}%  {step.stage}, {clock}"
