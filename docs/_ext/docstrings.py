"""Docstrings as they are written here: a star or a bar is mathematics (q*, ``(N, *x_shape)``, p(x|z)), never markup."""

import re

from sphinx.application import Sphinx

_CODE = re.compile(r"(``.*?``|`[^`]*`)")


def escaped(lines: list[str]) -> list[str]:
    """The lines with their stars and bars escaped, but for code: literal blocks, examples and what is in backticks.

    Backticks may begin in one line and end in the next, so that a paragraph is looked at as a whole.
    """
    made: list[str] = []
    literal: int | None = None  # how far its words are indented
    for paragraph in re.split(r"(\n\s*\n)", "\n".join(lines)):
        first = next((line for line in paragraph.split("\n") if line.strip()), "")
        indent = len(first) - len(first.lstrip())
        if literal is not None and first and indent <= literal:
            literal = None
        if literal is None and ">>>" not in paragraph:
            parts = _CODE.split(paragraph)
            parts[::2] = [re.sub(r"(?<!\\)([*|])", r"\\\1", part) for part in parts[::2]]
            paragraph = "".join(parts)
            if paragraph.rstrip().endswith("::"):
                last = paragraph.rstrip().rpartition("\n")[2]
                literal = len(last) - len(last.lstrip())
        made.append(paragraph)
    return "".join(made).split("\n")


def _escape(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    lines[:] = escaped(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Before napoleon, which reads the sections."""
    app.connect("autodoc-process-docstring", _escape, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
