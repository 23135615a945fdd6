"""Import what an optional extra installs, or say how to install it."""

from importlib import import_module
from typing import Any

from gapkit.core.errors import InputError

__all__ = ["load_extra"]


def load_extra(module: str, extra: str) -> Any:
    """Import a module of an optional extra.

    Args:
        module: its full name.
        extra: the extra of gapkit that installs it.

    Raises:
        InputError: it cannot be imported; the message has the command that installs it.

    Example:
        >>> load_extra("no_such_tracker", "wandb")
        Traceback (most recent call last):
        gapkit.core.errors.InputError: asked: import no_such_tracker
        found: No module named 'no_such_tracker'
        to do: pip install 'gapkit[wandb]'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(f"import {module}", str(error), f"pip install 'gapkit[{extra}]'") from error
