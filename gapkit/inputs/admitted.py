"""Which functions and classes ``--allow-global`` lets into the reading of a pickle, and which it never does.

A pickle names what it needs beyond weights, and calls it with arguments of its own choice. So a name is let in only
where nothing that the file chooses can come of that:

* **data** of a short list, which is called: ``argparse.Namespace``, ``types.SimpleNamespace``, paths, dates,
  ``collections.defaultdict``, arrays of NumPy, plain containers;
* **layers of torch** (``torch.nn``), **classes of the user's own file** (``--model``), and **plain classes** of
  installed packages, of which nothing is called: an empty object is made and its attributes are set. A plain class
  defines no ``__new__``, ``__setstate__``, ``__setattr__``, ``__del__`` and no settable property, which are what a
  pickle or Python calls by itself. What is a dict or a list by its class is read as a plain one.
* **enumerations** of those files and packages, whose call looks up a member.

All else runs code or may, and is left to ``--trust-pickle``: functions, all other classes of the standard library
(``subprocess.Popen``, ``functools.partial``, ``io.FileIO``), classes that are no such plain ones. Neither the working
directory nor the folder of the checkpoint is searched, so that no code beside a checkpoint is imported.

Limits: importing an installed package runs its own code, though never the file's. Attributes of a layer or a plain
object are what the file says, so a model that is read this way computes what the file says; whoever made it chose
that anyway. Methods that are called later (``__eq__``, ``forward``) meet such attributes too.
"""

import argparse
import dataclasses
import datetime
import enum
import importlib
import importlib.util
import pathlib
import secrets
import sys
import sysconfig
import types
import uuid
from _compat_pickle import IMPORT_MAPPING
from collections.abc import Iterable
from typing import Any

from torch import nn

from gapkit.core.errors import InputError
from gapkit.inputs.numbers import ARRAYS
from gapkit.inputs.pickles import found_in
from gapkit.inputs.usercode import module_of

__all__ = ["HARMLESS", "admitted", "is_own", "refused_because"]

_DATA: dict[str, Any] = {
    "argparse.Namespace": argparse.Namespace,
    "types.SimpleNamespace": types.SimpleNamespace,
    "collections.defaultdict": lambda *_: {},
    "uuid.UUID": uuid.UUID,
    **{f"datetime.{each.__name__}": each for each in (datetime.date, datetime.time, datetime.datetime)},
    "datetime.timedelta": datetime.timedelta,
    "datetime.timezone": datetime.timezone,
    **{f"builtins.{each.__name__}": each for each in (list, dict, tuple, int, float, str, bool, bytes, slice)},
    "builtins.frozenset": frozenset,
    # A path of the other kind of system cannot be made here; a pure one can.
    **{
        f"{module}.{name}": kind
        for module in ("pathlib", "pathlib._local")
        for name, kind in (
            ("Path", pathlib.PurePath),
            ("PosixPath", pathlib.PurePosixPath),
            ("WindowsPath", pathlib.PureWindowsPath),
            ("PurePath", pathlib.PurePath),
            ("PurePosixPath", pathlib.PurePosixPath),
            ("PureWindowsPath", pathlib.PureWindowsPath),
        )
    },
    **{name: each for each, name in ARRAYS},
}
HARMLESS = frozenset(_DATA)
_LONGEST = 300  # characters of a name
_CALLED = ("__new__", "__setstate__", "__setattr__", "__del__")
_INSTALLED = tuple({sysconfig.get_paths()[name] for name in ("purelib", "platlib")})


def refused_because(name: str, code: str | None = None) -> str | None:
    """Why a name is not let in, in words; None where it may be. Imports nothing.

    Args:
        name: with dots, as the pickle asks for it.
        code: ``path/to/file.py:name`` of the user's, whose classes may be let in; None for none.

    Example:
        >>> refused_because("argparse.Namespace") is None, refused_because("torch.nn.modules.linear.Linear") is None
        (True, True)
        >>> refused_because("posix.system")
        'can run any code'
    """
    module, _, attribute = name.rpartition(".")
    if (
        not module
        or len(name) > _LONGEST
        or not name.isascii()
        or not all(part.isidentifier() for part in name.split("."))
    ):
        return "is no name of a class"
    if name in HARMLESS:
        return None
    if name.startswith("torch.nn.modules."):
        return None if isinstance(getattr(sys.modules.get(module), attribute, None), type) else "is no layer of torch"
    if is_own(name):
        return None if code is not None else "is of a file that is not named"
    top = module.partition(".")[0]
    known = getattr(sys.modules.get(module), attribute, None)
    if _of_python(top) or top == "torch" or (known is not None and not isinstance(known, type)):
        return "can run any code"
    return None if known is None else _own_code(known)


