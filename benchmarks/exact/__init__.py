"""Models whose log p(x) is known exactly, easy and hard ones, for the tests and for ``python -m benchmarks.truth``."""

from collections.abc import Callable
from dataclasses import replace

from benchmarks.exact import counts, curved, linear_gaussian, modes, priors, symmetric, tails
from benchmarks.exact.case import Case

__all__ = ["CASES", "Case", "build"]

CASES: dict[str, Callable[[], Case]] = {
    name: make
    for part in (linear_gaussian, counts, modes, symmetric, priors, curved, tails)
    for name, make in part.CASES.items()
}


def build(name: str) -> Case:
    """Make the case of a name.

    Raises:
        KeyError: there is none of that name.
    """
    return replace(CASES[name](), name=name)
