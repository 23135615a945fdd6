"""``{analysis} NAME``: what an analysis of ``analyses/`` asks and costs, and what its report in ``reports/`` says.

Nothing is copied into the pages: words, tables and figures are taken from the report when the pages are built.
"""

import re
from html import unescape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
_SECTION = re.compile(r'<section (?:id|class)="([\w-]+)"[^>]*>(.*?)</section>', re.DOTALL)
_TITLE = re.compile(r"\s*<h2>(.*?)</h2>")
_LINK_OUT = re.compile(r"\[([^\]]*)\]\((?!https?:)[^)]*\)")  # to files of the repository, which the pages do not hold


def rows() -> dict[str, tuple[str, str, str]]:
    """Question, command and cost of every analysis, by its name, from ``analyses/README.md``."""
    found = {}
    for line in (ROOT / "analyses" / "README.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 4 and cells[0].startswith("`"):
            found[cells[0].strip("`").rstrip("/")] = (cells[1], cells[2], cells[3])
    return found


def sections(name: str) -> list[tuple[str, str, str]]:
    """Identifier, title and HTML of the parts of a report; the first one, its verdict, has no title."""
    page = (ROOT / "reports" / name / "report.html").read_text("utf-8")
    found = []
    for part, body in _SECTION.findall(page):
        title = _TITLE.match(body)
        text = _TITLE.sub("", body, count=1)
        found.append((part, unescape(title[1]) if title else "", re.sub(r'<table id="[^"]*"', "<table", text)))
    return found


def colours(name: str) -> str:
    """The variables of the report for colours of its figures, which the page's own style does not have."""
    page = (ROOT / "reports" / name / "report.html").read_text("utf-8")
    return " ".join(sorted(set(re.findall(r"--c-[0-9a-f]{6}: light-dark\([^)]*\);", page))))


class Analysis(SphinxDirective):
    """The page of one analysis."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """What is asked, then the report, then the README of the analysis where it has one."""
        name = self.arguments[0]
        for path in ("analyses/README.md", f"analyses/{name}/README.md", f"reports/{name}/report.html"):
            self.env.note_dependency(str(ROOT / path))
        question, command, cost = rows()[name]
        about = f"*Question:* {question}\n\n*Command:* {command}\n\n*Cost:* {cost}"
        made = self.parse_text_to_nodes(_LINK_OUT.sub(r"\1", about))
        verdict, *parts = sections(name)
        made.append(_raw(f"<style>body {{ {colours(name)} }}</style>"))
        made.append(self._section("what-came-out", "What came out", _report(verdict[2])))
        readme = ROOT / "analyses" / name / "README.md"
        if readme.exists():
            text = readme.read_text("utf-8").partition("\n")[2]
            section = self._section("about-this-analysis", "About this analysis")
            section += self.parse_text_to_nodes(_LINK_OUT.sub(r"`\1`", text), allow_section_headings=True)
            made.append(section)
        return [*made, *(self._section(part, title, _report(body)) for part, title, body in parts)]

    def _section(self, name: str, title: str, *content: nodes.Node) -> nodes.section:
        section = nodes.section(ids=[nodes.make_id(name)], names=[nodes.fully_normalize_name(title)])
        section += nodes.title(text=title)
        section += list(content)
        return section


def _report(body: str) -> nodes.raw:
    return _raw(f'<div class="report-part">{body}</div>')


def _raw(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("analysis", Analysis)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
