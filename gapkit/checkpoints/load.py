"""From a checkpoint file to a model that can be analysed.

    file --read--> payload --find_state_dict--> weights --load_strictly--> what the factory built

A file written by gapkit, and a folder written by a library that is known, say themselves how their model is built; any
other needs the user's factory (``--model``). What says it is found by adapters (:mod:`gapkit.checkpoints.adapters`);
:mod:`gapkit.checkpoints.opening` asks them.
"""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.checkpoints.adapters import Adapted, Request, adapter_of
from gapkit.checkpoints.contract import CONTRACT
from gapkit.checkpoints.match import fill
from gapkit.checkpoints.opening import of_code, of_folder, of_pair
from gapkit.checkpoints.places import describe_payload, places
from gapkit.checkpoints.state import require_finite
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.inputs.consent import Trust
from gapkit.inputs.folder import Folder
from gapkit.inputs.programs import Pair
from gapkit.inputs.read import read, sha256_of
from gapkit.inputs.usercode import METHODS, parse_model_args

__all__ = ["Loaded", "load", "weights_of"]


@dataclass(frozen=True)
class Loaded:
    """A model with its weights, and where they came from.

    Attributes:
        model: has ``encode``, ``decode`` and ``prior``; modules are in evaluation mode, on the CPU.
        sha256: of the checkpoint file, hexadecimal.
        name: file name of the checkpoint, without its folder.
        description: one line for the report: how the model was built and its number of weights.
        extra: what the checkpoint says besides the weights (epoch, training configuration, ...).
        notes: what is worth knowing about how the weights were found, and what was left out.
        entry: the value that ``entry=`` asked for; None if nothing was asked.
        likelihood: p(x|z) that the checkpoint names where decode returns plain tensors; None where it names none.
        encoder_output: what encode returns then.
        told: which arguments the checkpoint gave to the factory; empty for none.
    """

    model: Any
    sha256: str
    name: str
    description: str
    extra: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    entry: Tensor | None = None
    likelihood: str | None = None
    encoder_output: str | None = None
    told: str = ""


def load(
    path: str | Path,
    *,
    model: str | None = None,
    model_args: Iterable[str] | Mapping[str, Any] = (),
    state_key: str | Sequence[str] | None = None,
    ignore_keys: Sequence[str] = (),
    entry: str | None = None,
    trust_pickle: Trust = False,
    allow_globals: Sequence[str] = (),
    methods: Sequence[str] = METHODS,
    decoder: str | Path | None = None,
) -> Loaded:
    """Load a checkpoint into a model.

    Names and shapes of all weights must fit; what is left out of the file is said in a ``GapkitWarning``.

    Args:
        path: the checkpoint, a file or a folder.
        model: ``path/to/file.py:factory`` or ``package.module:factory``; not needed where the checkpoint
            says itself how its model is built.
        model_args: ``name=value`` strings or a mapping, the factory's keyword arguments.
        state_key: place of the weights in the file, with dots for nesting; ``part=place``, several of them, for the
            parts of the model. None finds the weights by their names.
        ignore_keys: patterns of weights to leave out, such as ``loss.*``.
        entry: name of a parameter or buffer of the model, or of a number in the file, to return beside the model.
        trust_pickle: allow the file to run code while it is opened: True, first digits of its sha256, or ``"ask"``.
        allow_globals: names that its pickle may ask for beyond weights, such as ``argparse.Namespace``
            (:mod:`gapkit.inputs.admitted`).
        methods: what the factory's object must have.
        decoder: file of the decoder's program, where ``path`` is that of the encoder's.

    Returns:
        The model and its provenance.

    Raises:
        InputError: the file cannot be read, says nothing about its model, or does not fit the model.

    Example:
        >>> import tempfile
        >>> from gapkit.models.native import save_model
        >>> from gapkit.models.reference import build
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     vae = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,), likelihood="bernoulli")
        ...     _ = save_model(vae, f"{folder}/model.pt", extra={"epoch": 7})
        ...     load(f"{folder}/model.pt").extra["epoch"]
        7
    """
    path = Path(path)
    args = dict(model_args) if isinstance(model_args, Mapping) else parse_model_args(model_args)
    keys = (state_key,) if isinstance(state_key, str) else tuple(state_key or ())
    request = Request(path, methods, model, args, trust_pickle, tuple(allow_globals))
    if model is None and args:
        found = f"--model-arg {', '.join(args)} without --model"
        raise InputError(f"load {path}", found, "name the factory they are for, or drop them")
    reading = partial(read, path, trust_pickle=trust_pickle, allow_globals=allow_globals, code=model)
    payload: Any = None
    if decoder is not None:
        adapted = of_pair(Pair(path, Path(decoder)), request)
    elif os.path.isdir(path):
        adapted = of_folder(Folder.of(path), request)
    elif model is None:
        payload = reading()
        adapted = _self_describing(payload, request)
    else:
        adapted = of_code(request, reading)
    notes = adapted.notes
    if adapted.payload is not None:
        payload = adapted.payload

        def into(holder: Any, weights: Any) -> tuple[str, ...]:
            return _fill(holder, weights, str(model), keys, ignore_keys, entry)

        try:
            holder = adapted.model if adapted.holder is None else adapted.holder
            notes += into(holder, payload) if adapted.fill is None else adapted.fill(payload, into)
        except InputError as error:
            raise InputError(f"{error.asked}, from {path}", error.found, error.do) from error
        adapted = replace(adapted, extra={**_small_entries(payload), **adapted.extra})
    for note in notes:
        warnings.warn(f"{path.name}: {note}", GapkitWarning, stacklevel=2)
    module = weights_of(adapted.model)
    module.eval()
    require_finite(dict(module.named_parameters()), f"load {path}")
    weights = sum(parameter.numel() for parameter in module.parameters())
    value = None if entry is None else _entry(entry, module, payload)
    return Loaded(
        adapted.model,
        sha256_of(path) if decoder is None else Pair(path, Path(decoder)).sha256,
        path.name or path.resolve().name,
        f"{adapted.how}, {weights:,} weights",
        adapted.extra,
        notes,
        value,
        adapted.likelihood,
        adapted.encoder_output,
        adapted.told,
    )


