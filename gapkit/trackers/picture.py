"""Turn a figure into the pixels that trackers keep."""

import io
import warnings

from matplotlib.figure import Figure

from gapkit.plots import style

__all__ = ["DOTS_PER_INCH", "png"]

DOTS_PER_INCH = 150


def png(figure: Figure) -> bytes:
    """Draw a figure as a PNG in gapkit's style; neither pyplot nor the figure is changed.

    Example:
        >>> png(Figure(figsize=(1.0, 1.0)))[1:4]
        b'PNG'
    """
    with style(), io.BytesIO() as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a split may have a name the font cannot write
        figure.savefig(file, format="png", dpi=DOTS_PER_INCH)
        return file.getvalue()
