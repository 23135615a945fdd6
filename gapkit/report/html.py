"""A document as one HTML file that needs nothing else: no network, pictures inside, a script for long tables."""

import math
import re
from collections.abc import Sequence
from functools import cache
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gapkit.report.blocks import Block, Cell, Figure, Interval, PlusMinus, Table
from gapkit.report.document import Card, Document
from gapkit.report.formats import as_text
from gapkit.report.palette import themed
from gapkit.results.verdict import with_error

__all__ = ["card_value", "grouped", "headed", "marked_up", "render"]

# What a mark says to those who do not see it.
_STATES = {"good": "", "doubt": "In doubt: ", "bad": "At fault: ", "unknown": "Not known: "}
_LONGEST_HEAD = 70  # characters
_LONG, _WORDY = 50, 60  # rows of a long table, characters of a cell of a table of words
_WIDTH = re.compile(r'<svg[^>]*?\bwidth="([\d.]+)pt"')


def render(document: Document) -> str:
    """Return the report as HTML. All text is escaped; only the pictures, which gapkit drew itself, are inserted."""
    colours: dict[str, str] = {}
    pictures: dict[str, Markup] = {}
    for figure in document.figures():
        svg, further = (figure.svg, {}) if figure.photographic else themed(figure.svg)
        pictures[figure.name] = _described(svg, figure.alt)
        colours |= further
    template = _environment().get_template("report.html.jinja")
    numbers = {figure.name: number for number, figure in enumerate(document.figures(), 1)}
    return template.render(
        document=document, pictures=pictures, colours=sorted(colours.items()), numbers=numbers, states=_STATES
    )


def _described(svg: str, alt: str) -> Markup:
    """The picture with its description for screen readers, and its own width, from which that on a screen follows."""
    width = _WIDTH.search(svg)
    attributes = f'<svg role="img" aria-label="{escape(alt)}"'
    if width:
        attributes += f' style="--width: {float(width[1]):.0f}px"'
    return Markup(svg.replace("<svg", attributes, 1))


def _look(table: Table) -> str:
    """The class that decides how a table is set, above all on a narrow screen."""
    if _noted(table):
        return "noted"
    if table.interactive or len(table.rows) > _LONG:
        return "rows long"
    wordy = any(isinstance(cell, str) and len(cell) > _WORDY for row in table.rows for cell in row.cells)
    return "words" if wordy else "rows"


def _hint(table: Table) -> str:
    """What a reader may look for, in the empty field of the filter."""
    return ", ".join(column.label.lower() for column in table.columns if column.kind == "text")


def _noted(table: Table) -> bool:
    return any(row.note for row in table.rows)


def _number(cell: Cell) -> float | None:
    """What a cell is sorted by."""
    if isinstance(cell, PlusMinus):
        return cell.value
    if isinstance(cell, Interval):
        return cell.low
    return None if isinstance(cell, str) else cell


def _raw_value(cell: Cell) -> str:
    value = _number(cell)
    if value is None or math.isnan(value):
        return ""
    return repr(float(value)).replace("inf", "Infinity")


def grouped(blocks: Sequence[Block]) -> list[tuple[Block, ...]]:
    """Blocks one by one, but figures that follow each other together."""
    together = groupby(blocks, lambda block: isinstance(block, Figure))
    return [group for figures, each in together for group in ([tuple(each)] if figures else [(one,) for one in each])]


def headed(sentence: str) -> tuple[str, str]:
    """What to do, and the rest of the sentence: up to the first colon, where that is near."""
    first, colon, rest = sentence.partition(":")
    return (first + colon, rest) if colon and len(first) <= _LONGEST_HEAD else ("", sentence)


def marked_up(sentence: str) -> Markup:
    """A sentence in which what is to be typed is set as code."""
    parts = str(escape(sentence)).split("`")
    if len(parts) % 2 == 0:  # a stray mark
        return Markup(escape(sentence))
    return Markup("".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts)))


def card_value(card: Card) -> str:
    """The number of a card with as many decimals as its error deserves, or its word."""
    value = card.value
    if isinstance(value, PlusMinus) and value.value is not None:
        return with_error(value.value, value.error)
    return as_text(value, "nats")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gapkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "written": as_text,
        "raw_value": _raw_value,
        "look": _look,
        "hint": _hint,
        "kind": lambda block: type(block).__name__,
        "grouped": grouped,
        "headed": headed,
        "marked_up": marked_up,
        "shown": card_value,
    }
    environment.tests |= {
        "number_like": lambda cell: not isinstance(cell, str),
        "compound": lambda cell: isinstance(cell, Interval | PlusMinus),
        "noted": _noted,
        "pictured": lambda table: any(row.picture for row in table.rows),
        "long": lambda table: len(table.rows) > _LONG,
    }
    return environment
