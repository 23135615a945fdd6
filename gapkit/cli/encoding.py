"""Signs that a terminal cannot show become ASCII, instead of an error in the middle of the output."""

import codecs
import io
import sys

__all__ = ["ascii_signs", "legible"]

_NAME = "gapkit.ascii"
_ASCII = {"±": "+-", "−": "-", "–": "-", "·": "*", "∫": "integral of ", "…": "..."}


def ascii_signs(error: UnicodeError) -> tuple[str, int]:
    """What stands for signs that cannot be encoded: an error handler of :mod:`codecs`.

    Example:
        >>> codecs.register_error("gapkit.ascii", ascii_signs)
        >>> "−94.7 ± 0.3 é".encode("ascii", "gapkit.ascii")
        b'-94.7 +- 0.3 ?'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ASCII.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def legible() -> None:
    """Let standard output and error replace what their encoding lacks."""
    codecs.register_error(_NAME, ascii_signs)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_NAME)
