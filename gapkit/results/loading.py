"""``gapkit.load_run``: a finished run by its folder."""

import os
from pathlib import Path

from gapkit.core.errors import InputError
from gapkit.core.phrases import listed
from gapkit.results.result import Result

__all__ = ["load_run"]

_RUN = "run.json"


def load_run(folder: str | Path) -> Result:
    """Read what ``gapkit analyze`` or ``result.save`` left in a folder; neither model nor data are needed.

    Args:
        folder: of one run.

    Returns:
        The result: ``result.table`` has a row for each datapoint, in nats.

    Raises:
        InputError: no run in the folder, or one that is not complete; a series, whose runs are named; a file that is
            not what gapkit writes.

    Example:
        >>> load_run("absent")
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: the result in absent
        ...
    """
    folder = Path(folder).expanduser()
    if not os.path.lexists(folder / _RUN):
        runs = sorted(path.parent.name for path in folder.glob(f"*/{_RUN}"))
        if runs:
            do = f"load one of them, such as {folder / runs[0]}, or read {folder / 'comparison.json'}"
            raise InputError(f"the result in {folder}", f"the runs {listed(runs)} in it", do)
    return Result.load(folder)
