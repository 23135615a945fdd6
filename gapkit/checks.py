"""Errors and warnings that a user can act on.

Every refusal says three things: what was asked, what was found, what to do. The command line turns an
:class:`InputError` into exit code 2 without a traceback; notebooks see an ordinary ``ValueError``.
"""

__all__ = ["GapkitWarning", "InputError"]


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
        super().__init__(f"asked: {asked}\nfound: {found}\nto do: {do}")
        self.asked, self.found, self.do = asked, found, do

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.asked, self.found, self.do)


class GapkitWarning(UserWarning):
    """Something is legal but probably not what the user wants; the text says why and what to do."""
