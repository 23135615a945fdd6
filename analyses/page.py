"""What an analysis found, as tables, figures, claims and words; and how it becomes files and a report."""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from gapkit.comparison import Claims, Judged
from gapkit.report import write_report
from gapkit.report.blocks import Block, Caption, Cell, Column, Figure, PlusMinus, Row, Table, Text
from gapkit.report.claims import claims_blocks
from gapkit.report.document import Document, Section
from gapkit.report.figures import as_svg

__all__ = ["Drawn", "Part", "write"]


@dataclass(frozen=True)
class Drawn:
    """A figure.

    Attributes:
        plot: draws it.
        caption: how to read it.
        alt: what it shows, for readers who do not see it.
        photographic: whether it shows images.
    """

    plot: Callable[[], Axes]
    caption: str
    alt: str
    photographic: bool = False


@dataclass(frozen=True)
class Part:
    """What one experiment found.

    Attributes:
        name: of the experiment; its files begin with it.
        title: its question.
        words: what came out, in sentences; the first ones stand at the top of the report.
        tables: by caption; the first column holds the rows' headings, cells are text, numbers or ``PlusMinus``.
        figures: by name.
        judged: the claims that it tests.
        notes: small print.
    """

    name: str
    title: str
    words: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Drawn] = field(default_factory=dict)
    judged: tuple[Judged, ...] = ()
    notes: tuple[str, ...] = ()


def write(folder: Path, title: str, parts: Sequence[Part], *, note: str = "", files: str = "report") -> None:
    """Write the tables as CSV, the claims as JSON, and a report in HTML and PDF.

    Args:
        folder: of the results.
        title: of the report.
        parts: in reading order.
        note: of the table of claims.
        files: the name of the report and of the claims' file, without ending.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        for number, frame in enumerate(part.tables.values(), 1):
            suffix = "" if len(part.tables) == 1 else f"_{number}"
            _write_csv(folder / f"{part.name}{suffix}.csv", frame)
    judged = tuple(one for part in parts for one in part.judged)
    claims = Claims(f"Claims: {title}", judged, note=note)
    sections = [_section(part) for part in parts]
    verdict = [_with_minus(part.words[0]) for part in parts if part.words]
    if judged:
        name = "claims.json" if files == "report" else f"{files}_claims.json"
        (folder / name).write_text(json.dumps(claims.to_dict(), indent=1) + "\n", "utf-8")
        sections.insert(0, Section("claims", "Claims", claims_blocks(claims)))
    document = Document(title, tuple(verdict), tuple(sections))
    for ending in ("html", "pdf"):
        write_report(document, folder / f"{files}.{ending}")


def _with_minus(text: str) -> str:
    return re.sub(r"(?<![\w.])-(?=\d)", "\N{MINUS SIGN}", text)


def _section(part: Part) -> Section:
    blocks: list[Block] = [Text(tuple(map(_with_minus, part.words)))]
    blocks += [
        _table(f"{part.name}-{number}", caption, frame) for number, (caption, frame) in enumerate(part.tables.items())
    ]
    for name, drawn in part.figures.items():
        full = f"{part.name}-{name}"
        blocks.append(Figure(full, as_svg(drawn.plot, full), Caption(drawn.caption), drawn.alt, drawn.photographic))
    if part.notes:
        blocks.append(Text(part.notes, "note"))
    return Section(part.name, part.title, tuple(blocks))


def _table(name: str, caption: str, frame: pd.DataFrame) -> Table:
    columns = tuple(
        Column(f"{name}-{place}", str(label), _kind(frame[label])) for place, label in enumerate(frame.columns)
    )
    rows = tuple(Row(f"{name}-{place}", tuple(map(_cell, row))) for place, row in enumerate(frame.to_numpy(object)))
    return Table(name, caption, columns, rows)


def _kind(values: pd.Series) -> str:
    if all(isinstance(value, str) for value in values):
        return "text"
    return "count" if all(isinstance(value, int) for value in values) else "nats"


def _cell(value: object) -> Cell:
    if isinstance(value, str | int | PlusMinus) or value is None:
        return value
    return None if pd.isna(value) else float(value)  # type: ignore[arg-type]


def _write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Numbers with four decimals; those with an error become two columns."""
    wide = [any(isinstance(value, PlusMinus) for value in frame[label]) for label in frame.columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        labels = [[label, f"{label} se"] if two else [label] for label, two in zip(frame.columns, wide, strict=True)]
        writer.writerow([label for group in labels for label in group])
        for row in frame.to_numpy(object):
            cells: list[str] = []
            for value, two in zip(row, wide, strict=True):
                found = (value.value, value.error) if isinstance(value, PlusMinus) else (value, None)
                cells += [_plain(part) for part in (found if two else found[:1])]
            writer.writerow(cells)


def _plain(value: object) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
