"""The names and numbers that go to a tracker, from a result: the same for every tracker, and stable."""

import math
import re
from collections.abc import Iterator, Mapping
from numbers import Real
from typing import Any

from gapkit.core.errors import InputError
from gapkit.core.means import Mean, Uncertain
from gapkit.results.records import Summary

__all__ = ["PREFIX", "metrics", "parameters", "part"]

PREFIX = "gapkit"

# What of a run says how its numbers came about; seconds and counts of work are not parameters.
_PARAMETERS = (
    "checkpoint",
    "data",
    "model",
    "likelihood",
    "encoders",
    "families",
    "settings",
    "device",
    "versions",
)
_NOT_NAMES = re.compile(r"[^A-Za-z0-9_.-]")


def part(text: object) -> str:
    """Write one part of a name in characters that every tracker takes; others become their code points.

    Example:
        >>> part("test"), part("hold out"), part(".."), part("<b>")
        ('test', 'hold_x20_out', '_x2e__x2e_', '_x3c_b_x3e_')
    """
    characters = str(text)
    if not characters.strip("."):  # "." and ".." are folders to some, and nothing is a name to none
        return "".join(_code(character) for character in characters) or "_"
    return _NOT_NAMES.sub(lambda found: _code(found[0]), characters)


def _code(character: str) -> str:
    return f"_x{ord(character):x}_"


def metrics(summary: Summary, prefix: str = PREFIX) -> dict[str, float]:
    """Flatten a summary into numbers by name.

    ``PREFIX/SPLIT/QUANTITY`` is a mean in nats; the same name with ``_se_monte_carlo``, ``_se_datapoints``,
    ``_ci95_low`` and ``_ci95_high`` its errors and interval (``_min`` and ``_max``, the range, where there are too few
    datapoints for an interval), with ``_count`` the number of datapoints it is over.
    ``PREFIX/SPLIT/datapoints`` and ``PREFIX/SPLIT/status/WORD`` count datapoints, and
    ``PREFIX/generalisation/ONE_minus_OTHER`` is the difference of two splits' amortization gaps. What is unknown or
    not finite has no entry.

    Args:
        summary: of a result.
        prefix: first part of every name.

    Returns:
        Finite numbers, at full precision.

    Raises:
        InputError: two numbers would have one name.

    Example:
        >>> elbo = {"mean": -90.5, "se_datapoints": 0.5, "ci95": [-91.0, -90.0], "count": 3, "left_out": 0}
        >>> test = {"quantities": {"elbo": elbo}, "datapoints": 3, "status": {"ok": 3}, "other_start": 0}
        >>> for name, value in metrics(Summary.of({"splits": {"test": test}})).items():
        ...     print(name, value)
        gapkit/test/elbo -90.5
        gapkit/test/elbo_se_datapoints 0.5
        gapkit/test/elbo_ci95_low -91.0
        gapkit/test/elbo_ci95_high -90.0
        gapkit/test/elbo_count 3
        gapkit/test/datapoints 3
        gapkit/test/status/ok 3
    """
    found: dict[str, float] = {}
    for name, value in _entries(summary, prefix):
        if not isinstance(value, Real) or not math.isfinite(value):
            continue
        if name in found:
            do = "give splits and further encoders names that differ by more than an ending"
            raise InputError(f"one name for every number, {name}", "two numbers of that name", do)
        found[name] = value if isinstance(value, int) else float(value)
    return found


def _entries(summary: Summary, prefix: str) -> Iterator[tuple[str, float | None]]:
    for split, values in summary.splits.items():
        place = f"{prefix}/{part(split)}"
        for quantity, mean in values.quantities.items():
            yield from _quantity(f"{place}/{part(quantity)}", mean)
        yield f"{place}/datapoints", values.datapoints
        for word, count in values.status.items():
            yield f"{place}/status/{part(word)}", count
    for between, difference in summary.generalisation.items():
        yield from _quantity(f"{prefix}/generalisation/{part(between.replace(' minus ', '_minus_'))}", difference)


def _quantity(name: str, values: Uncertain) -> Iterator[tuple[str, float | None]]:
    low, high = values.ci95 or (None, None)
    least, most = (None, None) if values.ci95 else values.extent or (None, None)
    yield name, values.mean
    yield f"{name}_se_monte_carlo", values.se_monte_carlo
    yield f"{name}_se_datapoints", values.se_datapoints
    yield f"{name}_ci95_low", low
    yield f"{name}_ci95_high", high
    yield f"{name}_min", least
    yield f"{name}_max", most
    if isinstance(values, Mean):
        yield f"{name}_count", values.count


def parameters(run: Mapping[str, Any], prefix: str = PREFIX) -> dict[str, str | int | float]:
    """Flatten what a run knows of its settings, checkpoint, data and families; what is not set has no entry.

    Args:
        run: the ``run`` of a result.
        prefix: first part of every name.

    Returns:
        Values by names such as ``gapkit/settings/seed`` and ``gapkit/checkpoint/sha256``.

    Example:
        >>> parameters({"settings": {"seed": 3, "families": ("flow", "mixture")}, "seconds": {"total": 9.0}})
        {'gapkit/settings/seed': 3, 'gapkit/settings/families': 'flow, mixture'}
    """
    chosen = {name: run[name] for name in _PARAMETERS if name in run}
    return dict(_leaves(chosen, prefix))


def _leaves(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str | int | float]]:
    for key, value in values.items():
        name = f"{prefix}/{part(key)}"
        if isinstance(value, Mapping):
            yield from _leaves(value, name)
        elif isinstance(value, list | tuple):
            if value:
                yield name, ", ".join(str(item) for item in value)
        elif isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
            yield name, value
        elif value is not None and not isinstance(value, float):
            yield name, str(value)
