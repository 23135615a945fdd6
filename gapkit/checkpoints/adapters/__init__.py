"""Kinds of checkpoints and models; the first that claims what was found opens it.

Another package adds its own with an entry point of the group ``gapkit.adapters`` that names an :class:`Adapter`.
"""

from gapkit.checkpoints.adapters.protocol import Adapted, Adapter, Request
from gapkit.checkpoints.adapters.registry import ADAPTERS, adapter_of

__all__ = ["ADAPTERS", "Adapted", "Adapter", "Request", "adapter_of"]
