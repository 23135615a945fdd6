"""Files that must stay as they were while a run reads them."""

from pathlib import Path

from gapkit.core.errors import InputError

__all__ = ["Unchanged"]


class Unchanged:
    """A file that must stay as it was when it was first looked at.

    Args:
        path: of the file.
        asked: beginning of error messages.
    """

    def __init__(self, path: Path, asked: str) -> None:
        self._path, self._asked = path.resolve(), asked
        self._was = self._now()

    def _now(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_size, found.st_mtime_ns

    def require_unchanged(self) -> None:
        """Refuse another file, or none, of that name.

        Raises:
            InputError: it has changed.
        """
        try:
            same = self._now() == self._was
        except OSError:
            same = False
        if not same:
            raise InputError(self._asked, f"{self._path.name} has changed since the run began", "begin the run again")
