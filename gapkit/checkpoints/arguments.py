"""The user's factory, called with arguments that the checkpoint tells and with those that the user names.

Lightning keeps what its module was made with (``hyper_parameters``), Hugging Face's hub mixin in ``config.json``. A
factory that has parameters of these names gets the values; ``--model-arg`` goes before them.
"""

import inspect
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from gapkit.core.errors import InputError
from gapkit.inputs.usercode import METHODS, call_user, load_attribute, load_factory

__all__ = ["Told", "build", "told_by"]

_LONGEST = 60  # characters of a value in a message
_FEW = 10**6  # sizes up to this take no memory to speak of


@dataclass(frozen=True)
class Told:
    """What a checkpoint tells of its factory's arguments.

    Attributes:
        values: by name.
        where: the place in the checkpoint, for messages.
        whole: name of one parameter that takes all of them, as an object with attributes and items; None for none.
        weights: numbers that all weights hold together: no size can be larger; None where that is not known.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    whole: str | None = None
    weights: int | None = None


class _Whole(Namespace):
    """Hyper-parameters as one object: ``hparams.latent`` and ``hparams["latent"]``."""

    def __getitem__(self, name: str) -> Any:
        return vars(self)[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or the default where there is none."""
        return vars(self).get(name, default)

    def keys(self) -> Any:
        """Names of the values."""
        return vars(self).keys()


def told_by(payload: Any) -> Told:
    """What the payload of a file tells: the ``hyper_parameters`` of a Lightning checkpoint.

    Example:
        >>> told_by({"state_dict": {}, "hyper_parameters": {"latent": 5}, "hparams_name": "kwargs"}).values
        {'latent': 5}
    """
    if not isinstance(payload, Mapping):
        return Told()
    found, name = payload.get("hyper_parameters"), payload.get("hparams_name")
    if isinstance(found, Namespace | SimpleNamespace):
        found = vars(found)
    if not isinstance(found, Mapping):
        return Told()
    values = {str(key): value for key, value in found.items()}
    whole = name if isinstance(name, str) and name not in values and name != "kwargs" else None
    return Told(values, "the file's hyper_parameters", whole)


def build(spec: str, given: Mapping[str, Any], told: Told) -> tuple[Any, dict[str, Any], str]:
    """Build the object that a spec names.

    Args:
        spec: ``path/to/file.py:name`` or ``package.module:name``.
        given: arguments that the user names.
        told: arguments that the checkpoint tells; those that the factory does not take are left out.

    Returns:
        The object, the arguments of the call, and in words those that the checkpoint told; empty for none.

    Raises:
        InputError: no such file, module or name; arguments that do not fit; an exception inside the user's code.

    Example:
        >>> build("fractions:Fraction", {"numerator": 1}, Told({"denominator": 3, "epochs": 9}, "config.json"))
        (Fraction(1, 3), {'denominator': 3, 'numerator': 1}, 'arguments from config.json: denominator=3')
    """
    target = load_attribute(spec) if told.values else None
    taken = _taken(target, given, told)
    if not taken:
        return load_factory(spec, given), dict(given), ""
    _require_possible(taken, told, spec)
    args = {**taken, **given}
    listed = ", ".join(f"{name}={_short(value)}" for name, value in taken.items())
    do = f"pass --model-arg name=value for what does not fit; {', '.join(taken)} came from {told.where}"
    built = call_user(target, spec, args, do)
    return built, args, f"arguments from {told.where}: {listed}"


def _taken(target: Any, given: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """Those of the checkpoint's arguments that the factory takes and the user does not name."""
    if not told.values or not callable(target):
        return {}
    if not inspect.isclass(target) and all(hasattr(target, name) for name in METHODS):  # a finished object
        return {}
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):  # some builtins have none
        return {}
    named = {
        name for name, p in parameters.items() if p.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }
    if told.whole is not None and told.whole in named:
        return {} if told.whole in given else {told.whole: _Whole(**told.values)}
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {
        name: value
        for name, value in told.values.items()
        if name not in given and (name in named or (takes_all and name.isidentifier()))
    }


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _require_possible(taken: Mapping[str, Any], told: Told, spec: str) -> None:
    """Refuse sizes beyond those of all the weights: the factory would take memory for them before any are compared."""
    if told.weights is None:
        return
    for name, value in taken.items():
        for size in value if isinstance(value, list | tuple) else (value,):
            if isinstance(size, int) and not isinstance(size, bool) and abs(size) > max(told.weights, _FEW):
                found = f"{name}={_short(value)} in {told.where}, and {told.weights:,} numbers in all its weights"
                do = f"mend it there; where it is no size, say it yourself: --model-arg {name}={_short(size)}"
                raise InputError(f"call {spec} with {name}={_short(value)}", found, do)
