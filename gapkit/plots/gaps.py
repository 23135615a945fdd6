"""How rungs and gaps look in every picture: their words where room is short, and their marks."""

from collections.abc import Iterable
from itertools import cycle

from gapkit.ladder import Gap, Rung

__all__ = ["broken", "marks", "with_part"]

_MARKS = ("o", "D", "s", "^", "v", "P")


def with_part(gap: Gap, apart: str = " ") -> str:
    r"""The label of a gap and whose it is, where that is the family or the encoder.

    Args:
        gap: of a ladder.
        apart: what stands before its last word; a line break where room is short.

    Example:
        >>> from gapkit.ladder import STANDARD
        >>> with_part(STANDARD.gaps[0]), with_part(STANDARD.total, "\n")
        ('approximation gap (family)', 'total gap')
    """
    if gap.labelled == gap.label:
        return gap.label
    return gap.labelled.replace(gap.label, broken(gap.label, apart), 1)


def broken(label: str, apart: str = "\n") -> str:
    """A label with its last word on a line of its own."""
    return apart.join(label.rsplit(" ", 1))


def marks(parts: Iterable[Rung | Gap], looks: Iterable[str] = _MARKS) -> dict[str, str]:
    """Marks or dashes of rungs or gaps by name, in their order, again from the first where there are more.

    Example:
        >>> from gapkit.ladder import STANDARD
        >>> marks(reversed(STANDARD.rungs))
        {'elbo': 'o', 'elbo_star': 'D', 'log_px': 's'}
    """
    return {part.name: look for part, look in zip(parts, cycle(looks), strict=False)}
