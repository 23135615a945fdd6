"""State dicts: clean their names, load them without leaving anything out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.checkpoints.places import describe_payload as described
from gapkit.checkpoints.places import place_at, places
from gapkit.core.errors import InputError
from gapkit.core.weights import SHOWN, first_of

__all__ = ["find_state_dict", "forms", "load_strictly", "require_finite", "strip_prefixes", "strip_wrappers", "tied"]

WRAPPERS = ("module.", "_orig_mod.")  # DataParallel and DistributedDataParallel; torch.compile


def find_state_dict(payload: Any, state_key: str | None = None) -> dict[str, Tensor]:
    """Find the dict of tensors in the payload of a checkpoint.

    Args:
        payload: what :func:`gapkit.inputs.read` returned: a dict, a nested dict, or a module.
        state_key: where it is, with dots for nesting (``"ema.model"``). Without it the likeliest place is taken: the
            payload itself, its entries ``state_dict``, ``model_state_dict`` and ``model``, then all others.

    Returns:
        Name -> tensor.

    Raises:
        InputError: there is none at that place; the message lists the keys found.

    Example:
        >>> find_state_dict({"epoch": 3, "state_dict": {"weight": torch.ones(1)}})
        {'weight': tensor([1.])}
    """
    if state_key is not None:
        return dict(place_at(payload, state_key).state)
    for place in places(payload):
        return dict(place.state)
    asked = "find the weights (a dict of tensors) in the checkpoint"
    raise InputError(asked, described(payload), "pass a file that holds weights: torch.save(model.state_dict(), ...)")


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


def forms(state: Mapping[str, Tensor], own: Iterable[str]) -> Iterator[tuple[dict[str, Tensor], str]]:
    """Ways to read the names of a state dict for a module with names ``own``, each with what must be said about it.

    First as they are, then without what wrappers put there (nothing to be said); then without a beginning that all of
    them share, or with one that all of the module's share.

    Example:
        >>> [list(state) for state, _ in forms({"vae.a": torch.ones(1), "vae.b": torch.ones(1)}, ["a", "b"])][-1]
        ['a', 'b']
    """
    plain = strip_wrappers(strip_prefixes(state))
    yield dict(state), ""
    yield strip_prefixes(state), ""
    yield plain, ""
    shorter, dropped = plain, ""
    while prefix := _shared(shorter):
        shorter, dropped = {name.removeprefix(prefix): t for name, t in shorter.items()}, dropped + prefix
        yield shorter, f"all names in the file begin with {dropped!r}, which the model's do not: it is dropped"
    if prefix := _shared(own):
        said = f"the names in the file lack {prefix!r}, with which all of the model's begin: it is put before them"
        yield {prefix + name: t for name, t in plain.items()}, said


def tied(module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add what the file lacks because the module uses the same tensor under another name, which the file has.

    Raises:
        InputError: the file has different values for one tensor of the module.
    """
    names: dict[int, list[str]] = {}
    for name, tensor in _named(module):
        names.setdefault(id(tensor), []).append(name)
    full = dict(state)
    for group in names.values():
        there = [name for name in group if name in state]
        for other in there[1:]:
            if state[other].shape != state[there[0]].shape or not torch.equal(state[other], state[there[0]]):
                found = f"{there[0]} and {other} are one tensor in the module and differ in the file"
                raise InputError("load the weights", found, "build the model as it was trained, without tying them")
        full |= {name: state[there[0]] for name in group if there and name not in state}
    return full


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], left: Sequence[str] = ()) -> None:
    """Copy a state dict into a module; every name and shape must fit, every parameter must be finite.

    The module keeps its own floating-point type: float64 weights go into a float32 module and the reverse.

    Args:
        module: changed in place.
        state: name -> tensor.
        left: entries beside them that are no tensors, in words, for the messages.

    Raises:
        InputError: names missing or unexpected, shapes that differ, NaN or infinite parameters.
    """
    asked = f"load {len(state)} weights into {type(module).__name__}"
    own = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    missing, unexpected = [n for n in own if n not in state], [n for n in state if n not in own]
    if missing or unexpected:
        found = "; ".join(
            f"{label} {first_of(names)}" for label, names in (("missing", missing), ("unexpected", unexpected)) if names
        )
        if left:
            found += f"; no tensors: {first_of(left)}"
        raise InputError(asked, found, _advice(list(own), list(state), missing, unexpected))
    shapes = [
        f"{name}: {tuple(state[name].shape)} in the file, {tuple(value.shape)} in the module"
        for name, value in own.items()
        if not nn.parameter.is_lazy(value) and value.shape != state[name].shape
    ]
    if shapes:
        found = f"shapes that differ: {first_of(shapes)}"
        raise InputError(asked, found, "give the factory the sizes of the trained model (--model-arg name=value)")
    require_finite({name: state[name] for name, _ in module.named_parameters(remove_duplicate=False)}, asked)
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as err:
        raise InputError(asked, str(err), "check that the factory builds the module that was trained") from err


def require_finite(parameters: Mapping[str, Tensor], asked: str) -> None:
    """Raise an InputError that names the parameters with NaN or infinite values.

    Buffers are not looked at: a best loss so far or a mask may well be infinite. One that takes part in the calculation
    shows in the numbers that the model gives.
    """
    # Types of eight bits know no isfinite of their own.
    wide = {name: value.float() if value.dtype.is_floating_point else value for name, value in parameters.items()}
    broken = [name for name, value in wide.items() if not torch.isfinite(value).all()]
    if broken:
        do = "take an earlier checkpoint: the training of this one diverged"
        raise InputError(asked, f"NaN or infinite values in {first_of(broken)}", do)


def _named(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def _shared(names: Iterable[str]) -> str:
    """The first part of all names, with its dot; empty where they differ or have only one part."""
    firsts = {name.partition(".")[0] if "." in name else "" for name in names}
    return f"{firsts.pop()}." if len(firsts) == 1 and "" not in firsts else ""


def _advice(own: list[str], given: list[str], missing: list[str], unexpected: list[str]) -> str:
    """What to do about names that do not fit: the common cases have a remedy."""
    prefixes = dict.fromkeys(name.partition(".")[0] for name in given if "." in name)
    behind = [p for p in prefixes if {n[len(p) + 1 :] for n in given if n.startswith(f"{p}.")} >= set(own)]
    if behind:
        words = " and behind ".join(repr(f"{prefix}.") for prefix in behind)
        return f"the names fit behind {words}: pass --state-key {behind[0]}, which leaves out all others"
    if unexpected and not missing:
        patterns = _patterns(unexpected, own)
        words = " ".join(f"--ignore-keys {pattern!r:.120}" for pattern in patterns[:SHOWN])
        such = "patterns for all of them, such as " if len(patterns) > SHOWN else ""
        return f"if the model needs none of these, pass {such}{words}; else let the factory build them too"
    return "check that the factory builds the module that was trained, with the same names and number of layers"


def _patterns(unexpected: Sequence[str], own: Sequence[str]) -> list[str]:
    """Patterns that cover the unexpected names and none of the module's."""
    patterns = dict.fromkeys(f"{name.partition('.')[0]}.*" if "." in name else name for name in unexpected)
    if any(fnmatchcase(name, pattern) for name in own for pattern in patterns):
        return [name.replace("[", "[[]") for name in unexpected]
    return list(patterns)
