"""Errors and warnings that a user can act on.

Every refusal says three things: what was asked, what was found, what to do. The command line turns an
:class:`InputError` into exit code 2 without a traceback; notebooks see an ordinary ``ValueError``.

Names and texts in them may come from files that nobody has looked at, so they are shown, never obeyed: control
characters (a terminal would act on them) as escapes, and no more of a long text than can be read.
"""

import re

__all__ = ["GapkitWarning", "InputError", "printable", "shortened"]

_LONGEST_ASKED, _LONGEST = 600, 2000
# Control characters, lone surrogates, and the marks that turn the direction of writing around.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Text with its control characters as escapes, so that no terminal acts on them; tabs and line ends stay.

    Example:
        >>> print(printable("run\x1b[2J"))
        run\x1b[2J
    """
    return _HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)


def shortened(text: str, longest: int = 200) -> str:
    """Beginning and end of a long text, with how much was left out between them.

    Example:
        >>> shortened("a" * 1000 + "z", longest=50)
        'aaaaaaaaaaaaaaa[... 983 characters ...]aaz'
    """
    if len(text) <= longest:
        return text
    end = max(0, longest - 32) // 5
    start = max(0, longest - 32 - end)
    return f"{text[:start]}[... {len(text) - start - end} characters ...]{text[len(text) - end :]}"


class InputError(ValueError):
    """Bad input, explained: ``asked`` for, ``found`` instead, what to ``do``.

    Args:
        asked: what the user or the calling code asked for.
        found: what was there instead.
        do: the next step that mends it.

    Example:
        >>> print(InputError("read model.pt", "no such file", "check the path"))
        asked: read model.pt
        found: no such file
        to do: check the path
    """

    def __init__(self, asked: str, found: str, do: str) -> None:
        asked = shortened(printable(asked).replace("\n", r"\n"), _LONGEST_ASKED)
        found, do = (shortened(printable(part), _LONGEST) for part in (found, do))
        super().__init__(f"asked: {asked}\nfound: {found}\nto do: {do}")
        self.asked, self.found, self.do = asked, found, do

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.asked, self.found, self.do)


class GapkitWarning(UserWarning):
    """Something is legal but probably not what the user wants; the text says why and what to do."""

    def __init__(self, text: object = "") -> None:
        super().__init__(shortened(printable(str(text)), _LONGEST))
