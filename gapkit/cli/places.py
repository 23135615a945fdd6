"""What a command is to read: a name that is not there is told in a moment, before anything slow is imported."""

import glob
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gapkit.core.errors import InputError

__all__ = ["read_by", "require_places"]


def require_places(values: Mapping[str, Any]) -> None:
    """Refuse what a command is to read where nothing of that name is there; all else is told when it is read.

    Args:
        values: of the command, by the names of its parameters.

    Raises:
        InputError: a file, folder, data set or Python file that is not there.

    Example:
        >>> require_places({"data": "digits", "out": "any"})
        >>> require_places({"checkpoint": "absent.pt"})
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: read the checkpoint absent.pt
        ...
    """
    for name, require in _REQUIRED.items():
        words = _words(values.get(name))
        if name == "checkpoint" and len(words) > 1:
            continue  # a series goes on where one of them fails
        for word in words:
            require(word)


def read_by(values: Mapping[str, Any]) -> Iterator[Path]:
    """The places that a command is to read, whether there is something or not."""
    for name in (*_REQUIRED, *_FOLDERS):
        for word in _words(values.get(name)):
            own = name in ("encoder", "bound", "runs") and not os.path.lexists(word)  # NAME=PLACE
            place = word.partition("=")[2] or word if own else word
            place = os.path.expanduser(place.rpartition(":")[0] if ".py:" in place else place)
            yield Path(place)
            if glob.has_magic(place):
                yield from map(Path, glob.glob(place, recursive=True))


def _words(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]


def _there(word: str) -> bool:
    return os.path.lexists(os.path.expanduser(word))


def _checkpoint(word: str) -> None:
    if glob.has_magic(word) and not os.path.lexists(word):
        if not glob.glob(os.path.expanduser(word), recursive=True):
            do = "check the pattern and the folder"
            raise InputError(f"checkpoints {word}", "no file or folder that matches", do)
        return
    _file("read the checkpoint {}")(word)


def _file(asked: str) -> Callable[[str], None]:
    def require(word: str) -> None:
        if not os.path.lexists(word):
            from gapkit.core.files import require_file

            require_file(Path(word), asked.format(word))

    return require


def _encoder(word: str) -> None:
    path = word.partition("=")[2]
    if path:
        _file("read the checkpoint {}")(path)


def _data(word: str) -> None:
    from gapkit.inputs.known import NAMES, unknown

    if word in NAMES or _there(word):
        return
    place, colon, _ = word.rpartition(":")
    if not colon:
        raise unknown(word)
    if place.endswith(".py"):
        from gapkit.inputs.outline import require_spec

        require_spec(word)


def _code(word: str) -> None:
    """Of ``file.py:name`` or ``NAME=file.py:name``, the file."""
    spec = word.rpartition("=")[2]
    place = spec.rpartition(":")[0]
    if place.endswith(".py") and not _there(place):
        from gapkit.inputs.outline import require_spec

        require_spec(spec)


# By the names of parameters, in the order in which they are looked at: the user's own code first.
_REQUIRED: dict[str, Callable[[str], None]] = {
    "model": _code,
    "data": _data,
    "reference": _data,
    "bound": _code,
    "checkpoint": _checkpoint,
    "file": _file("inspect {}"),
    "encoder_file": _file("load the encoder {}"),
    "decoder_file": _file("load the program {}"),
    "encoder": _encoder,
    "against": _file("read the checkpoint {}"),
}
_FOLDERS = ("run", "runs", "reference_run", "more")  # of finished runs, which are told apart in a moment too
