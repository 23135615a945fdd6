"""What a kind of self-describing checkpoint must give: whether a file is of it, and the model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Adapted", "Adapter"]


@dataclass(frozen=True)
class Adapted:
    """A model that a file describes by itself.

    Attributes:
        model: has ``encode``, ``decode`` and ``prior``, and its weights.
        how: half a line for the report: how it was built.
        extra: what the file says besides (epoch, training configuration, ...).
    """

    model: Any
    how: str
    extra: dict[str, Any] = field(default_factory=dict)


class Adapter(Protocol):
    """A kind of checkpoint that says itself how its model is built."""

    def claims(self, payload: Any) -> bool:
        """Whether what was read from a file is of this kind; nothing is imported or run for that."""
        ...

    def open(self, payload: Any, path: Path, methods: Sequence[str]) -> Adapted:
        """Build the model with its weights.

        Args:
            payload: as it was read.
            path: of the file, for messages.
            methods: what the model must have.

        Raises:
            InputError: the file is of this kind, and damaged or of a version that is not known.
        """
        ...
