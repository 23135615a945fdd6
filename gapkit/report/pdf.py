"""A document as PDF through typst: vector pictures, tables that break over pages, formulas.

Without network and without fonts of the system: the typefaces are those that come with typst and matplotlib.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib
import typst

from gapkit.report.blocks import Block, Column, Figure, Row, Table
from gapkit.report.document import Document, Lead
from gapkit.report.formats import as_text
from gapkit.report.html import card_value, headed

__all__ = ["render_pdf"]

_SCALE, _WIDEST = 0.74, 490.0  # of a picture against its own size; points, as wide as the text
_LONG_WORD, _PIECE = 24, 12
_WORDY, _LONG_CELL = 40, 12


def render_pdf(document: Document) -> bytes:
    """Return the report as PDF."""
    with resources.as_file(resources.files("gapkit.report") / "templates") as templates:
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        return typst.compile(
            str(templates / "report.typ"),
            root=str(templates),
            font_paths=[str(fonts)],
            ignore_system_fonts=True,
            sys_inputs={"document": json.dumps(_plain(document))},
        )


def _plain(document: Document) -> dict[str, Any]:
    """The document as the template reads it: all cells as text."""
    numbers = {figure.name: number for number, figure in enumerate(document.figures(), 1)}
    return {
        "title": _breakable(document.title),
        "verdict": [_headed(sentence) for sentence in document.verdict],
        "lead": _lead(document.lead, numbers) if document.lead else None,
        "sections": [
            {"title": _breakable(section.title), "blocks": [_block(block, numbers) for block in section.blocks]}
            for section in document.sections
        ],
    }


def _lead(lead: Lead, numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "about": _breakable(lead.about),
        "sentences": [_headed(sentence) for sentence in lead.sentences],
        "cards": [{**_texts(asdict(card)), "value": card_value(card)} for card in lead.cards],
        "figures": [_block(figure, numbers) for figure in lead.figures],
        "marks": [_texts(asdict(mark)) for mark in lead.marks],
        "notes": [_breakable(sentence) for sentence in lead.notes],
    }


def _headed(sentence: str) -> dict[str, str]:
    first, rest = headed(sentence)
    return {"first": _breakable(first), "rest": _breakable(rest)}


def _block(block: Block, numbers: Mapping[str, int]) -> dict[str, Any]:
    values = _table(block) if isinstance(block, Table) else _texts(asdict(block))
    if isinstance(block, Figure):
        values |= {"svg": block.svg, "width": min(_SCALE * _width(block.svg), _WIDEST), "number": numbers[block.name]}
    return {"type": type(block).__name__, **values}


def _table(table: Table) -> dict[str, Any]:
    shown = table.rows if table.on_paper is None else table.rows[: table.on_paper]
    rows = [
        {
            "cells": [
                _breakable(as_text(cell, column.kind)) for cell, column in zip(row.cells, table.columns, strict=True)
            ],
            "note": _breakable(row.note),
        }
        for row in shown
    ]
    more = "" if len(shown) == len(table.rows) else f"The first {len(shown)} of {len(table.rows)} rows."
    if more and table.source:
        more += f" {table.source} has every datapoint."
    return {
        "caption": _breakable(table.caption),
        "footnote": _breakable(table.footnote),
        "noted": any(row.note for row in table.rows),
        "more": more,
        "columns": [
            {"label": _breakable(column.label), "kind": column.kind, "share": _share(column, place, shown)}
            for place, column in enumerate(table.columns)
        ],
        "rows": rows,
    }


def _share(column: Column, place: int, rows: tuple[Row, ...]) -> float:
    """Columns of long texts share what the others leave, by their length; zero for as wide as needed."""
    if column.kind != "text":
        return 0.0
    longest = max((len(str(row.cells[place])) for row in rows), default=0)
    return 0.0 if longest <= _LONG_CELL else float(min(longest, _WORDY) if longest < _WORDY else 2 * _WORDY)


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        return _breakable(value)
    if isinstance(value, dict):
        return {name: item if name in ("typst", "kind") else _texts(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(item) for item in value]
    return value


def _breakable(text: str) -> str:
    """Let very long words (paths, hashes) break: a zero-width space after every few characters."""
    return re.sub(rf"\S{{{_LONG_WORD},}}", lambda word: re.sub(rf"(\S{{{_PIECE}}})", "\\1\u200b", word[0]), text)


def _width(svg: str) -> float:
    found = re.search(r'<svg[^>]*?\bwidth="([\d.]+)pt"', svg)
    return float(found[1]) if found else _WIDEST
