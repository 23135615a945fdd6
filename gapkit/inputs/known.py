"""Which names and kinds of files :func:`gapkit.inputs.data.load` knows, and what it says of others.

Without torch, so that the command line tells a wrong name at once.
"""

import difflib
import os
from pathlib import Path

from gapkit.core.errors import InputError

__all__ = ["KINDS", "NAMES", "unknown"]

NAMES = ("cifar10", "digits", "fashion_mnist", "mnist")
KINDS = (".npz", ".npy", ".pt", ".pth", ".csv", ".parquet", ".h5ad")


def unknown(source: str) -> InputError:
    """What to say of data of that name: a file of an unknown kind, a missing file, or an unknown name.

    Example:
        >>> print(unknown("cifar"))
        asked: load data from 'cifar'
        found: no such name, file or folder
        to do: did you mean cifar10? names are ...
    """
    from gapkit.core.files import neighbours

    asked, path = f"load data from {source!r}", Path(os.path.expanduser(source))
    if os.path.isfile(path):
        return InputError(asked, f"a file of kind {path.suffix or 'without suffix'}", f"use {', '.join(KINDS)}")
    if path.suffix in KINDS or len(path.parts) > 1:
        close = difflib.get_close_matches(path.name, neighbours(path.parent), n=3)
        return InputError(asked, "no such file", f"did you mean {' or '.join(close)}?" if close else "check the path")
    close = difflib.get_close_matches(source.lower().replace("-", "_"), NAMES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    ways = f"names are {', '.join(NAMES)}; or pass a file ({', '.join(KINDS)}), a folder of images, file.py:function"
    return InputError(asked, "no such name, file or folder", hint + ways)
