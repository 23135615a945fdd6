"""What was drawn: texts, bars and points of axes."""

import numpy as np


def texts(ax):
    return [text.get_text() for text in ax.texts]


def bars(ax):
    """The bars of the gaps by colour, each as (from, to)."""
    return {line.get_color(): tuple(line.get_xdata()) for line in ax.lines if line.get_linewidth() == 6}


def points(ax):
    return np.concatenate([np.asarray(part.get_offsets()) for part in ax.collections])
