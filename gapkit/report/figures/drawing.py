"""What a figure of the report is: a plot with its words and its place; and how it becomes SVG."""

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.text import Text

from gapkit.plots import style
from gapkit.report.blocks import Caption
from gapkit.results import Result

__all__ = ["Drawing", "as_svg"]


def _always(result: Result, split: str) -> bool:
    return True


@dataclass(frozen=True)
class Drawing:
    """A figure of the report.

    Attributes:
        name: of the figure; the number of the split is appended.
        place: the part of the report where it stands.
        plot: draws it.
        caption: how to read it.
        describe: what it shows, from the result and the split.
        applies: whether there is anything to draw.
        photographic: see :class:`gapkit.report.blocks.Figure`.
    """

    name: str
    place: str
    plot: Callable[..., Axes]
    caption: Caption
    describe: Callable[[Result, str], str]
    applies: Callable[[Result, str], bool] = _always
    photographic: bool = False


def as_svg(plot: Callable[[], Axes], prefix: str, name: Callable[[str], str] = str) -> str:
    """Draw a figure as SVG; text becomes paths, as ``name`` writes it, and every id starts with the prefix."""
    with style(), warnings.catch_warnings(), io.StringIO() as file:
        warnings.filterwarnings("ignore", message="Glyph")  # a split may have a name the font cannot write
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas = plot().get_figure(root=True)
        assert canvas is not None, "axes without a figure"
        for words in canvas.findobj(Text):
            words.set_text(name(words.get_text()))
        canvas.savefig(file, format="svg", metadata=nothing)
        text = file.getvalue()
    text = re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL)
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
