"""Reference models on disk: one file that says how to build the model and holds its weights."""

import io
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gapkit.checks import InputError
from gapkit.models.pair import PairModel
from gapkit.models.reference import build

__all__ = ["FORMAT", "VERSION", "load_model", "read_payload", "rebuild", "save_model"]

FORMAT = "gapkit-model"
VERSION = 1


def save_model(model: PairModel, path: str | Path, extra: dict[str, Any] | None = None) -> Path:
    """Write a reference model, whole or not at all.

    Args:
        model: from ``build``, ``mlp_vae`` or ``conv_vae``.
        path: the file; its folder must exist.
        extra: tensors and plain values to keep with it (epoch, training settings, ...).

    Returns:
        The path.

    Raises:
        InputError: if the model is not a reference model, ``extra`` holds other objects, or the folder is not writable.

    Example:
        >>> import tempfile
        >>> from gapkit.models.reference import mlp_vae
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = save_model(mlp_vae((4,), latent=2, hidden=(3,)), f"{folder}/model.pt")
        ...     load_model(path).latent_shape
        (2,)
    """
    path = Path(path)
    if getattr(model, "builder", None) is None or model.config is None:
        do = "save its state_dict with torch.save, and load it with --model file.py:factory"
        raise InputError(f"save {type(model).__name__} to {path}", "not a reference model of gapkit", do)
    payload = {
        "format": FORMAT,
        "version": VERSION,
        "builder": model.builder,
        "config": model.config,
        "state_dict": {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()},
        "extra": extra or {},
    }
    buffer = io.BytesIO()
    try:
        torch.save(payload, buffer)
        torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)
    except (pickle.PickleError, AttributeError, TypeError) as err:
        do = "keep only tensors, numbers, strings, lists and dictionaries in extra"
        raise InputError(f"save a model to {path}", f"extra cannot be read back safely ({err!s:.200})", do) from err
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(buffer.getvalue())
        os.replace(temporary, path)
    except OSError as err:
        raise InputError(f"save a model to {path}", str(err), "choose a folder that exists and is writable") from err
    finally:
        temporary.unlink(missing_ok=True)
    return path


def read_payload(path: str | Path) -> dict[str, Any]:
    """Read the dictionary that ``save_model`` wrote, without running code from the file.

    Raises:
        InputError: if the file is missing, not readable safely, or not a gapkit model.

    Example:
        >>> read_payload("absent.pt")
        Traceback (most recent call last):
        ...
        gapkit.checks.InputError: asked: read a model from absent.pt
        found: no such file
        to do: check the path
    """
    asked = f"read a model from {path}"
    if not Path(path).is_file():
        raise InputError(asked, "no such file", "check the path")
    try:
        payload = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.PickleError, RuntimeError, EOFError, OSError, ValueError, KeyError) as err:
        do = "check that the file is complete and was written by gapkit"
        raise InputError(asked, f"torch cannot read it safely ({err!s:.200})", do) from err
    if not isinstance(payload, dict) or payload.get("format") != FORMAT:
        do = "load weights of other models with --model file.py:factory"
        raise InputError(asked, "not a model written by gapkit", do)
    return payload


def rebuild(payload: Mapping[str, Any]) -> PairModel:
    """Build the model of a payload and load its weights; in eval mode, in the dtype of the weights, on the CPU.

    The state of torch's random number generator is left as it was.

    Args:
        payload: dictionary with the keys format, version, builder, config, state_dict.

    Raises:
        InputError: if a key is missing, the version is newer, or configuration and weights do not fit.

    Example:
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> payload = {"format": FORMAT, "version": VERSION, "builder": model.builder, "config": model.config}
        >>> rebuild({**payload, "state_dict": model.state_dict()}).training
        False
    """
    asked = "rebuild a gapkit model"
    missing = [key for key in ("format", "version", "builder", "config", "state_dict") if key not in payload]
    if missing or payload["format"] != FORMAT:
        found = f"no {', '.join(missing)}" if missing else f"format {payload['format']!r}"
        raise InputError(asked, found, "give a file written by gapkit.models.save_model")
    if not isinstance(payload["config"], Mapping) or not isinstance(payload["state_dict"], Mapping):
        raise InputError(asked, "config or state_dict is no dictionary", "give a file written by save_model")
    if payload["version"] != VERSION:
        found = f"file version {payload['version']}, this gapkit reads {VERSION}"
        raise InputError(asked, found, "use the gapkit that wrote the file, or a newer one")
    state: Mapping[str, Tensor] = payload["state_dict"]
    with torch.random.fork_rng(devices=[]):
        model = build(payload["builder"], **payload["config"])
    expected = set(model.state_dict())
    faults = [("missing", sorted(expected - set(state))), ("unexpected", sorted(set(state) - expected))]
    if any(names for _, names in faults):
        found = "; ".join(f"{fault} weights {', '.join(names)}" for fault, names in faults if names)
        raise InputError(asked, found, "the weights belong to another configuration: save the model again")
    dtypes = [tensor.dtype for tensor in state.values() if tensor.dtype.is_floating_point]
    try:
        model.to(dtypes[0] if dtypes else None).load_state_dict(state)
    except RuntimeError as err:
        raise InputError(asked, str(err), "the weights belong to another configuration: save the model again") from err
    return model.eval()


def load_model(path: str | Path) -> PairModel:
    """Load a reference model written by :func:`save_model`: ``rebuild(read_payload(path))``.

    Raises:
        InputError: as :func:`read_payload` and :func:`rebuild`.

    Example:
        >>> load_model("absent.pt")
        Traceback (most recent call last):
        ...
        gapkit.checks.InputError: asked: read a model from absent.pt
        ...
    """
    return rebuild(read_payload(path))
