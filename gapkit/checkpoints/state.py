"""State dicts: find one in a checkpoint, clean its names, load it without leaving anything out."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.checks import InputError

__all__ = ["find_state_dict", "load_strictly", "strip_prefixes"]

USUAL_KEYS = ("state_dict", "model_state_dict", "model")
WRAPPERS = ("module.", "_orig_mod.")  # DataParallel and DistributedDataParallel; torch.compile
SHOWN = 8


def find_state_dict(payload: Any, state_key: str | None = None) -> dict[str, Tensor]:
    """Find the dict of tensors in the payload of a checkpoint.

    Args:
        payload: what :func:`gapkit.inputs.read` returned: a dict, a nested dict, or a module.
        state_key: where it is, with dots for nesting (``"ema.model"``). Without it the payload itself is tried,
            then its entries ``state_dict``, ``model_state_dict`` and ``model``.

    Returns:
        Name -> tensor.

    Raises:
        InputError: there is none at that place; the message lists the keys found.

    Example:
        >>> find_state_dict({"epoch": 3, "state_dict": {"weight": torch.ones(1)}})
        {'weight': tensor([1.])}
    """
    if state_key is not None:
        found = _follow(payload, state_key)
        state = _as_state(found)
        if state is None:
            asked = f"take the weights from --state-key {state_key}"
            raise InputError(asked, describe_payload(found), "name an entry that holds only tensors")
        return state
    inner = payload if isinstance(payload, Mapping) else {}
    for candidate in (payload, *(inner[key] for key in USUAL_KEYS if key in inner)):
        state = _as_state(candidate)
        if state is not None:
            return state
    asked = "find the weights (a dict of tensors) in the checkpoint"
    raise InputError(asked, describe_payload(payload), "name their place with --state-key, with dots for nesting")


def strip_prefixes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove ``module.`` and ``_orig_mod.``, also nested, but only where all names carry them.

    Example:
        >>> list(strip_prefixes({"module._orig_mod.weight": torch.ones(1)}))
        ['weight']
    """
    stripped = dict(state)
    while stripped:
        prefix = next((w for w in WRAPPERS if all(name.startswith(w) for name in stripped)), None)
        if prefix is None:
            break
        stripped = {name.removeprefix(prefix): value for name, value in stripped.items()}
    return stripped


def strip_wrappers(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove ``module`` and ``_orig_mod`` wherever they stand in a name, as wrapped submodules leave them.

    Names stay as they are where that would make two of them equal.

    Example:
        >>> list(strip_wrappers({"encoder._orig_mod.weight": torch.ones(1)}))
        ['encoder.weight']
    """
    words = {wrapper.rstrip(".") for wrapper in WRAPPERS}
    short = [".".join(part for part in name.split(".") if part not in words) for name in state]
    return dict(zip(short, state.values(), strict=True)) if len(set(short)) == len(short) else dict(state)


def load_strictly(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Copy a state dict into a module; every name and shape must fit, every weight must be finite.

    The module keeps its own floating-point type: float64 weights go into a float32 module and the reverse.

    Args:
        module: changed in place.
        state: name -> tensor.

    Raises:
        InputError: names missing or unexpected, shapes that differ, NaN or infinite weights.
    """
    asked = f"load {len(state)} weights into {type(module).__name__}"
    own = module.state_dict()
    missing, unexpected = [n for n in own if n not in state], [n for n in state if n not in own]
    if missing or unexpected:
        found = "; ".join(
            f"{label} {_first(names)}" for label, names in (("missing", missing), ("unexpected", unexpected)) if names
        )
        raise InputError(asked, found, _advice(list(own), list(state)))
    shapes = [
        f"{name}: {tuple(state[name].shape)} in the file, {tuple(value.shape)} in the module"
        for name, value in own.items()
        if not nn.parameter.is_lazy(value) and value.shape != state[name].shape
    ]
    if shapes:
        found = f"shapes that differ: {_first(shapes)}"
        raise InputError(asked, found, "give the factory the sizes of the trained model (--model-arg name=value)")
    require_finite(state, asked)
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as err:
        raise InputError(asked, str(err), "check that the factory builds the module that was trained") from err


def require_finite(state: Mapping[str, Tensor], asked: str) -> None:
    """Raise an InputError that names the weights with NaN or infinite values."""
    broken = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if broken:
        do = "take an earlier checkpoint: the training of this one diverged"
        raise InputError(asked, f"NaN or infinite values in {_first(broken)}", do)


def describe_payload(payload: Any) -> str:
    """Say in one line what a payload is: its keys with their types, or its type."""
    if isinstance(payload, Mapping):
        entries = [f"{key} ({_kind(value)})" for key, value in payload.items()]
        return f"a dict with {_first(entries)}" if entries else "an empty dict"
    return _kind(payload)


def _as_state(value: Any) -> dict[str, Tensor] | None:
    if isinstance(value, nn.Module):
        value = value.state_dict()
    if not isinstance(value, Mapping) or not value:
        return None
    if all(isinstance(name, str) and isinstance(entry, Tensor) for name, entry in value.items()):
        return dict(value)
    return None


def _follow(payload: Any, state_key: str) -> Any:
    place, seen = payload, ""
    for part in state_key.split("."):
        if not isinstance(place, Mapping) or part not in place:
            where = f"at {seen!r} " if seen else ""
            found = f"{where}{describe_payload(place)}"
            raise InputError(f"take the weights from --state-key {state_key}", found, f"there is no {part!r} there")
        place, seen = place[part], f"{seen}.{part}".lstrip(".")
    return place


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"tensor {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"dict of {len(value)}"
    return type(value).__name__


def _first(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more} ({len(names)} in all)"


def _advice(own: list[str], given: list[str]) -> str:
    """Recognise the common case of a module saved as an attribute of a larger one."""
    prefix = given[0].split(".", 1)[0] + "." if given and "." in given[0] else ""
    if prefix and {name.removeprefix(prefix) for name in given if name.startswith(prefix)} >= set(own):
        return f"the names fit behind {prefix!r}: return an object from the factory that holds it as .{prefix[:-1]}"
    return "check that the factory builds the module that was trained, with the same names and number of layers"
