"""Parts of an analysis that may fail: the table does not need them, and the reason is kept."""

from collections.abc import Iterator
from contextlib import contextmanager

from gapkit.core.errors import InputError

__all__ = ["left_out", "out_of_memory", "reason"]


def reason(error: Exception) -> str:
    """What went wrong, in a line."""
    if isinstance(error, InputError):
        return f"{error.asked}; found {error.found}; {error.do}"[:500].replace("\n", " ")
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0][:300]}" if words else type(error).__name__


@contextmanager
def left_out(part: str, skipped: dict[str, str]) -> Iterator[None]:
    """Go on where a part cannot be made, and keep the reason under its name."""
    try:
        yield
    except Exception as error:  # any error, also of the user's own code
        skipped[part] = reason(error)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory was too small.

    Example:
        >>> out_of_memory(MemoryError()), out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: ..."))
        (True, True)
        >>> out_of_memory(RuntimeError("shapes do not match"))
        False
    """
    words = str(error).lower()
    known = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in words for word in known)
