"""Data from anywhere: names, files, folders of images and functions, as one checked float32 tensor."""

from gapkit.data.binarize import BINARIZATIONS, binarize, require_unit_interval
from gapkit.data.dataset import Dataset
from gapkit.data.given import unpacked
from gapkit.data.load import SPLITS, load
from gapkit.data.scaling import COUNTS

__all__ = ["BINARIZATIONS", "COUNTS", "SPLITS", "Dataset", "binarize", "load", "require_unit_interval", "unpacked"]
