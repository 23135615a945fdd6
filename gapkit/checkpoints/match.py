"""Which of the dicts of tensors in a checkpoint are a module's weights: one of them, or one for each of its parts.

Whatever is chosen fits in every name and shape; whatever is left out, or could have been chosen as well, is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NoReturn

from torch import Tensor, nn

from gapkit.checkpoints.places import USUAL_KEYS, Place, describe_payload, place_at, places
from gapkit.checkpoints.state import forms, load_strictly, tied
from gapkit.core.errors import InputError
from gapkit.core.weights import first_of

__all__ = ["Match", "fill"]

_DECORATIONS = ("state_dict", "statedict", "state", "weights", "params", "model", "network", "net")


@dataclass(frozen=True)
class Match:
    """Weights that fit a module.

    Attributes:
        state: name -> tensor, named as in the module.
        used: the places that they come from.
        notes: what must be said about it, one sentence each.
    """

    state: Mapping[str, Tensor]
    used: tuple[Place, ...]
    notes: tuple[str, ...] = ()


def fill(
    targets: Sequence[nn.Module],
    payload: Any,
    keys: Sequence[str] = (),
    ignore: Sequence[str] = (),
    taken: Sequence[str] = (),
) -> tuple[str, ...]:
    """Load the weights of a checkpoint into a module.

    Args:
        targets: the module, and further ones whose names the file may use instead; weights are loaded into one of them.
        payload: what was read from the checkpoint.
        keys: places of the weights, as the user named them; ``part=place`` names that of a part of the module.
        ignore: patterns of names (``loss.*``) to leave out.
        taken: names that are of use elsewhere, and no fault where the module has none of that name.

    Returns:
        What must be said about how it was done: what was left out, and what would have fitted as well.

    Raises:
        InputError: nothing fits, or several dicts do and nothing says which is meant.
    """
    plain = [key for key in keys if "=" not in key]
    chosen = [place_at(payload, key) for key in plain] or places(payload)
    elsewhere = [name for name in taken if not any(name in target.state_dict() for target in targets)]
    given = [_without(_without(place, ignore), elsewhere) for place in chosen]
    if len(plain) < len(keys):
        named = dict(key.split("=", 1) for key in keys if "=" in key)
        match: Match | None = _of_named_parts(targets[0], payload, named, ignore)
        target = targets[0]
    else:
        if not given:
            asked = "find the weights (a dict of tensors) in the checkpoint"
            do = "pass a file that holds weights: torch.save(model.state_dict(), 'model.pt')"
            raise InputError(asked, describe_payload(payload), do)
        match, target = _match(targets, given)
    if match is None:
        _refuse(targets, given)
    load_strictly(target, match.state)
    return (*match.notes, *_said(match, given if not keys else (), ignore, payload))


def _match(targets: Sequence[nn.Module], given: Sequence[Place]) -> tuple[Match | None, nn.Module]:
    fitting = []
    for place in given:
        ways = [(match, target) for target in targets if (match := _fit(target, place)) is not None]
        fitting += sorted(ways, key=lambda way: bool(way[0].notes))[:1]
    usual = [way for way in fitting if way[0].used[0].name in ("", *USUAL_KEYS)]
    if usual or len(fitting) == 1:
        return (usual or fitting)[0]
    if fitting:
        names = [match.used[0].name for match, _ in fitting]
        do = " or ".join(f"--state-key {name}" for name in names)
        raise InputError("load the weights", f"several dicts that fit: {first_of(names)}", f"choose one: {do}")
    for target in targets:
        match = _of_parts(target, given)
        if match is not None:
            return match, target
    return None, targets[0]


def _fit(module: nn.Module, place: Place) -> Match | None:
    """The place's tensors as the module names them, if that needs no guess; shapes are looked at where names fit."""
    own = {name: value for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    for state, said in forms(place.state, own):
        full = tied(module, state) if not set(state) - set(own) else state
        if own and set(full) == set(own):
            return Match(full, (place,), (said,) if said else ())
    return None


def _shapes_fit(module: nn.Module, state: Mapping[str, Tensor]) -> bool:
    own = module.state_dict()
    return all(nn.parameter.is_lazy(own[name]) or own[name].shape == value.shape for name, value in state.items())


def _parts(module: nn.Module) -> dict[str, nn.Module]:
    """The module's parts that hold weights, by name; of a module in a module, those of the inner one."""
    parts = {name: child for name, child in module.named_children() if child.state_dict()}
    if len(parts) == 1:
        ((outer, child),) = parts.items()
        inner = {f"{outer}.{name}": part for name, part in _parts(child).items()}
        return inner if len(inner) > 1 else parts
    return parts


def _of_parts(module: nn.Module, given: Sequence[Place]) -> Match | None:
    """Dicts that lie side by side, one for each part of the module, or with the names of all parts between them."""
    own = {name for name, value in module.state_dict().items() if isinstance(value, Tensor)}
    groups: dict[str, list[Place]] = {}
    for place in given:
        if place.name:
            groups.setdefault(place.name.rpartition(".")[0], []).append(place)
    parts = _parts(module)
    for group in groups.values():
        joined = {name: tensor for place in group for name, tensor in place.state.items()}
        if len(group) > 1 and set(joined) == own and len(joined) == sum(len(place.state) for place in group):
            return Match(joined, tuple(group), (f"weights taken from {_listed(group)} together",))
        chosen = _assign(parts, group)
        if chosen is None:
            continue
        state = {f"{part}.{name}": tensor for part, match in chosen.items() for name, tensor in match.state.items()}
        if set(state) == own:
            said = ", ".join(f"{part} from {match.used[0].name}" for part, match in chosen.items())
            notes = [note for match in chosen.values() for note in match.notes]
            return Match(state, tuple(m.used[0] for m in chosen.values()), (f"weights taken of {said}", *notes))
    return None


def _assign(parts: Mapping[str, nn.Module], group: Sequence[Place]) -> dict[str, Match] | None:
    """One dict for each part: the only one that fits, or the one of those that fit that is named like the part.

    Raises:
        InputError: several fit a part, and their names do not say which is meant.
    """
    fitting = {
        part: [m for place in group if (m := _fit(module, place)) is not None and _shapes_fit(module, m.state)]
        for part, module in parts.items()
    }
    if len(parts) < 2 or not all(fitting.values()):
        return None
    chosen: dict[str, Match] = {}
    for part, matches in fitting.items():
        alike = [match for match in matches if _alike(match.used[0].name, part)]
        if len(alike) == 1 or len(matches) == 1:
            chosen[part] = (alike if len(alike) == 1 else matches)[0]
    used = {match.used[0].name for match in chosen.values()}
    if len(chosen) < len(parts) or len(used) < len(parts):
        names = list(dict.fromkeys(match.used[0].name for matches in fitting.values() for match in matches))
        example = " ".join(f"--state-key {part}={name}" for part, name in zip(parts, names, strict=False))
        found = f"the dicts {', '.join(names)}, of which several fit the same part"
        raise InputError(f"load the weights of {' and '.join(parts)}", found, f"say which is which, e.g. {example}")
    return chosen


def _of_named_parts(module: nn.Module, payload: Any, named: Mapping[str, str], ignore: Sequence[str]) -> Match:
    """Parts of the module from the places that the user named for them.

    Raises:
        InputError: no such part or place, or weights that do not fit the part.
    """
    state: dict[str, Tensor] = {}
    used, notes = list[Place](), list[str]()
    for part, key in named.items():
        try:
            inner = module.get_submodule(part)
        except AttributeError:
            do = f"name one of its parts: {', '.join(_parts(module)) or 'it has none'}"
            raise InputError(f"--state-key {part}={key}", f"{type(module).__name__} has no part {part}", do) from None
        place = _without(place_at(payload, key), ignore)
        match = _fit(inner, place)
        if match is None:
            load_strictly(inner, place.state, place.left)  # says what does not fit
        assert match is not None
        state |= {f"{part}.{name}": tensor for name, tensor in match.state.items()}
        used.append(place)
        notes += match.notes
    return Match(tied(module, state), tuple(used), tuple(notes))


def _alike(place: str, part: str) -> bool:
    """Whether a place is named like a part: ``encoder_state_dict`` or ``enc`` like ``vae.encoder``."""
    one, other = (_bare(name.rpartition(".")[2]) for name in (place, part))
    return min(len(one), len(other)) >= 3 and (one.startswith(other) or other.startswith(one))


def _bare(name: str) -> str:
    name = name.lower().strip("_")
    for word in _DECORATIONS:
        name = name.removesuffix(word).strip("_") or name
        name = name.removeprefix(word).strip("_") or name
    return name


def _without(place: Place, ignore: Sequence[str]) -> Place:
    kept = {n: t for n, t in place.state.items() if not any(fnmatchcase(n, pattern) for pattern in ignore)}
    return Place(place.name, kept, place.left)


def _refuse(targets: Sequence[nn.Module], given: Sequence[Place]) -> NoReturn:
    """Say what does not fit in the dict that comes closest; where there are several, name them too."""
    target = targets[-1]
    own = set(target.state_dict())
    ways = [(form, place) for place in given for form, _ in forms(place.state, own)]
    best, closest = max(ways, key=lambda way: len(own & set(way[0])))
    others = [place for place in given if place is not closest and place.name]
    try:
        load_strictly(target, best, closest.left)
    except InputError as error:
        if not others:
            raise
        parts = list(_parts(target))
        do = f"{error.do}; or name the dict with --state-key PLACE"
        if len(parts) > 1:
            do += f", or one for each part with --state-key PART=PLACE (parts: {', '.join(parts[:8])})"
        where = f"{closest}: {error.found}; beside it {', '.join(map(str, others[:8]))}"
        raise InputError(error.asked, where, do) from error
    raise AssertionError("weights that fit were refused")


def _said(match: Match, given: Sequence[Place], ignore: Sequence[str], payload: Any) -> list[str]:
    """What was left out of the places that were used, and the places that were not."""
    notes = []
    for place in match.used:
        nested = {other.name.removeprefix(f"{place.name}.").partition(".")[0] for other in given if other is not place}
        left = [words for words in place.left if words.partition(" ")[0] not in nested]
        if left:
            notes.append(f"left out, because they are no tensors: {first_of(left)}")
    ignored = [n for p in places(payload) for n in p.state if any(fnmatchcase(n, pattern) for pattern in ignore)]
    if ignored:
        notes.append(f"left out as --ignore-keys says: {first_of(list(dict.fromkeys(ignored)))}")
    elif ignore:
        notes.append(f"--ignore-keys {' '.join(ignore)}: no name in the file is like that")
    names = {place.name for place in match.used}
    others = [place for place in given if place.name and place.name not in names and _holds_weights(place)]
    if others:
        words = first_of([str(place) for place in others])
        notes.append(f"not loaded: {words}; if that is what you want analysed, pass --state-key {others[0].name}")
    return notes


def _holds_weights(place: Place) -> bool:
    return any(tensor.dim() for tensor in place.state.values())


def _listed(group: Sequence[Place]) -> str:
    return " and ".join(place.name for place in group)
