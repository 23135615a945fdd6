"""How the numbers came about: the facts of a run as text, in groups."""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gapkit.report.blocks import Block, Fact, Facts, FactSheet, Heading, Text
from gapkit.report.document import Section

__all__ = ["provenance", "title_of"]

_FIRST = ("checkpoint", "data")
_TOLD = ("ladder",)  # elsewhere in the report


def title_of(run: Mapping[str, Any], what: str = "Inference gaps") -> str:
    """Name the checkpoint where the run knows it."""
    checkpoint = run.get("checkpoint")
    name = checkpoint.get("name") if isinstance(checkpoint, Mapping) else checkpoint
    return f"{what} of {name}" if name else what


def provenance(run: Mapping[str, Any]) -> Section:
    """The section at the end: warnings, plain values, then one group of facts for each nested part."""
    run = _to_read(run)
    plain = {name: value for name, value in run.items() if not isinstance(value, Mapping) and name != "warnings"}
    nested = {name: value for name, value in run.items() if isinstance(value, Mapping) and name not in _TOLD}
    first = [name for name in _FIRST if name in nested]
    groups = [Facts(_words(name), _facts(nested[name])) for name in [*first, *(n for n in nested if n not in first)]]
    sheet = FactSheet(tuple(group for group in (Facts("Run", _facts(plain)), *groups) if group.facts))
    warnings = tuple(str(text) for text in run.get("warnings") or ())
    blocks: tuple[Block, ...] = (
        sheet if sheet.groups else Text(("The run has no record of how it was made.",), "note"),
    )
    if warnings:
        blocks = (Heading("Warnings of the run"), Text(warnings, "list"), *blocks)
    return Section("provenance", "Settings and provenance", blocks, folded=True)


def _facts(values: Mapping[str, Any]) -> tuple[Fact, ...]:
    return tuple(Fact(_words(name), _told(name, value)) for name, value in _flat(values))


def _told(name: str, value: object) -> str:
    """A command as it is typed, anything else as it is."""
    words = name == "command" and isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)
    return shlex.join(value) if words else _text(value)  # type: ignore[arg-type]


def _to_read(values: Mapping[str, Any]) -> dict[str, Any]:
    """All but the sources: the same facts again, and where files lie on somebody's disk, for opening them."""
    return {name: value for name, value in values.items() if name != "source" or not isinstance(value, Mapping)}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in _to_read(values).items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}: ")
        else:
            yield f"{prefix}{name}", value


def _words(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _text(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and math.isfinite(value):
        if value.is_integer() and abs(value) < 1e15:
            return f"{value:.0f}"
        return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(item) for item in value) or "none"
    return str(value)
