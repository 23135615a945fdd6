"""A few words that depend on how many gaps a ladder has."""

from gapkit.ladder.ladder import NUMBERS, Ladder

__all__ = ["counted_gaps", "gaps_of_fits"]


def counted_gaps(ladder: Ladder) -> str:
    """How many gaps there are beside the total one.

    Example:
        >>> from gapkit.ladder import STANDARD
        >>> counted_gaps(STANDARD)
        'two gaps'
    """
    count = len(ladder.gaps)
    return f"{NUMBERS.get(count, str(count))} gap{'' if count == 1 else 's'}"


def gaps_of_fits(ladder: Ladder) -> str:
    """The gaps that what fits may have left enters: by their number where it is all of them, else by their labels.

    Example:
        >>> from gapkit.ladder import STANDARD
        >>> gaps_of_fits(STANDARD)
        'the two gaps'
    """
    entered = [gap.label for gap in ladder.gaps if gap.name in ladder.shortfalls()]
    if len(entered) == len(ladder.gaps):
        return f"the {counted_gaps(ladder)}"
    return " and ".join(f"the {label}" for label in entered) or "no gap"
