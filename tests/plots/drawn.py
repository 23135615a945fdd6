"""What was drawn: texts, bars and points of axes."""

import numpy as np
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
    parts = [np.asarray(part.get_offsets()) for part in panel.collections if hasattr(part, "get_sizes")]
    if color:
        parts = [
            np.asarray(part.get_offsets())
            for part in panel.collections
            if hasattr(part, "get_sizes") and color.lower() in [to_hex(edge) for edge in part.get_edgecolor()]
        ]
    found = np.concatenate(parts)
    return found[np.argsort(found[:, 0], kind="stable")]
