"""Where the weights lie in a checkpoint: every dict of tensors in it, by its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from gapkit.core.errors import InputError
from gapkit.core.weights import first_of, short

__all__ = ["Place", "describe_payload", "place_at", "places"]

USUAL_KEYS = ("state_dict", "model_state_dict", "model")
DEPTH = 3
# What trainers keep beside the weights; tensors in there are no weights.
_TRAINERS = ("optim", "sched", "scaler", "loops", "callbacks", "rng", "hparams", "hyper_parameters", "config", "args")


@dataclass(frozen=True)
class Place:
    """A dict of tensors.

    Attributes:
        name: its place, with dots for nesting; empty for the file itself.
        state: name -> tensor.
        left: the entries beside them that are no tensors, in words; their names come first.
    """

    name: str
    state: Mapping[str, Tensor]
    left: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Its place and how much is there."""
        return f"{short(self.name) or 'the file itself'} ({len(self.state)} tensors)"


def places(payload: Any) -> list[Place]:
    """All dicts of tensors, the likeliest first: the payload itself, the usual entries, all others down to a depth.

    Example:
        >>> import torch
        >>> weights = {"weight": torch.ones(1), "epoch": 3}
        >>> [str(place) for place in places({"ema": weights, "model": weights, "optimizer": weights})]
        ['model (1 tensors)', 'ema (1 tensors)']
    """
    found = list(_walk(payload, "", DEPTH))
    return sorted(found, key=lambda place: (place.name != "", place.name not in USUAL_KEYS))


def place_at(payload: Any, key: str) -> Place:
    """The dict of tensors at a place that the user names.

    Args:
        payload: what was read.
        key: dots for nesting; its last part may also be what the names of the wanted tensors begin with.

    Raises:
        InputError: there is nothing at that place, or no tensors.
    """
    asked = f"take the weights from --state-key {key}"
    here, seen = payload, ""
    parts = key.split(".")
    for number, part in enumerate(parts):
        if isinstance(here, Mapping) and part in here:
            here, seen = here[part], f"{seen}.{part}".lstrip(".")
            continue
        prefix = ".".join(parts[number:]) + "."
        for state in (_tensors(here), *(place.state for place in places(here))):
            inner = {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
            if inner:
                return Place(key, inner)
        where = f"at {seen!r} " if seen else ""
        raise InputError(asked, f"{where}{describe_payload(here)}", f"there is no {part!r} there: name one of these")
    made = _place(here, key)
    if made is None:
        raise InputError(asked, describe_payload(here), "name an entry that holds tensors")
    return made


def describe_payload(payload: Any) -> str:
    """Say in one line what a payload is: its keys with their types, or its type."""
    if isinstance(payload, Mapping):
        # What holds weights or is strange is worth more words than the tenth tensor.
        entries = sorted(payload.items(), key=lambda entry: isinstance(entry[1], Tensor))
        words = [f"{key} ({_kind(value)})" for key, value in entries]
        return f"a dict with {first_of(words)}" if words else "an empty dict"
    return _kind(payload)


def _walk(value: Any, name: str, depth: int) -> Iterator[Place]:
    place = _place(value, name)
    if place is not None:
        yield place
    if not isinstance(value, Mapping) or not depth:
        return
    for key, inner in value.items():
        if isinstance(key, str) and not any(word in key.lower() for word in _TRAINERS):
            yield from _walk(inner, f"{name}.{key}".lstrip("."), depth - 1)


def _place(value: Any, name: str) -> Place | None:
    state = _tensors(value)
    if not state:
        return None
    others = [] if isinstance(value, nn.Module) else [f"{k} ({_kind(v)})" for k, v in value.items() if k not in state]
    return Place(name, state, tuple(others))


def _tensors(value: Any) -> dict[str, Tensor]:
    if isinstance(value, nn.Module):
        value = value.state_dict()
    if not isinstance(value, Mapping):
        return {}
    return {key: entry for key, entry in value.items() if isinstance(key, str) and isinstance(entry, Tensor)}


def _kind(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"tensor {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"dict of {len(value)}"
    return type(value).__name__
