"""Signs that a terminal cannot show become ASCII, instead of an error in the middle of the output."""

import codecs

__all__ = ["SIGNS", "ascii_signs"]

SIGNS = "gapkit.signs"  # name of the error handler
_ASCII = {"±": "+-", "−": "-", "–": "-", "·": "*", "∫": "integral of ", "…": "..."}


def ascii_signs(error: UnicodeError) -> tuple[str, int]:
    r"""What stands for signs that cannot be encoded: an error handler of :mod:`codecs`; others are written as escapes.

    Example:
        >>> "−94.7 ± 0.3 é".encode("ascii", SIGNS)
        b'-94.7 +- 0.3 \\xe9'
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_ASCII.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in lacking), error.end


codecs.register_error(SIGNS, ascii_signs)
