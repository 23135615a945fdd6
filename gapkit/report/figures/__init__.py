"""The figures of the report, each with its words and its place."""

from gapkit.core.phrases import by_its_name
from gapkit.report.blocks import Figure
from gapkit.report.figures.bounds import BOUNDS
from gapkit.report.figures.details import DETAILS
from gapkit.report.figures.drawing import Drawing, as_svg
from gapkit.report.figures.evidence import EVIDENCE
from gapkit.report.figures.model import MODEL
from gapkit.report.figures.steps import STEPS
from gapkit.report.figures.titles import TITLES
from gapkit.results import Result

__all__ = ["DRAWINGS", "Drawing", "as_svg", "draw"]

# In the order in which those of one place stand.
DRAWINGS: tuple[Drawing, ...] = (*BOUNDS, *STEPS, *EVIDENCE, *DETAILS, *MODEL)


def draw(result: Result, split: str, number: int, place: str) -> tuple[Figure, ...]:
    """Draw all figures of a split that belong in one place; ``number`` keeps the names of several splits apart."""
    figures = []

    def write(text: str) -> str:
        return by_its_name(text, result.summary_values.target)

    for drawing in DRAWINGS:
        if drawing.place == place and drawing.applies(result, split):
            name = f"{drawing.name}-{number}"
            svg = as_svg(lambda drawing=drawing: drawing.plot(result, split=split), name, write)  # type: ignore[misc]
            alt, title = drawing.describe(result, split), TITLES[drawing.name](result, split)
            figures.append(Figure(name, svg, drawing.caption, alt, drawing.photographic, title))
    return tuple(figures)
