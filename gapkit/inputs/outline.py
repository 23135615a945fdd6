"""What a Python file defines, told from its text: mistakes in the user's own file show before anything slow begins."""

import ast
import difflib
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

from gapkit.core.errors import InputError

__all__ = ["FORM", "require_spec", "split_spec"]

FORM = "write path/to/file.py:name or package.module:name"


def split_spec(spec: str) -> tuple[str, str]:
    """Return the place and the name of ``path/to/file.py:name`` or ``package.module:name``.

    Raises:
        InputError: it has not that form.

    Example:
        >>> split_spec("models/vae.py:build")
        ('models/vae.py', 'build')
    """
    place, _, name = spec.rpartition(":")
    if not place or not name:
        do = f"{FORM}, e.g. {spec}:Model" if spec.endswith(".py") else FORM
        raise InputError(f"import {spec!r}", "no name after a colon", do)
    return place, name


def require_spec(spec: str) -> None:
    """Refuse a spec whose file is missing, is no Python, or does not define the name; nothing is run.

    A name that may come from elsewhere (``from x import *``, ``globals()``) is left to the import.

    Raises:
        InputError: with the line of a syntax error, or the names that the file defines.

    Example:
        >>> require_spec("fractions:Fraction")
        >>> require_spec("fractions:Faction")
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: import 'fractions:Faction'
        found: no 'Faction' there, only ...
    """
    place, name = split_spec(spec)
    path = Path(place).expanduser() if place.endswith(".py") else _source(place)
    if path is None:
        return
    if not path.is_file():
        folder = path.parent
        near = sorted(p.name for p in folder.glob("*.py")) if folder.is_dir() else []
        found = f"no such file{'; the folder has ' + ', '.join(near[:8]) if near else ''}"
        raise InputError(f"import {spec!r}", found, "check the path")
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except SyntaxError as err:
        found = f"{type(err).__name__}: {err.msg}, in {path} line {err.lineno}"
        raise InputError(f"import {spec!r}", found, "mend that line") from err
    except (ValueError, OSError, RecursionError, MemoryError) as err:
        raise InputError(f"import {spec!r}", f"no Python file ({err})", "check the path") from err
    names = list(_defined(tree.body))
    if _is_open(tree) or name.partition(".")[0] in names:
        return
    alike = [known for known in names if known.lower() == name.lower()]
    close = alike or difflib.get_close_matches(name, names, n=1)
    public = sorted({known for known in names if not known.startswith("_")})
    found = f"no {name!r} there, only {', '.join(public[:20]) or 'nothing public'}"
    raise InputError(f"import {spec!r}", found, f"did you mean {close[0]}?" if close else FORM)


def _source(place: str) -> Path | None:
    """The file of a module without packages, if it can be told without running anything."""
    if "." in place:
        return None
    local = Path(f"{place}.py")
    if local.is_file():
        return local
    try:
        found = importlib.util.find_spec(place)
    except (ImportError, ValueError, AttributeError):
        return None
    origin = Path(found.origin) if found is not None and found.origin else None
    return origin if origin is not None and origin.suffix == ".py" else None


def _is_open(tree: ast.Module) -> bool:
    """Whether names may come from elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("globals", "exec", "vars")
        ):
            return True
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            return True
    return False


def _defined(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that statements at the top of a file bind, also those inside ``if``, ``try``, ``with`` and loops."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        else:
            bound = (part for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
            yield from (part.id for part in bound)
            inner = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.stmt)]
            for handler in ast.iter_child_nodes(node):
                inner += handler.body if isinstance(handler, ast.ExceptHandler) else []
            yield from _defined(inner)
