"""Which of many cases `make test` runs."""

import pytest


def only(cases, *fast):
    """All cases for pytest; those that are not named here are slow."""
    missing = [case for case in fast if case not in cases]
    assert not missing, missing
    several = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [
        case if case in fast else pytest.param(*values, marks=pytest.mark.slow)
        for case, values in zip(cases, several, strict=True)
    ]