def _self_describing(payload: Any, request: Request) -> Adapted:
    """Open a file that says itself how its model is built.

    Raises:
        InputError: it is of no kind that is known.
    """
    adapter = adapter_of("file", payload)
    if adapter is not None:
        return adapter.open(payload, request)
    raise InputError(
        f"load {request.path} without --model", f"not written by gapkit: {describe_payload(payload)}", CONTRACT
    )


def _fill(
    built: Any, payload: Any, spec: str, keys: Sequence[str], ignore: Sequence[str], entry: str | None
) -> tuple[str, ...]:
    """Load the weights into the module, or into the modules that are attributes of the object.

    The weights of an object with one module may be named from the object (``net.0.weight``) or from the module.
    """
    holder = weights_of(built)
    children = list(holder.children())
    targets = [holder] if holder is built or len(children) != 1 else [holder, children[0]]
    if not holder.state_dict():
        found = f"{type(built).__name__} holds no modules, so there is nothing to load the weights into"
        raise InputError(f"load the weights into what {spec} returned", found, "keep its modules as attributes")
    return fill(targets, payload, keys, ignore, () if entry is None else (entry,))


def _entry(name: str, holder: nn.Module, payload: Any) -> Tensor:
    """A value by its name: of the model, else of the file.

    Raises:
        InputError: there is none of that name, or it is no number.
    """
    own = {
        **dict(holder.named_buffers(remove_duplicate=False)),
        **dict(holder.named_parameters(remove_duplicate=False)),
    }
    for known in (name, *(full for full in own if full.endswith(f".{name}"))):
        if known in own:
            return own[known]
    here: Any = payload
    for place in (place for place in places(payload) if name in place.state):
        return place.state[name]
    for part in name.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    if isinstance(here, int | float) and not isinstance(here, bool):
        return torch.tensor(float(here))
    small = [known for known, value in own.items() if value.numel() == 1]
    found = "neither the model nor the file has a number of that name"
    do = f"name one of {', '.join(small[:8])}, or pass the number itself" if small else "pass the number itself"
    raise InputError(f"take the value of {name} (likelihood_param=, --likelihood-param)", found, do)


def weights_of(built: Any) -> nn.Module:
    """Return the module itself, or one that holds the modules and parameters among the object's attributes."""
    if isinstance(built, nn.Module):
        return built
    holder = nn.Module()
    for name, value in getattr(built, "__dict__", {}).items():
        if isinstance(value, nn.Module):
            holder.add_module(name, value)
        elif isinstance(value, nn.Parameter):
            holder.register_parameter(name, value)
    return holder


def _small_entries(payload: Any) -> dict[str, Any]:
    """Keep the numbers and texts at the top of a training checkpoint: epoch, loss, version."""
    if not isinstance(payload, Mapping):
        return {}
    return {str(key): value for key, value in payload.items() if isinstance(value, str | int | float | bool)}
