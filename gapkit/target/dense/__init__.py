"""Decoders that are chains of linear maps and pointwise functions, with derivatives written out by hand."""

from gapkit.target.dense.decoder import DenseDecoder, Layer
from gapkit.target.dense.read import read_dense

__all__ = ["DenseDecoder", "Layer", "read_dense"]
