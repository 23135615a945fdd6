"""What was drawn: texts, bars and points of axes."""

import numpy as np
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_hex


def texts(ax):
    return [text.get_text() for text in ax.texts]


def bars(ax):
    """The bars of the gaps by colour, each as (from, to)."""
    return {line.get_color(): tuple(line.get_xdata()) for line in ax.lines if line.get_linewidth() == 6}


def points(ax):
    return np.concatenate([np.asarray(part.get_offsets()) for part in ax.collections])


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def offsets(panel, color=None):
    """The marks of a panel from the left; of one colour, filled or at least its line."""
    found = []
    for part in panel.collections:
        if isinstance(part, PathCollection):
            shades = part.get_facecolors() if len(part.get_facecolors()) else part.get_edgecolors()
            own = [to_hex(shade) for shade in np.resize(shades, (len(part.get_offsets()), 4))]
            found += [at for at, shade in zip(part.get_offsets(), own, strict=True) if color in (None, shade.upper())]
    found = np.array(found)
    return found[np.argsort(found[:, 0], kind="stable")]


def stairs(part, across=False):
    """Edges, tops and feet of a filled histogram with steps; ``across`` where the bars lie."""
    (path,) = part.get_paths()
    corners = path.vertices[:, ::-1] if across else path.vertices
    count = (len(corners) - 3) // 2
    feet, tops = corners[1 : 1 + count][::2], corners[2 + count : 2 + 2 * count][::-1][::2]
    return feet[:, 0], tops[:-1, 1], feet[:-1, 1]


def filled(panel, color):
    """The filled areas of a colour."""
    areas = [part for part in panel.collections if isinstance(part, PolyCollection)]
    return [part for part in areas if to_hex(part.get_facecolor()[0]).upper() == color]


def within(low, places, high):
    """Whether all places that are drawn, the finite ones, are inside."""
    known = np.asarray(places, float)[np.isfinite(places)]
    return ((low <= known) & (known <= high)).all()
