"""Names of the user's own, such as those of splits, classes and data sets, where room is short."""

__all__ = ["shortened"]


def shortened(name: object, most: int = 24) -> str:
    """The beginning of a name that has more than ``most`` letters.

    Example:
        >>> shortened("test"), shortened("a_very_long_name_of_a_split", 12)
        ('test', 'a_very_long…')
    """
    text = str(name)
    return text if len(text) <= most else f"{text[: most - 1]}…"
