"""Checkpoints of any origin: read safely, find the weights, load them strictly into a model."""

from gapkit.checkpoints.load import Loaded, load
from gapkit.checkpoints.read import file_sha256, read
from gapkit.checkpoints.state import find_state_dict, load_strictly, strip_prefixes
from gapkit.checkpoints.usercode import call_user, load_attribute, load_factory, parse_model_args

__all__ = [
    "Loaded",
    "call_user",
    "file_sha256",
    "find_state_dict",
    "load",
    "load_attribute",
    "load_factory",
    "load_strictly",
    "parse_model_args",
    "read",
    "strip_prefixes",
]
