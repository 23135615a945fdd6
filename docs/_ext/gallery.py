"""The gallery: every figure of ``gapkit.plots``, drawn from one small study when the pages are built.

Which example object a function is given is read from the name of its first parameter, so that a new figure appears
without a line here; one that asks for something else, or draws nothing, ends the build.
"""

import hashlib
import inspect
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from matplotlib.axes import Axes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from gapkit import plots
from gapkit.report.figures import as_svg
from gapkit.report.palette import themed

STUDY = Path(__file__).with_name("study.py")
NOTHING = (plots.style,)  # what gapkit.plots exports beside figures


def figures() -> dict[str, Callable[..., Axes]]:
    """Every function of ``gapkit.plots`` that draws, by name."""
    found = {name: getattr(plots, name) for name in plots.__all__}
    return {name: draw for name, draw in found.items() if draw not in NOTHING}


def call_of(name: str, draw: Callable[..., Axes]) -> str:
    """The line that draws a figure from the example objects of the study."""
    first = _first(draw)
    return f"result.plot.{name}()" if first == "result" else f"plots.{name}({first})"


def examples(cache: Path) -> dict[str, Any]:
    """What the study made; it is run once for each version of its file, and of the package below the plots."""
    package = Path(plots.__file__).parents[1]
    above = {"plots", "report", "cli", "doctor", "trackers", "checkpoints"}
    below = [path for path in sorted(package.rglob("*.py")) if path.relative_to(package).parts[0] not in above]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in [STUDY, *below])).hexdigest()[:16]
    kept = cache / f"study-{digest}.pickle"
    if not kept.exists():
        names: dict[str, Any] = {}
        text = STUDY.read_text("utf-8").replace('Path("study")', f"Path({str(cache / 'study')!r})")
        exec(compile(text, str(STUDY), "exec"), names)
        made = {name: names[name] for name in ("result", "results", "comparison", "scored", "found")}
        cache.mkdir(parents=True, exist_ok=True)
        for older in cache.glob("study-*.pickle"):
            older.unlink()
        kept.write_bytes(pickle.dumps(made))
    made = pickle.loads(kept.read_bytes())
    return {**made, "plots": plots}


def drawn(name: str, draw: Callable[..., Axes], given: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The figure as SVG in the colours of the page, and their variants on a dark one."""
    first, seen = _first(draw), []
    if first not in given:
        raise ExtensionError(f"gapkit.plots.{name} begins with {first!r}: no such example in docs/_ext/study.py")

    def picture() -> Axes:
        seen.append(eval(call_of(name, draw), dict(given)))
        return seen[0]

    svg = as_svg(picture, f"gallery-{name}")
    if not any(panel.has_data() for axes in seen[0].figure.axes for panel in (axes, *axes.child_axes)):
        raise ExtensionError(f"gapkit.plots.{name} has nothing to draw in docs/_ext/study.py")
    return themed(svg)


def _first(draw: Callable[..., Axes]) -> str:
    return next(iter(inspect.signature(draw).parameters), "nothing")


class Gallery(SphinxDirective):
    """``{gallery}``: a section for each figure, with its words, its line and its picture."""

    def run(self) -> list[nodes.Node]:
        """Draw all of them."""
        given, sections, colours = examples(Path(self.env.app.outdir).parent / "gallery"), [], {}
        self.env.note_dependency(str(STUDY))
        for name, draw in figures().items():
            svg, further = drawn(name, draw, given)
            colours |= further
            section = nodes.section(ids=[nodes.make_id(name)], names=[name])
            words = re.split(r"\n\n(?:Args|Returns|Raises):", inspect.getdoc(draw) or "")[0]
            words = words.replace("``", "`").replace("q*", r"q\*")
            section += nodes.title(text=name.replace("_", " "))
            section += self.parse_text_to_nodes(f"{words} {{py:func}}`gapkit.plots.{name}`")
            section += nodes.literal_block(call_of(name, draw), call_of(name, draw), language="python")
            section += nodes.raw("", f'<figure class="drawing">{svg}</figure>', format="html")
            sections.append(section)
        rules = " ".join(f"--c-{light[1:]}: light-dark({light}, {dark});" for light, dark in colours.items())
        return [nodes.raw("", f"<style>body {{ {rules} }}</style>", format="html"), *sections]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
