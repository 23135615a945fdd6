"""The version of the files that a run leaves: older ones are read, newer ones are refused in words."""

from collections.abc import Mapping
from typing import Any

from gapkit.core.errors import InputError

__all__ = ["FORMAT", "NOTE", "opened", "stamped", "supported"]

# Raised where an older gapkit could no longer read what this one writes. Files without a version are of before 1.
FORMAT = 1
_KEY = "format"
NOTE = "gapkit_format"  # in the metadata of a table


def stamped(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a file holds, with the version of its form first.

    Example:
        >>> stamped({"splits": {}})
        {'format': 1, 'splits': {}}
    """
    return {_KEY: FORMAT, **values}


def opened(values: Any, asked: str) -> Any:
    """What a file holds, without its version; what is no mapping is returned as it is.

    Raises:
        InputError: the file is of a later version, or its version is no number.
    """
    if not isinstance(values, dict):
        return values
    rest = dict(values)
    supported(rest.pop(_KEY, 0), asked)
    return rest


def supported(version: object, asked: str) -> None:
    """Refuse files of a later version.

    Raises:
        InputError: a later version, or no version at all.

    Example:
        >>> supported(0, "run.json")  # of before there were versions
    """
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise InputError(asked, f"a damaged file: version {version!r:.40} of its form", "analyse again")
    if version > FORMAT:
        found = f"a file of version {version}, and this gapkit reads up to version {FORMAT}"
        raise InputError(asked, found, "use the gapkit that wrote it, or a newer one")
