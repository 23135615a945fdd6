"""``--log-json``: what a command does, an event a line, for programs that watch it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from gapkit.engine import Progress

__all__ = ["Log", "logged"]


class Log:
    """Writes events to a file, each as soon as it comes; without a file, nowhere.

    Args:
        path: lines are added to what is there.

    Raises:
        InputError: the file cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._began = time.monotonic()
        try:
            self._file = None if path is None else open(path, "a", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            asked, do = f"--log-json {path}", "choose another file"
            raise InputError(asked, error.strerror or type(error).__name__, do) from error

    def __call__(self, event: str, **facts: Any) -> None:
        """Write an event: ``event``, ``time`` (UTC), ``seconds`` since the beginning, and its facts."""
        if self._file is None:
            return
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        seconds = round(time.monotonic() - self._began, 3)
        self._file.write(json.dumps({"event": event, "time": now, "seconds": seconds, **facts}) + "\n")
        self._file.flush()

    def progress(self, step: "Progress") -> None:
        """Write that a stage is done."""
        self("stage", stage=step.stage, done=step.done, total=step.total)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


@contextmanager
def logged(path: Path | None, **facts: Any) -> Iterator[Log]:
    """Yield a log of a piece of work, with ``begun`` as its first event, and how it ended as the last one.

    Args:
        path: the file, or None.
        facts: of the beginning.

    Raises:
        InputError: the file cannot be written.
    """
    log = Log(path)
    log("begun", **facts)
    try:
        yield log
    except KeyboardInterrupt:
        log("interrupted")
        raise
    except Exception as error:
        log("failed", error=type(error).__name__, why=str(error))
        raise
    else:
        log("done")
    finally:
        log.close()
