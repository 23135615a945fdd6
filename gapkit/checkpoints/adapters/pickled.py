"""Files that hold a whole model; reading them ran code, which the user has allowed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from gapkit.checkpoints.adapters.protocol import Adapted
from gapkit.checkpoints.contract import require_contract
from gapkit.inputs.usercode import METHODS

__all__ = ["Pickled"]


class Pickled:
    """A pickle of a model that has the methods, or at least is a module."""

    def claims(self, payload: Any) -> bool:
        """Whether a model came out of the file."""
        return isinstance(payload, nn.Module) or all(hasattr(payload, name) for name in METHODS)

    def open(self, payload: Any, path: Path, methods: Sequence[str]) -> Adapted:
        """Take the model as it is.

        Raises:
            InputError: it lacks a method.
        """
        require_contract(payload, f"the file {path}", methods)
        return Adapted(payload, f"a pickled {type(payload).__name__}")
