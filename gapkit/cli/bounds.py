"""Further bounds for ``gapkit analyze``: the package's by name, one's own by file."""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from gapkit.estimators import Estimator

__all__ = ["bounds_of"]


def bounds_of(words: Sequence[str]) -> "dict[str, Estimator]":
    """Read ``reciprocal``, ``file.py:name`` or ``NAME=`` one of these; the column is called NAME, or as the bound.

    A class is built without arguments; an object is taken as it is.

    Raises:
        InputError: an unknown name, a file that cannot be imported, no estimator, or a name that comes twice or would
            clash with a column.

    Example:
        >>> bounds_of(["reciprocal"])["reciprocal"].num_chains
        32
    """
    from gapkit.engine import checked_bounds

    found: dict[str, Any] = {}
    for word in words:
        own, _, spec = word.rpartition("=")
        name = own or spec.rpartition(":")[2].rpartition(".")[2]
        if name in found:
            do = "give every one a name of its own: --bound NAME=..."
            raise InputError(f"--bound {word}", f"another bound named {name}", do)
        found[name] = _estimator(spec)
    return checked_bounds(found)


def _estimator(spec: str) -> Any:
    from gapkit.estimators.named import NAMED
    from gapkit.inputs.usercode import call_user, load_attribute

    if ":" not in spec:
        if spec not in NAMED:
            do = f"use {', '.join(NAMED)}, or name your own: file.py:name"
            raise InputError(f"--bound {spec}", "no such bound", do)
        return NAMED[spec]()
    target = load_attribute(spec)
    return call_user(target, spec, {}, "give its settings defaults") if inspect.isclass(target) else target
