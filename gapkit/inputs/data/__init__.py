"""Data from anywhere: names, files, folders of images and functions, as one checked float32 tensor."""

from gapkit.inputs.data.binarize import BINARIZATIONS, binarize, require_unit_interval
from gapkit.inputs.data.dataset import Dataset
from gapkit.inputs.data.given import unpacked
from gapkit.inputs.data.load import SPLITS, load, load_streamed, names_function
from gapkit.inputs.data.scaling import COUNTS
from gapkit.inputs.data.streamed import Binarized, Streamed

__all__ = [
    "BINARIZATIONS",
    "COUNTS",
    "SPLITS",
    "Binarized",
    "Dataset",
    "Streamed",
    "binarize",
    "load",
    "load_streamed",
    "names_function",
    "require_unit_interval",
    "unpacked",
]
