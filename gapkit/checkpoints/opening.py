"""Which adapter opens what: a folder, a pair of programs, or weights for the user's own code."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gapkit.checkpoints.adapters import Adapted, Request, adapter_of
from gapkit.checkpoints.arguments import Told, build, told_by
from gapkit.checkpoints.contract import CONTRACT, require_contract
from gapkit.core.errors import InputError
from gapkit.inputs.folder import Folder
from gapkit.inputs.programs import Pair
from gapkit.inputs.read import CHECKPOINT_SUFFIXES, read
from gapkit.inputs.usercode import load_attribute

__all__ = ["HUB", "of_code", "of_folder", "of_pair", "weights_in"]

HUB = ("config.json", "model.safetensors")  # what Hugging Face's PyTorchModelHubMixin writes


def of_code(request: Request, reading: Callable[[], Any], tells: Callable[[Any], Told] = told_by) -> Adapted:
    """Build the model with the user's factory; its weights are still to be loaded.

    Args:
        request: names the factory.
        reading: gives the payload that holds the weights.
        tells: what the checkpoint says of the factory's arguments, from the payload.

    Raises:
        InputError: the file cannot be read; the factory cannot be called, or its object lacks a method.
    """
    assert request.factory is not None
    load_attribute(request.factory)  # the user's own file first: it is small, and mistakes in it are the likeliest
    payload = reading()
    with torch.random.fork_rng(devices=[]):  # what the factory draws is overwritten
        built, args, told = build(request.factory, request.arguments, tells(payload))
    adapter = adapter_of("object", built)
    if adapter is None:
        require_contract(built, request.factory, request.methods)
        how = f"built by {request.factory}({', '.join(f'{name}={value!r}' for name, value in args.items())})"
        return Adapted(built, how, payload=payload, told=told)
    adapted = adapter.open(built, request)
    return replace(adapted, payload=payload, holder=built, told=told)


def of_folder(folder: Folder, request: Request) -> Adapted:
    """Open a folder: as its library saved it, or, with the user's factory, the one file of weights in it.

    A ``config.json`` beside the weights, as Hugging Face's ``PyTorchModelHubMixin`` writes, tells the arguments of the
    factory.

    Raises:
        InputError: of no kind that is known, and without a factory or exactly one file of weights; or as the adapter
            says.
    """
    adapter = adapter_of("folder", folder)
    if adapter is not None:
        return adapter.open(folder, request)
    name = weights_in(folder)
    if request.factory is None:
        config = ", with the arguments in config.json" if "config.json" in folder.names else ""
        found = f"a folder of no kind that is known, with the weights {name}: the class that they are of is missing"
        do = f"name the class{config}: {CONTRACT}"
        raise InputError(f"load {folder.path} without --model", found, do)
    values = folder.json("config.json")

    def tells(payload: Any) -> Told:
        if not values:
            return told_by(payload)
        state = payload.values() if isinstance(payload, dict) else ()
        return Told(values, "config.json", weights=sum(t.numel() for t in state if isinstance(t, Tensor)))

    path = folder.path / name
    trust, names = request.trust_pickle, request.allow_globals
    reading = partial(read, path, trust_pickle=trust, allow_globals=names, code=request.factory)
    return of_code(request, reading, tells)


def of_pair(pair: Pair, request: Request) -> Adapted:
    """Open an encoder's and a decoder's program.

    Raises:
        InputError: of no kind that is known, of two kinds, or beside options that are of no use to programs; or as the
            adapter says.
    """
    if request.factory is not None:
        found = "a file of programs, which need no other code"
        raise InputError(f"{request.asked} with --model {request.factory}", found, "drop --model and --model-arg")
    adapter = adapter_of("pair", pair)
    if adapter is not None:
        return adapter.open(pair, request)
    found = " and ".join(f"{path.name}: {kind}" for path, kind in zip(pair.paths, pair.kinds, strict=True))
    do = (
        "pass two programs of the same kind: torch.export.save(torch.export.export(encoder, (x,), "
        'dynamic_shapes=({0: torch.export.Dim("batch")},)), "enc.pt2"), and the same of the decoder'
    )
    raise InputError(f"load the encoder {pair.encoder} and the decoder {pair.decoder}", found, do)


def weights_in(folder: Folder) -> str:
    """The one file of weights in a folder.

    Raises:
        InputError: there is none, or several.
    """
    asked = f"read the checkpoint {folder.path}"
    names = [name for name in folder.names if name.endswith(CHECKPOINT_SUFFIXES)]
    if set(HUB) <= set(folder.names):
        return HUB[1]
    if len(names) == 1:
        return names[0]
    listed = f", with {', '.join(names[:8])} in it" if names else ", with no checkpoint in it"
    below = _known_below(folder)
    do = f"pass {below}, which is of a kind that is known" if below else "pass the path of one file"
    raise InputError(asked, f"a folder{listed}", do)


def _known_below(folder: Folder) -> str:
    """A folder in the folder that an adapter opens, such as the ``final_model`` of a training; empty for none."""
    try:
        inner = sorted(path for path in folder.path.iterdir() if path.is_dir())[:50]
        return next((str(path) for path in inner if adapter_of("folder", Folder.of(path)) is not None), "")
    except (OSError, InputError):
        return ""
