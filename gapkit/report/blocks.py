"""What a report is made of: blocks of words, numbers and pictures without markup. Renderers show them, no more."""

from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "Block",
    "Caption",
    "Cell",
    "Column",
    "Definitions",
    "Fact",
    "FactSheet",
    "Facts",
    "Figure",
    "Heading",
    "Interval",
    "Picture",
    "PlusMinus",
    "Range",
    "Row",
    "Table",
    "Term",
    "Text",
]


@dataclass(frozen=True)
class Interval:
    """From low to high; None where an end is unknown."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Range(Interval):
    """From the smallest to the largest value, where there are too few for an interval."""


@dataclass(frozen=True)
class PlusMinus:
    """A value and its standard error; None where there is none."""

    value: float | None
    error: float | None


Cell = str | int | float | None | Interval | PlusMinus


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        key: its name in ``summary.json`` or ``datapoints.parquet``; unique in the table.
        label: its heading.
        kind: how its numbers are written: ``text``, ``count``, ``nats``, ``percent``, or ``number`` of any unit.
    """

    key: str
    label: str
    kind: str = "nats"


class Picture(NamedTuple):
    """A small picture of a datapoint: PNG in base64, and what it shows in words."""

    png: str
    alt: str


@dataclass(frozen=True)
class Row:
    """Cells in the order of the columns, and a sentence to stand under them.

    Attributes:
        name: what the row is about, such as a quantity's name in the summary; unique in the table.
        cells: one for each column; the first one is the row's heading.
        note: what the row means, or nothing.
        picture: of the datapoint that the row is about, if there is one; web pages show it after the row's heading.
    """

    name: str
    cells: tuple[Cell, ...]
    note: str = ""
    picture: Picture | None = None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: unique in the document.
        caption: what it shows and in which unit.
        columns: from the left; the first one holds the rows' headings.
        rows: from the top.
        footnote: how to read it, or nothing.
        interactive: whether a reader may want to sort and filter it; its rows have no notes then.
        on_paper: how many rows a printed page shows; None for all.
        source: file beside the report that holds more rows, or nothing.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnote: str = ""
    interactive: bool = False
    on_paper: int | None = None
    source: str = ""


class Caption(NamedTuple):
    """How to read a picture: in one line, and whatever else there is to know."""

    line: str
    more: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture and its words.

    Attributes:
        name: unique in the document; also the prefix of all ids inside the picture.
        svg: the picture, without XML header.
        caption: how to read it.
        alt: what it shows, for readers who do not see it.
        photographic: whether it shows data (images) whose colours must stay as they are in a dark theme.
        title: what it shows, in a line; renderers put its number before it.
    """

    name: str
    svg: str
    caption: Caption
    alt: str
    photographic: bool = False
    title: str = ""


@dataclass(frozen=True)
class Text:
    """Sentences: each a paragraph (``plain``), each a point of a list (``list``), or small print (``note``)."""

    sentences: tuple[str, ...]
    kind: str = "plain"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Term:
    """A term, its definition in words, and in symbols where that helps (plain text, and as typst mathematics)."""

    term: str
    definition: str
    formula: str = ""
    typst: str = ""


@dataclass(frozen=True)
class Definitions:
    """Terms in reading order."""

    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Fact:
    """A named value, as text."""

    name: str
    value: str


@dataclass(frozen=True)
class Facts:
    """Facts that belong together."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class FactSheet:
    """Groups of facts, small print."""

    groups: tuple[Facts, ...]


Block = Text | Heading | Figure | Table | Definitions | FactSheet
