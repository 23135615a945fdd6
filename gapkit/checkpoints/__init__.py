"""Checkpoints of any origin: find the weights in what was read, load them strictly into a model."""

from gapkit.checkpoints.load import Loaded, load, weights_of
from gapkit.checkpoints.match import fill
from gapkit.checkpoints.state import find_state_dict, load_strictly, strip_prefixes

__all__ = ["Loaded", "fill", "find_state_dict", "load", "load_strictly", "strip_prefixes", "weights_of"]
