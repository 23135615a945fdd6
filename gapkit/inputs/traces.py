"""Where in the user's own code something went wrong."""

import sysconfig
import traceback
from pathlib import Path

__all__ = ["place_of"]


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
