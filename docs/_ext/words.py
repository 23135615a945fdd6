"""``{terms}`` and ``{statuses}``: the words of reports, as the package itself explains them."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from gapkit.report.wording import DEFINITIONS
from gapkit.results.status import STATUSES


class Terms(SphinxDirective):
    """The definitions that every report ends with, as a glossary."""

    def run(self) -> list[nodes.Node]:
        """A definition list."""
        found = nodes.definition_list()
        for term, words, symbols, _ in DEFINITIONS:
            said = nodes.definition("", nodes.paragraph(text=words))
            if symbols:
                said += nodes.paragraph("", "", nodes.literal(text=symbols))
            found += nodes.definition_list_item("", nodes.term(text=term, ids=[nodes.make_id(f"term-{term}")]), said)
        return [found]


class Statuses(SphinxDirective):
    """The words of the column ``status``: meaning and remedy."""

    def run(self) -> list[nodes.Node]:
        """A table."""
        rows = "\n".join(f"| `{word}` | {meaning} | {do} |" for word, (meaning, do) in STATUSES.items())
        return self.parse_text_to_nodes(f"| status | what it means | what to do |\n|---|---|---|\n{rows}\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.add_directive("terms", Terms)
    app.add_directive("statuses", Statuses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
