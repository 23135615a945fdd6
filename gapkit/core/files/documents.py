"""JSON that gapkit wrote, and that somebody may have changed since."""

import json
from pathlib import Path
from typing import Any

from gapkit.core.errors import InputError
from gapkit.core.files.place import require_file
from gapkit.core.files.room import in_words

__all__ = ["read_json"]

_LARGEST = 16 * 10**6  # bytes
_DEEPEST = 40  # levels of nesting
_LONGEST_NUMBER = 300  # digits: floats end at 1e308


def read_json(path: Path, asked: str, do: str, largest: int = _LARGEST) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        asked: beginning of the error message.
        do: what to do if it is damaged.
        largest: bytes that it may have.

    Returns:
        Its content; numbers are finite.

    Raises:
        InputError: not there, not readable, too large, no UTF-8, no JSON, numbers that are not finite or have hundreds
            of digits, or nesting deeper than 40 levels.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.json").write_text('{"mean": 1.5}')
        ...     read_json(Path(folder, "a.json"), "read", "write it again")
        {'mean': 1.5}
    """
    require_file(path, asked)
    size = path.stat().st_size
    if size > largest:
        raise InputError(asked, f"a file of {in_words(size)}, more than gapkit writes", do)
    try:
        content = json.loads(
            path.read_bytes().decode("utf-8"), parse_constant=_no_constant, parse_int=_int, parse_float=_float
        )
    except (OSError, ValueError, RecursionError) as err:
        what = "nesting too deep" if isinstance(err, RecursionError) else str(err)[:160]
        raise InputError(asked, f"no valid JSON: {what}", do) from err
    if _depth(content) > _DEEPEST:
        raise InputError(asked, f"nested more than {_DEEPEST} levels deep", do)
    return content


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _int(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {digits[:20]} is too large")
    return value


def _depth(content: object) -> int:
    """Levels of nesting, counted without recursion."""
    depth, level = 0, [content]
    while level:
        depth += 1
        inner: list[object] = []
        for part in level:
            inner += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        level = inner
    return depth
