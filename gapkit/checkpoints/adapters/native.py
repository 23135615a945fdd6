"""Files that gapkit wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gapkit.checkpoints.adapters.protocol import Adapted
from gapkit.models.native import FORMAT, rebuild

__all__ = ["Native"]


class Native:
    """A file with the weights and the configuration of a reference model."""

    def claims(self, payload: Any) -> bool:
        """Whether the file says that it is of gapkit."""
        return isinstance(payload, Mapping) and payload.get("format") == FORMAT

    def open(self, payload: Any, path: Path, methods: Sequence[str]) -> Adapted:
        """Build the reference model that the file describes.

        Raises:
            InputError: it is damaged, or of a version that is not known.
        """
        built = rebuild(payload, str(path))
        how = f"{getattr(built, 'builder', type(built).__name__)} of gapkit"
        return Adapted(built, how, dict(payload.get("extra") or {}))