def is_own(name: str) -> bool:
    """Whether a name is of a script or a module that is not installed: the user's own, or whoever's.

    Example:
        >>> is_own("__main__.Vae"), is_own("my_experiment.model.Vae"), is_own("torch.nn.modules.linear.Linear")
        (True, True, False)
    """
    top = name.partition(".")[0]
    return top == "__main__" or not (_of_python(top) or top == "torch" or _installed(top))


def _of_python(top: str) -> bool:
    """Whether a module is of the standard library, under its name of today or that of Python 2, which pickles use."""
    return top in sys.stdlib_module_names or top in IMPORT_MAPPING


def admitted(names: Iterable[str], code: str | None, asked: str) -> list[Any]:
    """What ``torch.serialization.safe_globals`` is to be given for the names.

    Args:
        names: with dots, as the pickle asks for them.
        code: ``path/to/file.py:name`` of the user's, or None.
        asked: beginning of the error message.

    Raises:
        InputError: a name that is never let in, or that is not there.

    Example:
        >>> [name for _, name in admitted(["argparse.Namespace"], None, "read")]
        ['argparse.Namespace']
    """
    found: list[Any] = []
    for name in names:
        if name in HARMLESS:
            found.append((_DATA[name], name))
            continue
        reason = refused_because(name, code)
        kind = None if reason is not None else _class_of(name, code, asked)
        if kind is not None and not is_own(name) and not name.startswith("torch.nn."):
            reason = _own_code(kind)
        if kind is None or reason is not None:
            do = "pass --trust-pickle, if you know where the file comes from; or save only the weights"
            if is_own(name) and code is None:
                do = "name the file that defines it as well: --model file.py:Class"
            raise InputError(f"{asked}, --allow-global {name}", f"{name} {reason}", do)
        if issubclass(kind, enum.Enum):
            found.append((kind, name))
        else:
            # What BUILD needs to know the class by is a name that no file can guess.
            found += [(_Empty(kind), name), (kind, f"{name}.{secrets.token_hex(16)}")]
    return found


class _Empty:
    """Stands for a class: makes an object without calling the class, and cannot be called itself."""

    def __init__(self, kind: type) -> None:
        def make(_: object, *arguments: Any) -> Any:
            if issubclass(kind, dict | list):
                return {} if issubclass(kind, dict) else []
            if issubclass(kind, tuple):
                return tuple.__new__(kind, arguments)
            return kind.__new__(kind, *arguments)

        self.__new__ = make  # type: ignore[method-assign,assignment]
        self.__module__ = kind.__module__


def _installed(top: str) -> bool:
    """Whether a package lies where packages are installed; told without importing it."""
    if top == "gapkit":
        return True
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""] if spec is not None else []
    return any(str(place).startswith(_INSTALLED) for place in places)


def _class_of(name: str, code: str | None, asked: str) -> type:
    """The class of a name, which may be in the user's file, in torch, or in an installed package."""
    module, _, attribute = name.rpartition(".")
    found: Any = None
    if is_own(name) and code is not None:
        found = found_in(module_of(code), module, attribute, code)
        # What the file has imported is not its own.
        found = found if found is not None and found.__module__ == module_of(code).__name__ else None
    elif not is_own(name):
        try:
            found = getattr(importlib.import_module(module), attribute, None)
        except Exception as error:  # an installed package may raise anything
            text = f"{type(error).__name__}: {error}"
            raise InputError(f"{asked}, --allow-global {name}", text, "install what it needs") from error
    if not isinstance(found, type):
        words = "a function, which can run code" if callable(found) else "not there"
        do = "pass --trust-pickle, if you know where the file comes from; or save only the weights"
        raise InputError(f"{asked}, --allow-global {name}", f"{name} is {words}", do)
    return found


def _own_code(kind: type) -> str | None:
    """What of the class a pickle would run, in words; None for a plain one."""
    for each in () if issubclass(kind, dict | list) else kind.__mro__:
        if each.__module__ == "builtins" or each is nn.Module or issubclass(each, enum.Enum):
            continue
        if each.__module__.partition(".")[0] in sys.stdlib_module_names and each.__module__ not in ("abc", "typing"):
            return f"builds on {each.__module__}.{each.__qualname__}, which can run code"
        frozen = dataclasses.is_dataclass(each) and each.__dataclass_params__.frozen  # type: ignore[attr-defined]
        own = [name for name in _CALLED if name in vars(each) and not (frozen and name == "__setattr__")]
        if issubclass(kind, tuple) and "_fields" in vars(each):
            own = [name for name in own if name != "__new__"]
        own += [name for name, value in vars(each).items() if isinstance(value, property) and value.fset is not None]
        if own:
            return f"runs code of its own when it is read ({', '.join(own[:3])})"
    return None
