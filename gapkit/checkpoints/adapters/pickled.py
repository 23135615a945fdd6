"""Files that hold a whole model; reading them ran code, which the user has allowed."""

from typing import Any

from torch import nn

from gapkit.checkpoints.adapters.protocol import Adapted, Reads, Request
from gapkit.checkpoints.contract import require_contract
from gapkit.inputs.usercode import METHODS

__all__ = ["Pickled"]


class Pickled:
    """A pickle of a model that has the methods, or at least is a module."""

    reads: Reads = "file"

    def claims(self, found: Any) -> bool:
        """Whether a model came out of the file."""
        return isinstance(found, nn.Module) or all(hasattr(found, name) for name in METHODS)

    def open(self, found: Any, request: Request) -> Adapted:
        """Take the model as it is.

        Raises:
            InputError: it lacks a method.
        """
        require_contract(found, f"the file {request.path}", request.methods)
        return Adapted(found, f"a pickled {type(found).__name__}")
