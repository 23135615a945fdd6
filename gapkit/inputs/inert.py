"""Files that a library wrote with its own objects beside the weights, read without any of these.

Whatever class or function a pickle names, a stand-in takes its place that does nothing and keeps what it was given: no
code of the file, or of the libraries that it names, runs. Tensors, numbers, texts, lists and dictionaries come out as
they are.
"""

from pathlib import Path
from typing import Any

import torch

from gapkit.core.errors import InputError
from gapkit.core.files import require_file
from gapkit.inputs.calls import refuse_swelling
from gapkit.inputs.numbers import NUMBERS
from gapkit.inputs.sniff import check_archive, checkpoint_kind, unsafe_globals

__all__ = ["Inert", "read_inert"]

_SCALARS = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")


class Inert:
    """What stands for an object of a class that is not imported.

    Attributes:
        given: what it was to be made of.
        state: what it was to hold.
    """

    def __init__(self, *given: Any) -> None:
        self.given, self.state = given, None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def items(self) -> list[Any]:
        """The entries of an array of objects, such as words; empty for anything else."""
        last = self.state[-1] if isinstance(self.state, tuple) and self.state else None
        return last if isinstance(last, list) else []


def read_inert(path: Path) -> Any:
    """Read a checkpoint in which every class and function but those of tensors is a stand-in.

    Args:
        path: a file of ``torch.save``.

    Raises:
        InputError: it is missing or damaged, or no such file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save({"weight": torch.ones(2), "where": Path("home")}, f"{folder}/model.pt")
        ...     found = read_inert(Path(folder, "model.pt"))
        >>> found["weight"], type(found["where"]).__name__
        (tensor([1., 1.]), 'Inert')
    """
    asked = f"read the checkpoint {path}"
    require_file(path, asked)
    kind = checkpoint_kind(path)
    if kind == "zip":
        check_archive(path)
    refuse_swelling(path, kind)
    names = [name for name in unsafe_globals(path, kind) or () if name not in _SCALARS]
    stand_ins: list[Any] = [(_dictionary if name == "collections.defaultdict" else Inert, name) for name in names]
    scalars = [entry for entry in NUMBERS if isinstance(entry, tuple) and entry[1] in _SCALARS]
    try:
        with torch.serialization.safe_globals([*stand_ins, *((_number, name) for _, name in scalars)]):
            return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # a damaged pickle ends in all kinds of exceptions
        lines = str(error).strip().splitlines()
        found = f"a damaged file, or none of torch.save ({type(error).__name__}: {lines[0][:160] if lines else ''})"
        raise InputError(asked, found, "copy it again, or save it again") from error


def _dictionary(*_: Any) -> dict[Any, Any]:
    return {}


def _number(kind: Any, raw: Any = b"") -> Any:
    """A NumPy scalar: whole numbers of 64 bits, which counts are; others stay out."""
    name = kind.given[0] if isinstance(kind, Inert) and kind.given else None
    if name in ("i8", "i4", "u8", "u4") and isinstance(raw, bytes) and len(raw) == int(str(name)[1]):
        return int.from_bytes(raw, "little", signed=str(name)[0] == "i")
    return Inert(kind, raw)
