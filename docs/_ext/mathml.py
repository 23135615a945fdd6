"""Formulas as MathML, which browsers draw themselves: pages need no script from elsewhere."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

# Browsers set no space between a function and its argument: log p, but log(p).
_APPLIED = re.compile(r"(<mo>&ApplyFunction;</mo>)(?!\s*<mo[^>]*>\()")
_log = logging.getLogger(__name__)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(_drawn(node, as_block=False))
    raise nodes.SkipNode


def _block(writer: HTML5Translator, node: nodes.math_block) -> None:
    writer.body.append(f'<div class="math">{_drawn(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def _drawn(node: nodes.Element, *, as_block: bool) -> str:
    try:
        drawn = tex2mathml(node.astext(), as_block=as_block)
        return _APPLIED.sub(r'\1<mspace width="0.1667em"></mspace>', drawn)
    except MathError as error:
        _log.warning("%s: %s", node.astext(), error, location=node)
        return node.astext()
