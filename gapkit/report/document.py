"""The whole report: what its first screen says, and the sections below it."""

from dataclasses import dataclass

from gapkit.report.blocks import Block, Cell, Figure, Table

__all__ = ["Card", "Document", "Lead", "Mark", "Section"]


@dataclass(frozen=True)
class Section:
    """A part of the report under a heading; its name is unique in the document.

    Attributes:
        name: unique in the document.
        title: its heading.
        blocks: in reading order; figures that follow each other stand side by side where there is room.
        folded: whether a page shows it only when asked to; it is always there on paper.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]
    folded: bool = False


@dataclass(frozen=True)
class Card:
    """A number that decides.

    Attributes:
        label: what it is, in a few words.
        value: the number, or a word.
        unit: of the number, or nothing.
        note: one line more.
        part: whose it is, which gives its colour: ``encoder``, ``family``, ``other``, or nothing.
    """

    label: str
    value: Cell
    unit: str = ""
    note: str = ""
    part: str = ""


@dataclass(frozen=True)
class Mark:
    """A check in a few words: ``good``, ``doubt``, ``bad`` or ``unknown``."""

    state: str
    words: str


@dataclass(frozen=True)
class Lead:
    """The first screen.

    Attributes:
        about: what was analysed, in a line.
        sentences: those of the verdict that say what to do.
        cards: the numbers that decide.
        figures: the picture of the result.
        marks: the health of the analysis.
        notes: what else to mind, in sentences.
    """

    about: str
    sentences: tuple[str, ...]
    cards: tuple[Card, ...]
    figures: tuple[Figure, ...]
    marks: tuple[Mark, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """The whole report.

    Attributes:
        title: of the report; names the checkpoint where there is one.
        verdict: the diagnosis in sentences, the most important one first.
        sections: in reading order.
        lead: the first screen; None where the verdict alone is it.
    """

    title: str
    verdict: tuple[str, ...]
    sections: tuple[Section, ...]
    lead: Lead | None = None

    def blocks(self) -> tuple[Block, ...]:
        """All blocks, those of the first screen and of all sections, in reading order."""
        first = self.lead.figures if self.lead else ()
        return (*first, *(block for section in self.sections for block in section.blocks))

    def section(self, name: str) -> Section:
        """The section of that name.

        Raises:
            KeyError: there is none.
        """
        for section in self.sections:
            if section.name == name:
                return section
        raise KeyError(name)

    def table(self, name: str) -> Table:
        """The table of that name.

        Raises:
            KeyError: there is none.
        """
        for block in self.blocks():
            if isinstance(block, Table) and block.name == name:
                return block
        raise KeyError(name)

    def figures(self) -> tuple[Figure, ...]:
        """All pictures."""
        return tuple(block for block in self.blocks() if isinstance(block, Figure))
