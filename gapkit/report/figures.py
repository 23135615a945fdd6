"""Pictures as text: each figure of the report as SVG, the same bytes for the same result."""

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes

from gapkit.plots.gap_scatter import gap_scatter
from gapkit.plots.ladder import ladder
from gapkit.plots.selection import Selection, select
from gapkit.plots.semi_amortized import semi_amortized
from gapkit.plots.style import style
from gapkit.report.wording import LADDER_CAPTION, LOCAL_STEPS_CAPTION, SCATTER_CAPTION
from gapkit.results import Result
from gapkit.verdict import plus_minus

__all__ = ["Figure", "draw", "draw_local_steps"]


@dataclass(frozen=True)
class Figure:
    """A picture and its words.

    Attributes:
        name: unique in the document; also the prefix of all ids inside the picture.
        svg: the picture, without XML header.
        caption: how to read it.
        alt: what it shows, for readers who do not see it.
    """

    name: str
    svg: str
    caption: str
    alt: str


def _describe_ladder(chosen: Selection) -> str:
    if not chosen.quantities:
        return "Ladder of bounds: no finite values."
    levels = {"log p(x)": "log_px", "L[q*]": "elbo_star", "L[q]": "elbo"}
    rungs = ", ".join(f"{label} {chosen.quantities[name]['mean']:.2f}" for label, name in levels.items())
    approximation, amortization = (
        plus_minus(chosen.quantities[name]) for name in ("approximation_gap", "amortization_gap")
    )
    return (
        f"Ladder of mean bounds in nats: {rungs}. Approximation gap {approximation}, amortization gap {amortization}."
    )


def _describe_scatter(chosen: Selection) -> str:
    rows = chosen.rows
    if rows.empty:
        return "Scatter of the two gaps: no finite values."
    above = int((rows["amortization_gap"] > rows["approximation_gap"]).sum())
    worst = rows.loc[rows["total_gap"].idxmax()]
    return (
        f"Scatter of amortization gap against approximation gap: for {above} of {len(rows)} datapoints the "
        f"amortization gap is the larger one. The largest total gap, {worst['total_gap']:.2f} nats, is that of "
        f"datapoint {worst['index']}."
    )


_FIGURES: dict[str, tuple[Callable[..., Axes], str, Callable[[Selection], str]]] = {
    "ladder": (ladder, LADDER_CAPTION, _describe_ladder),
    "gap-scatter": (gap_scatter, SCATTER_CAPTION, _describe_scatter),
}


def draw(result: Result, split: str, number: int) -> tuple[Figure, ...]:
    """Draw all figures of a split; ``number`` keeps the names of several splits apart."""
    chosen = select(result, split)
    figures = []
    for kind, (plot, caption, describe) in _FIGURES.items():
        name = f"{kind}-{number}"
        figures.append(Figure(name, _svg(plot, result, split, name), caption, describe(chosen)))
    return tuple(figures)


def draw_local_steps(result: Result) -> Figure:
    """Draw the curve of local steps of a result that has one."""
    values = result.summary_values["semi_amortized"]
    alt = "Curve of local steps: no finite values, in nats."
    if values["datapoints"]:
        last = values["curve"][-1]
        alt = (
            f"Curve of mean bounds in nats over local steps: from L[q] {values['elbo']['mean']:.2f} after none to "
            f"{values['elbo']['mean'] + last['gain']['mean']:.2f} after {last['steps']}, against L[q*] "
            f"{values['elbo_star']:.2f}."
        )
    name = "local-steps"
    return Figure(name, _svg(semi_amortized, result, values["split"], name), LOCAL_STEPS_CAPTION, alt)


def _svg(plot: Callable[..., Axes], result: Result, split: str, prefix: str) -> str:
    """Draw a figure as SVG; text becomes paths and every id starts with the prefix."""
    with style(), warnings.catch_warnings(), io.StringIO() as file:
        warnings.filterwarnings("ignore", message="Glyph")  # a split may have a name the font cannot write
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas = plot(result, split=split).get_figure(root=True)
        assert canvas is not None, "axes without a figure"
        canvas.savefig(file, format="svg", metadata=nothing)
        text = file.getvalue()
    text = re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL)
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
