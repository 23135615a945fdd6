"""Where a trusted pickle finds the classes it names: in the user's own file and in the working directory as well.

A model that is saved whole names its class by the module it was defined in: ``__main__`` where that was a script.
"""

import io
import pickle
from types import ModuleType, SimpleNamespace
from typing import Any, BinaryIO

import torch

from gapkit.inputs.usercode import module_of

__all__ = ["found_in", "load_onto_cpu", "pickle_module"]


def pickle_module(code: str | None) -> Any:
    """A stand-in for :mod:`pickle` in ``torch.load`` that looks into the user's file too.

    Args:
        code: ``path/to/file.py:name`` or ``package.module:name``; None for none.
    """
    own = None if code is None else module_of(code)
    return SimpleNamespace(__name__="pickle", Unpickler=_unpickler(own, code), load=pickle.load)


def load_onto_cpu(file: BinaryIO) -> Any:
    """Unpickle what was not written by ``torch.save``, with its tensors on the CPU, whatever device they were on.

    Args:
        file: of a pickle that is trusted: it runs code.
    """

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) == ("torch.storage", "_load_from_bytes"):
                return lambda content: torch.load(io.BytesIO(content), map_location="cpu", weights_only=False)
            return super().find_class(module, name)

    return Unpickler(file).load()


def _unpickler(own: ModuleType | None, code: str | None) -> type[pickle.Unpickler]:
    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            found = None if own is None else found_in(own, module, name, code)
            return super().find_class(module, name) if found is None else found

    return Unpickler


def found_in(own: ModuleType, module: str, name: str, code: str | None) -> Any:
    """What a pickle names, in the user's file; None where the file is not the module that it means, or lacks it.

    Args:
        own: the module of the file.
        module: that the pickle names.
        name: in it, with dots for what is inside a class.
        code: ``path/to/file.py:name`` or ``package.module:name``.
    """
    if not (module == "__main__" or _names(code, module)):
        return None
    found: Any = own
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _names(code: str | None, module: str) -> bool:
    """Whether the user's file is the module that the pickle means."""
    place = (code or "").rpartition(":")[0].removesuffix(".py")
    return place.replace("\\", "/").rpartition("/")[2].rpartition(".")[2] == module.rpartition(".")[2]
