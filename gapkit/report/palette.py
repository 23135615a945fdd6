"""The colours of the pictures on a dark page: neutral ones are turned round, those with a meaning keep their hue."""

import re

__all__ = ["dark_variant", "themed"]

# The neutral colours that the page has a name for; see style.css.
_NAMED = {"#000000": "ink", "#222222": "ink", "#767676": "soft", "#b0b0b0": "guide", "#ffffff": "paper"}
_DARK_PAPER = (21, 23, 26)
_CONTRAST = 4.5  # of small text, WCAG 2.1 level AA
_COLOUR = re.compile(r"\b(fill|stroke|stop-color): (#[0-9a-f]{6})\b")


def themed(svg: str) -> tuple[str, dict[str, str]]:
    """Replace the colours of a picture by variables.

    Args:
        svg: a picture; its colours are in ``style`` attributes.

    Returns:
        The picture, and for each further colour, which the page has no name for, its variant on a dark page.

    Example:
        >>> themed('<path style="fill: #ffffff; stroke: #0072b2"/>')
        ('<path style="fill: var(--paper); stroke: var(--c-0072b2, #0072b2)"/>', {'#0072b2': '#2687be'})
    """
    further: dict[str, str] = {}

    def variable(found: re.Match[str]) -> str:
        name, colour = found[1], found[2]
        if colour in _NAMED:
            return f"{name}: var(--{_NAMED[colour]})"
        further[colour] = dark_variant(colour)
        return f"{name}: var(--c-{colour[1:]}, {colour})"

    return _COLOUR.sub(variable, svg), further


def dark_variant(colour: str) -> str:
    """The same colour for a dark page: a grey turned round, another colour as much lighter as it must be.

    Example:
        >>> dark_variant("#e6e6e6"), dark_variant("#e69f00")
        ('#292b2e', '#e69f00')
    """
    parts = tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))
    if max(parts) - min(parts) <= 8:
        share = 1 - sum(parts) / 765
        return _hex(tuple(paper + share * (228 - paper) for paper in _DARK_PAPER))
    white = 0.0
    while _contrast(_mixed(parts, white)) < _CONTRAST:
        white += 0.01
    return _hex(_mixed(parts, white))


def _mixed(parts: tuple[float, ...], white: float) -> tuple[float, ...]:
    return tuple(part + white * (255 - part) for part in parts)


def _hex(parts: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in parts)


def _contrast(parts: tuple[float, ...]) -> float:
    return (_luminance(parts) + 0.05) / (_luminance(_DARK_PAPER) + 0.05)


def _luminance(parts: tuple[float, ...]) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    linear = [(p / 255) / 12.92 if p / 255 <= 0.04045 else ((p / 255 + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
