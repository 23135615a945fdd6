"""The definitions that a report ends with: of the general terms, and of the rungs and gaps of its ladder."""

from gapkit.ladder import STANDARD, Ladder, counted_gaps, gaps_of_fits, quantity
from gapkit.report.wording import DEFINITIONS

__all__ = ["Entry", "definitions", "definitions_of_ladder"]

Entry = tuple[str, str, str, str]


def definitions(ladder: Ladder) -> tuple[Entry, ...]:
    """Term, words, symbols as text, symbols as typst mathematics: all general terms, then what is this ladder's own."""
    return (*(_counted(entry, ladder) for entry in DEFINITIONS), *_own(ladder))


def definitions_of_ladder(ladder: Ladder, terms: set[str]) -> tuple[Entry, ...]:
    """The same of some general terms and of all rungs and gaps of the ladder, and no other ones."""
    shown = terms | {quantity(name, ladder).label for name in ladder.names}
    return tuple(entry for entry in definitions(ladder) if entry[0] in shown)


def _counted(entry: Entry, ladder: Ladder) -> Entry:
    """The general words speak of two gaps."""
    term, words, *symbols = entry
    if len(ladder.gaps) != 2:
        words = words.replace("sum of the two", f"sum of the {counted_gaps(ladder)}")
        words = words.replace("for the two gaps", f"for {gaps_of_fits(ladder)}")
    return (term, words, symbols[0], symbols[1])


def _own(ladder: Ladder) -> list[Entry]:
    """Rungs and gaps that the usual ladder does not have."""
    own = [quantity(part.name, ladder) for part in ladder.steps() if part.name not in STANDARD.names]
    return [(part.label, part.meaning, "", "") for part in own]
