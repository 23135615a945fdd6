"""Import of packages that only comparisons need."""

import importlib
from typing import Any

__all__ = ["peer"]


def peer(name: str) -> Any:
    """Import a module of a peer, or say how to install it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as err:
        do = "pip install -r benchmarks/requirements.txt"
        raise ImportError(f"this benchmark needs {name}, but {err.name} is not installed: {do}") from err
