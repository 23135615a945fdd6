"""Data from anywhere: names, files, folders of images and functions, as one checked float32 tensor."""

from gapkit.inputs.data.binarize import BINARIZATIONS, binarize, require_unit_interval
from gapkit.inputs.data.dataset import Dataset
from gapkit.inputs.data.given import unpacked
from gapkit.inputs.data.load import SPLITS, load, names_function
from gapkit.inputs.data.scaling import COUNTS

__all__ = [
    "BINARIZATIONS",
    "COUNTS",
    "SPLITS",
    "Dataset",
    "binarize",
    "load",
    "names_function",
    "require_unit_interval",
    "unpacked",
]
