"""Import what the user named: ``path/to/file.py:name`` or ``package.module:name``.

Only code that was named on purpose is ever imported; nothing that merely lies next to a checkpoint is.
"""

import ast
import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from gapkit.core.errors import InputError
from gapkit.inputs.outline import FORM, require_spec, split_spec
from gapkit.inputs.traces import MEND, place_of

__all__ = ["call_user", "load_attribute", "load_factory", "located", "module_of", "parse_model_args", "search_path"]

METHODS = ("encode", "decode", "prior")


def load_factory(spec: str, args: Mapping[str, Any] | None = None) -> Any:
    """Build the object that a spec names.

    Args:
        spec: ``path/to/file.py:name`` or ``package.module:name``. The name may be a function or a class, which is
            called with ``args``, or a finished object, which is returned as it is.
        args: keyword arguments of the call.

    Returns:
        What the call returned, or the object itself.

    Raises:
        InputError: no such file, module or name; arguments that do not fit; an exception inside the user's code.

    Example:
        >>> load_factory("fractions:Fraction", {"numerator": 1, "denominator": 3})
        Fraction(1, 3)
    """
    args = dict(args or {})
    target = load_attribute(spec)
    finished = not inspect.isclass(target) and all(hasattr(target, name) for name in METHODS)
    if finished or not callable(target):
        if args:
            found = f"a finished object of type {type(target).__name__}, which takes none"
            raise InputError(f"call {spec} with {', '.join(args)}", found, "drop --model-arg or name a factory")
        return target
    return call_user(target, spec, args)


def load_attribute(spec: str) -> Any:
    """Import the module of a spec and return the named attribute, uncalled.

    Raises:
        InputError: the spec is malformed, or its file, module or attribute is missing or fails to import.
    """
    place, name = split_spec(spec)
    require_spec(spec)
    with search_path(place):
        target: Any = _import(place, spec)
        for part in name.split("."):
            if not hasattr(target, part):
                there = sorted(known for known in vars(target) if not known.startswith("_"))
                close = difflib.get_close_matches(part, there, n=1)
                found = f"no {part!r} there, only {', '.join(there[:20]) or 'nothing public'}"
                raise InputError(f"import {spec!r}", found, f"did you mean {close[0]}?" if close else FORM)
            target = getattr(target, part)
        return target


def module_of(spec: str) -> ModuleType:
    """The module of a spec, imported if it was not before.

    Raises:
        InputError: the spec is malformed, or its file or module is missing or fails to import.
    """
    place, _ = split_spec(spec)
    known = sys.modules.get(_name_of(Path(place).expanduser())) if place.endswith(".py") else None
    if known is not None:
        return known
    with search_path(place):
        return _import(place, spec)


def call_user(target: Any, spec: str, args: Mapping[str, Any], do: str | None = None) -> Any:
    """Call a function or class of the user's, translating what goes wrong.

    Args:
        target: what to call.
        spec: its name in messages.
        args: keyword arguments.
        do: what to do where they do not fit the signature; None speaks of ``--model-arg``.

    Raises:
        InputError: the arguments do not fit the signature, or the code raised; the cause is attached.
    """
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):  # some builtins have none
        signature = None
    if signature is not None:
        try:
            signature.bind(**args)
        except TypeError as err:
            given = ", ".join(f"{key}={value!r}" for key, value in args.items()) or "no arguments"
            found = f"{err}; its signature is {spec.rpartition(':')[2]}{signature}"
            do = do or "pass what it needs, e.g. --model-arg name=value"
            raise InputError(f"call {spec} with {given}", found, do) from err
    with search_path(spec.rpartition(":")[0]):
        try:
            return target(**args)
        except (Exception, SystemExit) as err:
            raise located(f"call {spec}", err) from err


def parse_model_args(pairs: Iterable[str]) -> dict[str, Any]:
    """Parse ``key=value`` strings: values that are Python literals become so, all others stay text.

    Args:
        pairs: e.g. the values of a repeated ``--model-arg``.

    Returns:
        Name -> value.

    Raises:
        InputError: a pair without ``=``, a key that is no Python name, or a key given twice.

    Example:
        >>> parse_model_args(["latent=50", "hidden=(200, 200)", "activation=elu"])
        {'latent': 50, 'hidden': (200, 200), 'activation': 'elu'}
    """
    parsed: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.isidentifier():
            raise InputError(f"read the model argument {pair!r}", "not of the form name=value", "e.g. latent=50")
        if key in parsed:
            raise InputError(f"read the model argument {pair!r}", f"{key!r} was given before", "give it once")
        try:
            parsed[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            parsed[key] = text
    return parsed


@contextlib.contextmanager
def search_path(place: str = "") -> Iterator[None]:
    """Let imports find the working directory and, for a file, its neighbours."""
    added = [str(Path.cwd())]
    if place.endswith(".py"):
        added.insert(0, os.path.dirname(os.path.realpath(place)))
    sys.path[:0] = added
    try:
        yield
    finally:
        for entry in added:
            with contextlib.suppress(ValueError):
                sys.path.remove(entry)


def _import(place: str, spec: str) -> ModuleType:
    return _import_file(Path(place).expanduser(), spec) if place.endswith(".py") else _import_module(place, spec)


def _name_of(path: Path) -> str:
    """Under which name a file of the user's is imported: no other module's."""
    return f"_gapkit_user_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"


def _import_file(path: Path, spec: str) -> ModuleType:
    path = path.resolve()
    name = _name_of(path)
    module_spec = importlib.util.spec_from_file_location(name, path)
    if module_spec is None or module_spec.loader is None:
        raise InputError(f"import {spec!r}", "Python cannot import this file", FORM)
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module  # dataclasses and pickles look their module up by name
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as err:
        del sys.modules[name]
        raise located(f"import {spec!r}", err) from err
    return module


def _import_module(place: str, spec: str) -> ModuleType:
    importlib.invalidate_caches()  # the module may have been written after Python last looked into its folder
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as err:
        if err.name is None or not f"{place}.".startswith(f"{err.name}."):
            raise located(f"import {spec!r}", err) from err
        do = f"check the name, or name a file instead: {FORM}; the working directory is searched"
        raise InputError(f"import {spec!r}", f"no module named {err.name!r}", do) from err
    except (Exception, SystemExit) as err:
        raise located(f"import {spec!r}", err) from err


def located(asked: str, err: BaseException) -> InputError:
    """What went wrong in the user's code, with its deepest line: no library's, no installed package's, not gapkit's.

    Args:
        asked: what was asked for.
        err: what the user's code raised.
    """
    text = f"{type(err).__name__}: {err}"
    if isinstance(err, SyntaxError) and err.filename:
        return InputError(asked, f"{text}, in {err.filename} line {err.lineno}", "mend that line")
    where = place_of(err)
    together = "check that the data and the model belong together; the full traceback is in the exception's cause"
    return InputError(asked, f"{text}{where}", MEND if where else together)
