"""What a model makes: typical datapoints with their reconstructions, and samples from the prior."""

from matplotlib.axes import Axes

from gapkit.plots.names import shortened
from gapkit.plots.selection import split_name
from gapkit.plots.style import picture, write_note
from gapkit.plots.tiles import Strip, as_pictures, draw_tiles
from gapkit.results import Result

__all__ = ["sampled", "samples"]


def samples(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw typical datapoints, their mean reconstructions under q, and the means of p(x|z) for draws z of the prior.

    Typical ones have a total gap close to the median. All tiles share one scale of brightness.

    Args:
        result: of an analysis with ``details``, of data that are images.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the one that the details are of.

    Raises:
        InputError: the result has no such split.
    """
    of = result.run.get("details", {}).get("split")
    name = split_name(result, of if split is None else split)
    strips = sampled(result) if of in (None, name) else []
    title = f"{shortened(name)}: typical datapoints, and samples of the model"
    with picture(ax, 6.2, 0.5 + 0.68 * max(len(strips), 2), title) as ax:
        if strips:
            draw_tiles(ax, strips, strips[0].images)
        else:
            write_note(ax, "no pictures of samples")
    return ax


def sampled(result: Result) -> list[Strip]:
    """The rows of the picture; none where the data are no images."""
    found = {name: as_pictures(result.details.get(name)) for name in ("typical_x", "typical_under_q", "prior_x")}
    x, under_q, prior = found.values()
    strips = []
    if x is not None and under_q is not None:
        strips += [Strip("data x", x), Strip("under q", under_q)]
    if prior is not None:
        width = len(x) if x is not None else len(prior)
        parts = [prior[start : start + width] for start in range(0, len(prior), width)]
        strips += [Strip("z from\nthe prior" if not number else "", part) for number, part in enumerate(parts)]
    return strips
