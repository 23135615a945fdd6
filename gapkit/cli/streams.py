"""Standard output and error that never end a run: a reader that has gone, or letters that the terminal lacks."""

import io
import os
import sys
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderHook, RenderResult
from rich.segment import Segment

from gapkit.cli.encoding import SIGNS
from gapkit.cli.saying import saying
from gapkit.core.errors import InputError, printable

__all__ = ["console", "tolerant_streams"]


_ERRORS = 2  # file descriptor of standard error


class _Pipe(io.FileIO):
    """A file whose reader may leave, as ``head`` does: what is written from then on goes nowhere."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if isinstance(error, BrokenPipeError) or self.fileno() == _ERRORS:
                return len(data)
            found = error.strerror or type(error).__name__
            do = "send the output elsewhere; files of results that were to be written before it are there"
            raise InputError("write to standard output", found, do) from error


def tolerant_streams() -> None:
    """Replace the standard streams of the process by ones that outlive their readers and can write any name."""
    sys.stdout, sys.stderr = (_tolerant(stream) for stream in (sys.stdout, sys.stderr))


def _tolerant(stream: TextIO) -> TextIO:
    if type(stream) is not io.TextIOWrapper or not isinstance(stream.buffer, io.BufferedWriter | io.FileIO):
        return stream  # of a test or an embedding program
    stream.flush()
    pipe = io.BufferedWriter(_Pipe(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(pipe, stream.encoding, SIGNS, line_buffering=stream.line_buffering, write_through=True)


class _Shown:
    """Something to print, whose control characters are shown as text: names in it may come from a file."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __rich_console__(self, target: Console, options: ConsoleOptions) -> RenderResult:
        for part in target.render(self.inner, options):
            yield part if part.control else Segment(printable(part.text), part.style)


class _Escapes(RenderHook):
    def process_renderables(self, renderables: list[Any]) -> list[Any]:
        return [_Shown(each) for each in renderables]


def console(*, errors: bool = False) -> Console:
    """A console on standard output, for results, or on standard error, for progress, which ``--quiet`` leaves out."""
    made = Console(soft_wrap=True, stderr=errors, quiet=errors and saying().quiet)
    made.push_render_hook(_Escapes())
    return made
