"""Files that gapkit wrote."""

from collections.abc import Mapping
from typing import Any

from gapkit.checkpoints.adapters.protocol import Adapted, Reads, Request
from gapkit.models.native import FORMAT, rebuild

__all__ = ["Native"]


class Native:
    """A file with the weights and the configuration of a reference model."""

    reads: Reads = "file"

    def claims(self, found: Any) -> bool:
        """Whether the file says that it is of gapkit."""
        return isinstance(found, Mapping) and found.get("format") == FORMAT

    def open(self, found: Any, request: Request) -> Adapted:
        """Build the reference model that the file describes.

        Raises:
            InputError: it is damaged, or of a version that is not known.
        """
        built = rebuild(found, str(request.path))
        how = f"{getattr(built, 'builder', type(built).__name__)} of gapkit"
        return Adapted(built, how, dict(found.get("extra") or {}))
