"""A folder that a library saved a model in: its names, and its JSON files; nothing else of it is read."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapkit.core.errors import InputError
from gapkit.core.files import in_words

__all__ = ["Folder"]

_LARGEST = 4 * 10**6  # bytes of a JSON file


@dataclass(frozen=True)
class Folder:
    """A folder.

    Attributes:
        path: of it.
        names: of the files in it, sorted; not of folders.
    """

    path: Path
    names: tuple[str, ...]

    @staticmethod
    def of(path: str | Path) -> "Folder":
        """Look into a folder.

        Raises:
            InputError: it cannot be listed.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     _ = Path(folder, "config.json").write_text('{"latent": 5}')
            ...     found = Folder.of(folder)
            ...     found.names, found.json("config.json")
            (('config.json',), {'latent': 5})
        """
        path = Path(path)
        try:
            names = sorted(entry.name for entry in path.iterdir() if entry.is_file())
        except OSError as error:
            raise InputError(f"read the folder {path}", f"{error.strerror}", "make it readable") from error
        return Folder(path, tuple(names))

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder, which must hold an object; empty where there is no such file.

        Raises:
            InputError: it is damaged, or too large for what it is.
        """
        if name not in self.names:
            return {}
        path = self.path / name
        asked = f"read {path}"
        size = path.stat().st_size
        if size > _LARGEST:
            raise InputError(asked, f"{in_words(size)} of JSON", f"at most {in_words(_LARGEST)} are read")
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(asked, f"damaged JSON ({error!s:.160})", "copy or save the folder again") from error
        if not isinstance(found, dict):
            raise InputError(asked, f"JSON that is no object ({type(found).__name__})", "save the folder again")
        return found
