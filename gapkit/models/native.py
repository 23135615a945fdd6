"""Reference models on disk: one file that says how to build the model and holds its weights."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.files import write_atomically
from gapkit.core.weights import require_fit
from gapkit.inputs.read import read
from gapkit.models.pair import PairModel
from gapkit.models.reference import build

__all__ = ["FORMAT", "VERSION", "check_extra", "load_model", "read_payload", "rebuild", "save_model"]

FORMAT = "gapkit-model"
VERSION = 1
_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.bool)
_DEEPEST = 4  # levels of a configuration
_FEW = 64  # entries of a list that are always allowed: torch's tensors have no more axes


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
    content = _written(payload, path)
    try:
        write_atomically(path, lambda name: Path(name).write_bytes(content))
    except OSError as err:
        raise InputError(f"save a model to {path}", str(err), "choose a folder that exists and is writable") from err
    return path


def check_extra(extra: dict[str, Any], path: str | Path) -> None:
    """Refuse what :func:`save_model` could not keep beside the weights: before a long work, not after it.

    Args:
        extra: as for :func:`save_model`.
        path: of the file that is to be written, for the message.

    Raises:
        InputError: ``extra`` holds other things than tensors and plain values.

    Example:
        >>> check_extra({"epoch": 7}, "model.pt")
        >>> check_extra({"data": Path("x.npz")}, "model.pt")
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: save a model to model.pt
        found: extra cannot be read back safely ...
    """
    _written({"extra": extra}, path)


def _written(payload: dict[str, Any], path: str | Path) -> bytes:
    """The payload as a file holds it, of which the safe reader was shown to read all."""
    buffer = io.BytesIO()
    try:
        torch.save(payload, buffer)
        torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)
    except (pickle.PickleError, AttributeError, TypeError) as err:
        do = "keep only tensors, numbers, strings, lists and dictionaries in extra"
        raise InputError(f"save a model to {path}", f"extra cannot be read back safely ({err!s:.200})", do) from err
    return buffer.getvalue()


def read_payload(path: str | Path) -> dict[str, Any]:
    """Read the dictionary that ``save_model`` wrote, without running code from the file.

    Raises:
        InputError: if the file is missing, not readable safely, or not a gapkit model.

    Example:
        >>> read_payload("absent.pt")
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: read the checkpoint absent.pt
        found: no such file
        to do: check the path
    """
    asked, payload = f"read a model from {path}", read(path)
    if not isinstance(payload, dict) or payload.get("format") != FORMAT:
        do = "load weights of other models with --model file.py:factory"
        raise InputError(asked, "not a model written by gapkit", do)
    return payload


def rebuild(payload: Mapping[str, Any], name: str = "a gapkit model") -> PairModel:
    """Build the model of a payload and load its weights; in eval mode, in the dtype of the weights, on the CPU.

    The configuration is compared with the weights before memory is taken for it: a model is built of tensors without
    numbers first, and its names and shapes must be those of the file.

    The state of torch's random number generator is left as it was.

    Args:
        payload: dictionary with the keys format, version, builder, config, state_dict, and perhaps extra.
        name: of the file, for messages.

    Raises:
        InputError: if a key is missing or of a wrong type, the version is newer, or configuration and weights do not
            fit.

    Example:
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> payload = {"format": FORMAT, "version": VERSION, "builder": model.builder, "config": model.config}
        >>> rebuild({**payload, "state_dict": model.state_dict()}).training
        False
    """
    asked, other = f"rebuild {name}", "the weights belong to another configuration: save the model again"
    missing = [key for key in ("format", "version", "builder", "config", "state_dict") if key not in payload]
    if missing or payload["format"] != FORMAT:
        found = f"no {', '.join(missing)}" if missing else f"format {payload['format']!r}"
        raise InputError(asked, found, "give a file written by gapkit.models.save_model")
    for key in ("config", "state_dict", "extra"):
        if not isinstance(payload.get(key, {}), Mapping):
            found = f"{key} is no dictionary but a {type(payload[key]).__name__}"
            raise InputError(asked, found, "give a file written by gapkit.models.save_model")
    if not isinstance(payload["version"], int) or payload["version"] != VERSION:
        found = f"file version {payload['version']!r:.40}, this gapkit reads {VERSION}"
        raise InputError(asked, found, "use the gapkit that wrote the file, or a newer one")
    state, config = payload["state_dict"], payload["config"]
    _require_weights(state, asked)
    _require_sizes(config, len(state), asked, _DEEPEST)
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                outline = {
                    key: tuple(value.shape) for key, value in build(payload["builder"], **config).state_dict().items()
                }
            require_fit(outline, state, asked, other)
            model = build(payload["builder"], **config)
            model.to(next((value.dtype for value in state.values() if value.is_floating_point()), None))
            model.load_state_dict(state)
        except InputError as err:
            raise err if err.asked == asked else InputError(f"{asked}: {err.asked}", err.found, err.do) from err
        except Exception as err:  # from values of any type in the file's configuration
            raise InputError(asked, f"no model can be built of it ({type(err).__name__}: {err!s:.200})", other) from err
    return model.eval()


def _require_weights(state: Mapping[Any, Any], asked: str) -> None:
    """Refuse entries that are no dense tensors of an ordinary type."""
    for key, value in state.items():
        if not isinstance(value, Tensor):
            found = f"the weight {key} is a {type(value).__name__}, not a tensor"
            raise InputError(asked, found, "save the model again")
        if value.layout != torch.strided or value.is_quantized or value.dtype not in _DTYPES:
            found = f"the weight {key} is of type {value.dtype}, {value.layout}"
            raise InputError(asked, found, "save it as dense float16, bfloat16, float32 or float64")


def _require_sizes(value: Any, tensors: int, asked: str, levels: int) -> None:
    """Refuse more layers than there are tensors in the file: every layer has at least one."""
    if not levels:
        raise InputError(asked, f"a configuration nested more than {_DEEPEST} levels deep", "save the model again")
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    if len(parts) > max(tensors, _FEW):
        found = f"a configuration with a list of {len(parts):,} entries, and {tensors:,} tensors in the file"
        raise InputError(asked, found, "the weights belong to another configuration: save the model again")
    for key, count in value.items() if isinstance(value, Mapping) else ():
        if key == "num_layers" and isinstance(count, int) and count > tensors:
            found = f"a configuration of {count:,} layers, and {tensors:,} tensors in the file"
            raise InputError(asked, found, "the weights belong to another configuration: save the model again")
    for part in parts:
        if isinstance(part, Mapping | list | tuple):
            _require_sizes(part, tensors, asked, levels - 1)


def load_model(path: str | Path) -> PairModel:
    """Load a reference model written by :func:`save_model`: ``rebuild(read_payload(path))``.

    Raises:
        InputError: as :func:`read_payload` and :func:`rebuild`.

    Example:
        >>> load_model("absent.pt")
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: read the checkpoint absent.pt
        ...
    """
    return rebuild(read_payload(path), str(path))
