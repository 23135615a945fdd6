"""Kinds of checkpoints that say themselves how their model is built; the first that claims a file opens it."""

from gapkit.checkpoints.adapters.native import Native
from gapkit.checkpoints.adapters.pickled import Pickled
from gapkit.checkpoints.adapters.protocol import Adapted, Adapter

__all__ = ["ADAPTERS", "Adapted", "Adapter"]

ADAPTERS: tuple[Adapter, ...] = (Native(), Pickled())
