"""Where in the user's own code something went wrong."""

import sysconfig
import traceback
from pathlib import Path

__all__ = ["MEND", "is_slip", "place_of"]

MEND = "mend that line; the full traceback is in the exception's cause"
# A slip in code, whatever it is given; other errors may tell of the data's shape or type.
_SLIPS = (AttributeError, AssertionError, ImportError, KeyError, NameError, TypeError, ZeroDivisionError)


def is_slip(error: BaseException) -> bool:
    """Whether an error is a slip in a line of the user's own code, rather than about what it was given."""
    return isinstance(error, _SLIPS) and bool(place_of(error))


def place_of(error: BaseException) -> str:
    """The deepest line of the user's own code: neither Python's library, nor an installed package, nor gapkit.

    Returns:
        Such as ``", at model.py line 12: return self.fc(x)"``; empty where there is none.
    """
    foreign = (sysconfig.get_paths()["stdlib"], str(Path(__file__).parents[1]), "<")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(foreign) and "site-packages" not in frame.filename
    ]
    return f", at {frames[-1].filename} line {frames[-1].lineno}: {frames[-1].line}" if frames else ""
