"""What a check of a model found, as a value that runs and summaries keep."""

from dataclasses import dataclass

from gapkit.core.records import Record

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding(Record):
    """One thing that is not as it should be.

    Attributes:
        check: name of the check, as ``--allow`` takes it.
        level: ``error``, the numbers would be wrong: refused; ``allowed``, the same, where the user goes on all the
            same; ``warning``, probably not what the user wants; ``note``, worth knowing.
        asked: what is needed.
        found: what was found instead, with numbers.
        do: what mends it.
    """

    check: str
    level: str
    asked: str
    found: str
    do: str

    def __str__(self) -> str:
        return f"{self.asked}: {self.found}. To do: {self.do}"
