"""What adapters of libraries share: the library itself, and a model of its configuration that fits the weights."""

import contextlib
import importlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.checkpoints.state import load_strictly
from gapkit.core.errors import InputError
from gapkit.core.weights import require_fit

__all__ = ["built_strictly", "library", "require_counts"]

_FEW = 1000  # entries of a list, or layers, that take no time to speak of
_DEEPEST = 8


def library(module: str, extra: str, asked: str) -> Any:
    """A module of an optional library.

    Args:
        module: its name.
        extra: of gapkit, with which it is installed.
        asked: beginning of the error message.

    Raises:
        InputError: it is not installed, or cannot be imported.

    Example:
        >>> library("no_such_library", "pythae", "load a folder")
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: load a folder
        found: no_such_library is not installed (No module named 'no_such_library')
        to do: pip install 'gapkit[pythae]'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        found = f"{module.partition('.')[0]} is not installed ({error})"
        raise InputError(asked, found, f"pip install 'gapkit[{extra}]'") from error
    except Exception as error:  # of another library's import anything may come
        found = f"{module} cannot be imported ({type(error).__name__}: {error!s:.200})"
        raise InputError(asked, found, f"install a version that works: pip install -U 'gapkit[{extra}]'") from error


def require_counts(config: Mapping[str, Any], tensors: int, asked: str) -> None:
    """Refuse a configuration of more layers than there are tensors: building them one by one would take for ever.

    Args:
        config: whole numbers in it may count layers; lists are as long as there are layers.
        tensors: in the file of weights.
        asked: beginning of the error message.

    Raises:
        InputError: a number of layers, a list, or a depth of nesting beyond that; numbers that are no sizes.

    Example:
        >>> require_counts({"n_made_blocks": 10**9}, 20, "load a folder")
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: load a folder
        found: n_made_blocks=1,000,000,000, and 20 tensors of weights
        ...
    """
    _require_counts(config, max(tensors, _FEW), tensors, asked, "", _DEEPEST)


def _require_counts(value: Any, most: int, tensors: int, asked: str, name: str, levels: int) -> None:
    again = "the weights belong to another configuration: copy or save the folder again"
    if not levels:
        raise InputError(asked, f"a configuration nested more than {_DEEPEST} levels deep", again)
    if isinstance(value, Mapping | list | tuple):
        if len(value) > most:
            raise InputError(
                asked, f"{name or 'it'} has {len(value):,} entries, and {tensors:,} tensors of weights", again
            )
        parts = value.items() if isinstance(value, Mapping) else ((name, part) for part in value)
        for inner, part in parts:
            _require_counts(part, most, tensors, asked, str(inner), levels - 1)
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > most and _counts(name):
        raise InputError(asked, f"{name}={value:,}, and {tensors:,} tensors of weights", again)


def _counts(name: str) -> bool:
    """Whether a number of that name is one of layers, which are built one after the other."""
    return name.startswith(("n_", "num_")) or "layers" in name or "blocks" in name


def built_strictly(
    build: Callable[[], nn.Module], state: Mapping[str, Tensor], asked: str, *, on_meta: bool = True
) -> Any:
    """Build a model of a configuration and load weights into it; every name and shape must fit.

    The model is built of tensors without numbers first, and compared with the weights, before memory is taken for it.
    The state of torch's random number generator is left as it was.

    Args:
        build: makes the model.
        state: name -> tensor.
        asked: beginning of the error message.
        on_meta: whether to build it of tensors without numbers first.

    Raises:
        InputError: the configuration gives no model, or the weights do not fit.

    Example:
        >>> built_strictly(lambda: nn.Linear(2, 1), nn.Linear(2, 1).state_dict(), "load a folder").weight.shape
        torch.Size([1, 2])
    """
    other = "configuration and weights do not belong together: copy or save the folder again"
    with torch.random.fork_rng(devices=[]):
        for place in ("meta", "cpu") if on_meta else ("cpu",):
            try:
                with torch.device("meta") if place == "meta" else contextlib.nullcontext():
                    built = build()
            except InputError:
                raise
            except Exception as error:  # from values of any type in a configuration
                found = f"no model can be built of its configuration ({type(error).__name__}: {error!s:.200})"
                raise InputError(asked, found, other) from error
            if place == "meta":
                require_fit({name: tuple(t.shape) for name, t in built.state_dict().items()}, state, asked, other)
    try:
        load_strictly(built, state)
    except InputError as error:
        raise InputError(f"{asked}: {error.asked}", error.found, error.do) from error
    return built.eval()
