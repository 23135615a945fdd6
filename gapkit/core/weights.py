"""Names and shapes of weights, in messages."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from gapkit.core.errors import InputError

__all__ = ["SHOWN", "first_of", "require_fit", "short"]

SHOWN = 8
_LONGEST = 120


def first_of(names: Sequence[str]) -> str:
    """The first few of a list, and how many there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(short(name) for name in names[:SHOWN])}{more} ({len(names)} in all)"


def short(name: str) -> str:
    """A name as it may stand in a message: a file may hold one of any length."""
    return name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."


def require_fit(outline: Mapping[str, tuple[int, ...]], state: Mapping[str, Tensor], asked: str, do: str) -> None:
    """Refuse weights of other names or shapes than those of the model that its configuration gives.

    Args:
        outline: name -> shape, by the configuration.
        state: name -> tensor, in the file.
        asked: beginning of the error message.
        do: what mends it.

    Raises:
        InputError: names are missing or unexpected, or sizes differ.
    """
    faults = [
        f"{fault} weights {first_of(sorted(map(str, names)))}"
        for fault, names in (("missing", set(outline) - set(state)), ("unexpected", set(state) - set(outline)))
        if names
    ]
    sizes = [
        f"{name}: {tuple(state[name].shape)} in the file, {shape} by the configuration"
        for name, shape in outline.items()
        if name in state and tuple(state[name].shape) != shape
    ]
    faults += [f"sizes that differ, {first_of(sizes)}"] if sizes else []
    if faults:
        raise InputError(asked, "; ".join(faults), do)
