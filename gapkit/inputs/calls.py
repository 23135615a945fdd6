"""What the pickles in a checkpoint call, followed without calling anything: some calls take memory that no file holds.

``weights_only=True`` runs no foreign code, but a few of the calls that it allows make an object of any size out of one
number (``bytearray(3_000_000_000)``), or double what they are given again and again (``_codecs.encode`` to hexadecimal
digits). ``torch.save`` writes none of them that way, so they are refused before the file is loaded.
"""

import contextlib
import io
import pickletools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gapkit.core.errors import InputError

__all__ = ["pickles_of", "refuse_long_names", "refuse_swelling"]

_PICKLES_OF_LEGACY = 5  # magic number, protocol, system, payload, keys of the storages
# Files without any of these words are not followed: almost all.
_SWELLING = (b"bytes\n", b"bytearray\n", b"_codecs", b"Size\n", b"_rebuild_from_type", b"Tensor\n", b"ndarray\n")
_LONGEST = 600  # characters of a name
_LATIN = ("latin1", "latin-1")  # how protocol 2 writes bytes


@dataclass(frozen=True)
class _Named:
    """A function or class on the stack."""

    name: str


_OTHER = object()  # whatever else stands there
_MARK = object()


def pickles_of(path: Path, kind: str) -> Iterator[bytes]:
    """The pickles in a checkpoint, each as its bytes; of a damaged file those before the damage.

    Every record of an archive that could be taken for its pickle is one, also of an odd case and twice the same name:
    which of them ``torch.load`` takes is left to it.

    Args:
        path: a checkpoint.
        kind: ``"zip"`` or ``"legacy"``, as :func:`gapkit.inputs.sniff.checkpoint_kind` tells.
    """
    try:
        if kind == "zip":
            with zipfile.ZipFile(path) as archive:
                for record in archive.infolist():
                    if record.filename.lower().endswith("data.pkl"):
                        yield archive.read(record)
            return
        with path.open("rb") as file:
            for _ in range(_PICKLES_OF_LEGACY):
                start = file.tell()
                for _ in pickletools.genops(file):
                    pass
                length = file.tell() - start
                file.seek(start)
                yield file.read(length)
    except Exception:  # damaged files end in all kinds of exceptions; the loader tells them
        return


def refuse_swelling(path: Path, kind: str) -> None:
    """Refuse a checkpoint whose pickles would make something of nothing when they are loaded.

    Args:
        path: a checkpoint.
        kind: ``"zip"`` or ``"legacy"``.

    Raises:
        InputError: a call that ``torch.save`` would not have written, by its name.
    """
    for content in pickles_of(path, kind):
        if not any(word in content for word in _SWELLING):
            continue
        for name, arguments in _calls(content):
            if (reason := _swells(name, arguments)) is not None:
                found = f"a pickle that calls {name} {reason}: that takes memory which the file does not hold"
                do = "save the weights again: torch.save(model.state_dict(), 'model.pt')"
                raise InputError(f"read the checkpoint {path}", found, do)


def refuse_long_names(path: Path, kind: str) -> None:
    """Refuse a damaged checkpoint that asks for names of absurd length, over which the loader's own message ponders.

    Args:
        path: a checkpoint.
        kind: ``"zip"`` or ``"legacy"``.

    Raises:
        InputError: there is such a name.
    """
    longest = max((len(name) for content in pickles_of(path, kind) for name in _names(content)), default=0)
    if longest > _LONGEST:
        found = f"a damaged pickle that asks for a name of {longest:,} characters"
        raise InputError(f"read the checkpoint {path}", found, "copy or download it again, or save it again")


def _names(content: bytes) -> Iterator[str]:
    with contextlib.suppress(Exception):  # a damaged pickle, which the loader refuses
        yield from (str(value) for code, value, _ in pickletools.genops(content) if code.name in ("GLOBAL", "INST"))


def _swells(name: str, arguments: tuple[Any, ...]) -> str | None:
    """Why a call is not let through, in words; None for one that is."""
    first = arguments[0] if arguments else None
    last = name.rpartition(".")[2]
    if name in ("builtins.bytearray", "builtins.bytes") and isinstance(first, int):
        return f"with the number {first:,}"
    if name == "_codecs.encode" and (len(arguments) < 2 or arguments[1] not in _LATIN):
        return "with another code than latin-1"
    if name == "torch.Size" and arguments and not isinstance(first, tuple):
        return "with something that is no tuple"
    if name == "torch._tensor._rebuild_from_type_v2":
        inner = first.name if isinstance(first, _Named) else ""
        return None if inner.startswith("torch._utils._rebuild") else "with a function that rebuilds no tensor"
    if last.endswith(("Tensor", "ndarray")) and any(isinstance(value, int | tuple) for value in arguments):
        return "with a size"
    return None


def _calls(content: bytes) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Names and arguments of all calls; it ends where an operation is none that weights-only loading knows."""
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    try:
        for opcode, value, _ in pickletools.genops(io.BytesIO(content)):
            name = opcode.name
            if name == "GLOBAL":
                module, _, attribute = str(value).partition(" ")
                stack.append(_Named(f"{_NEWER.get(module, module)}.{attribute}"))
            elif name == "MARK":
                stack.append(_MARK)
            elif name in ("TUPLE", "LIST"):
                items = _to_mark(stack)
                stack.append(tuple(items) if name == "TUPLE" else items)
            elif name in ("APPENDS", "SETITEMS", "ADDITEMS"):
                _to_mark(stack)
            elif name.startswith("TUPLE"):
                count = int(name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            elif name == "EMPTY_TUPLE":
                stack.append(())
            elif name == "EMPTY_LIST":
                stack.append([])
            elif name in ("REDUCE", "NEWOBJ"):
                arguments, called = stack.pop(), stack.pop()
                if isinstance(called, _Named):
                    yield called.name, arguments if isinstance(arguments, tuple) else (_OTHER,)
                stack.append(_OTHER)
            elif name in ("BINGET", "LONG_BINGET", "GET"):
                stack.append(memo.get(value, _OTHER))
            elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
                memo[value] = stack[-1]
            elif name == "SETITEM":
                del stack[-2:]
            elif name in ("APPEND", "BUILD", "POP"):
                del stack[-1:]
            elif name == "BINPERSID":
                stack[-1:] = [_OTHER]
            elif name not in ("PROTO", "STOP"):
                stack.append(value if isinstance(value, int | str) else _OTHER)
    except Exception:  # a damaged pickle, which the loader refuses
        return


_NEWER = {"__builtin__": "builtins", "copy_reg": "copyreg"}


def _to_mark(stack: list[Any]) -> list[Any]:
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]
