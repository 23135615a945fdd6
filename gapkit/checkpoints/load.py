"""From a checkpoint file to a model that can be analysed.

    file --read--> payload --find_state_dict--> weights --load_strictly--> what the factory built

A file written by gapkit carries its own configuration; any other needs the user's factory (``--model``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gapkit.checkpoints.state import (
    describe_payload,
    find_state_dict,
    load_strictly,
    require_finite,
    strip_prefixes,
    strip_wrappers,
)
from gapkit.checks import InputError
from gapkit.inputs.read import file_sha256, read
from gapkit.inputs.usercode import METHODS, load_factory, parse_model_args
from gapkit.models.native import FORMAT, rebuild

__all__ = ["Loaded", "load", "weights_of"]

CONTRACT = """pass --model path/to/file.py:factory, where the file says how to build the model, e.g.
    class Model(torch.nn.Module):              # its attributes are named as when the weights were saved
        def __init__(self, latent=50): ...
        def encode(self, x): ...               # q(z|x), a torch.distributions object with batch shape (B,)
        def decode(self, z): ...               # p(x|z), e.g. Independent(Bernoulli(logits=...), 1)
        def prior(self): ...                   # p(z), e.g. Independent(Normal(zeros, ones), 1)
    def factory(latent=50): return Model(latent)   # arguments come from --model-arg latent=50
If encode returns (mean, logvar) and decode returns logits or means, add --likelihood NAME; prior is then optional."""


@dataclass(frozen=True)
class Loaded:
    """A model with its weights, and where they came from.

    Attributes:
        model: has ``encode``, ``decode`` and ``prior``; modules are in evaluation mode, on the CPU.
        sha256: of the checkpoint file, hexadecimal.
        name: file name of the checkpoint, without its folder.
        description: one line for the report: how the model was built and its number of weights.
        extra: what the checkpoint says besides the weights (epoch, training configuration, ...).
    """

    model: Any
    sha256: str
    name: str
    description: str
    extra: dict[str, Any] = field(default_factory=dict)


def load(
    path: str | Path,
    *,
    model: str | None = None,
    model_args: Iterable[str] | Mapping[str, Any] = (),
    state_key: str | None = None,
    trust_pickle: bool = False,
    methods: Sequence[str] = METHODS,
) -> Loaded:
    """Load a checkpoint into a model.

    Args:
        path: the checkpoint file.
        model: ``path/to/file.py:factory`` or ``package.module:factory``; not needed for files written by gapkit.
        model_args: ``name=value`` strings or a mapping, the factory's keyword arguments.
        state_key: place of the weights in the file, with dots for nesting.
        trust_pickle: allow the file to run code while it is opened.
        methods: what the factory's object must have.

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
    payload = read(path, trust_pickle=trust_pickle)
    args = dict(model_args) if isinstance(model_args, Mapping) else parse_model_args(model_args)
    native = isinstance(payload, Mapping) and payload.get("format") == FORMAT
    if model is None:
        if args:
            found = f"--model-arg {', '.join(args)} without --model"
            raise InputError(f"load {path}", found, "name the factory they are for, or drop them")
        built, extra, how = _self_describing(payload, path, native)
    else:
        built = load_factory(model, args)
        _require_contract(built, model, methods)
        _fill(built, find_state_dict(payload, state_key), model)
        extra, how = _small_entries(payload), f"built by {model}({', '.join(f'{k}={v!r}' for k, v in args.items())})"
    holder = weights_of(built)
    holder.eval()
    require_finite(holder.state_dict(), f"load {path}")
    weights = sum(parameter.numel() for parameter in holder.parameters())
    return Loaded(built, file_sha256(path), path.name, f"{how}, {weights:,} weights", extra)


def _self_describing(payload: Any, path: Path, native: bool) -> tuple[Any, dict[str, Any], str]:
    """Rebuild a native payload, or accept a trusted pickle that is a model already."""
    if native:
        built = rebuild(payload, str(path))
        return built, dict(payload.get("extra") or {}), f"{getattr(built, 'builder', type(built).__name__)} of gapkit"
    if all(hasattr(payload, name) for name in METHODS):
        return payload, {}, f"a pickled {type(payload).__name__}"
    raise InputError(f"load {path} without --model", f"not written by gapkit: {describe_payload(payload)}", CONTRACT)


def _require_contract(built: Any, spec: str, methods: Sequence[str]) -> None:
    missing = [name for name in methods if not callable(getattr(built, name, None))]
    if missing:
        found = f"{type(built).__name__} without {', '.join(missing)}"
        raise InputError(f"use what {spec} returned as a model", found, CONTRACT)


def _fill(built: Any, state: dict[str, Tensor], spec: str) -> None:
    """Load the weights into the module, or into the modules that are attributes of the object.

    The weights of an object with one module may be named from the object (``net.0.weight``) or from the module.
    """
    holder = weights_of(built)
    children = list(holder.children())
    targets = [holder] if holder is built or len(children) != 1 else [holder, children[0]]
    if not holder.state_dict():
        found = f"{type(built).__name__} holds no modules, so there is nothing to load the weights into"
        raise InputError(f"load the weights into what {spec} returned", found, "keep its modules as attributes")
    stripped = strip_prefixes(state)
    for target in targets:
        for candidate in (state, stripped, strip_wrappers(state)):
            if set(candidate) == set(target.state_dict()):
                return load_strictly(target, candidate)
    return load_strictly(targets[-1], stripped)  # nothing fits: let it say what is missing


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
