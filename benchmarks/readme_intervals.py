"""The section of ``benchmarks/README.md`` on intervals of a mean."""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.interval_methods import CHOSEN

__all__ = ["intervals"]

# Kind of data: from which n on, and the least coverage aimed for there.
_TARGETS = {
    "normal": (25, 0.92),
    "exponential": (25, 0.92),
    "log-normal, sigma 1": (25, 0.88),
    "9 in 10 zero, else exponential": (100, 0.88),
}
_LOW, _MEDIAN, _Q95 = 0.88, 1.5, 4.0
_SMALLEST, _FROM = 10, 25


def intervals(found: Mapping[str, Any]) -> str:
    """Tables of coverage and length: of gapkit's method, of all methods, and where no method covers."""
    arguments, cells = found["arguments"], found["cells"]
    repeats = arguments["repeats"]
    error = (0.05 * 0.95 / repeats) ** 0.5
    lines = [
        "## Intervals of a mean",
        "",
        "`python -m benchmarks.intervals`",
        "",
        f"95% intervals of the mean of n independent values, {repeats:,} samples for each line (standard error of a "
        f"coverage of 95%: {error:.1%}), the same samples for all methods. Lengths are over that of the interval from "
        "the true spread, 2 x 1.96 sigma / sqrt(n). Aimed for: coverage of 92% from n = 25 on for normal and "
        "exponential values, of 88% from n = 25 on for log-normal ones and from n = 100 on where 9 in 10 are zero; "
        "median length of at most 1.5, 95th percentile of at most 4. Gaps: 9 in 10 are gamma distributed (shape 2, "
        "mean 1), 1 in 10 log-normal (sigma 0.8, mean 7), which hold 44% of the mean. Paired differences: y (a - 0.8 "
        "b), where log y is normal with sigma 1, log a and log b with sigma 0.3. The table took "
        f"{found['seconds']:.0f} s on one core.",
        "",
        f"gapkit's method: {CHOSEN.removesuffix(' (gapkit)')}. Where all values of a sample are equal the interval is "
        "a point, which counts as missed.",
        "",
        "| values | n | coverage | mean above | mean below | median length | 95th percentile | longest | all equal |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for cell in cells:
        one = cell["methods"][CHOSEN]
        lines.append(
            f"| {cell['kind']} | {cell['size']} | {_coverage(one):.1%} | {one['below']:.1%} | {one['above']:.1%} | "
            f"{one['median']:.2f} | {one['q95']:.2f} | {one['longest']:.1f} | {cell['all_equal']:.1%} |"
        )
    return "\n".join([*lines, "", *_methods(cells, arguments), "", *_out_of_reach(cells), ""])


def _coverage(one: Mapping[str, float]) -> float:
    return 1.0 - one["below"] - one["above"]


def _keeps_length(one: Mapping[str, float]) -> bool:
    return one["median"] <= _MEDIAN and one["q95"] <= _Q95


def _methods(cells: list[Mapping[str, Any]], arguments: Mapping[str, Any]) -> list[str]:
    kinds = list(dict.fromkeys(cell["kind"] for cell in cells))
    at = {(cell["kind"], cell["size"]): cell["methods"] for cell in cells}
    large = [cell for cell in cells if cell["size"] >= _FROM]
    lines = [
        "All methods. Coverage is the lowest of all n from the one in brackets on; lengths are the largest over all "
        f"values and n from {_FROM} on. Methods that resample: the first {arguments['bootstrap_repeats']:,} samples, "
        f"{arguments['resamples']:,} resamples each.",
        "",
        f"| method | {' | '.join(f'{kind} ({_TARGETS.get(kind, (_FROM,))[0]})' for kind in kinds)} | "
        "median length | 95th percentile | longest | targets |",
        f"|---|{'---|' * len(kinds)}---|---|---|---|",
    ]
    for name in cells[0]["methods"]:
        lowest = [
            min(_coverage(at[key][name]) for key in at if key[0] == kind and key[1] >= _TARGETS.get(kind, (_FROM,))[0])
            for kind in kinds
        ]
        reached = all(value >= _TARGETS[kind][1] for kind, value in zip(kinds, lowest, strict=True) if kind in _TARGETS)
        kept = all(_keeps_length(cell["methods"][name]) for cell in large)
        missed = " and ".join(word for word, is_met in (("coverage", reached), ("length", kept)) if not is_met)
        lines.append(
            f"| {name} | {' | '.join(f'{value:.1%}' for value in lowest)} | "
            + " | ".join(_length(_largest(large, name, key)) for key in ("median", "q95", "longest"))
            + f" | {f'misses {missed}' if missed else 'met'} |"
        )
    lines += ["", f"Coverage and, in brackets, median length at n = {_SMALLEST}:", ""]
    lines += [f"| method | {' | '.join(kinds)} |", f"|---|{'---|' * len(kinds)}"]
    for name in cells[0]["methods"]:
        shown = (at[kind, _SMALLEST][name] for kind in kinds)
        written = (f"{_coverage(one):.1%} ({_length(one['median'])})" for one in shown)
        lines.append(f"| {name} | {' | '.join(written)} |")
    return lines


def _largest(cells: list[Mapping[str, Any]], name: str, key: str) -> float:
    return max(cell["methods"][name][key] for cell in cells)


def _length(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _out_of_reach(cells: list[Mapping[str, Any]]) -> list[str]:
    """Where gapkit's method covers less than 88%: the best that others reach, within the lengths and without them."""
    low = [cell for cell in cells if _coverage(cell["methods"][CHOSEN]) < _LOW]
    lines = [
        f"Where gapkit's method covers less than {_LOW:.0%}, and the method that covers most there, of those whose "
        "lengths there are within the targets, and of all:",
        "",
        "| values | n | gapkit | best within the lengths | best of all | its median length | 95th percentile |",
        "|---|---|---|---|---|---|---|",
    ]
    for cell in low:
        within, best = _best(cell, _keeps_length), _best(cell, lambda one: True)
        one = cell["methods"][best]
        lines.append(
            f"| {cell['kind']} | {cell['size']} | {_coverage(cell['methods'][CHOSEN]):.1%} | {_named(cell, within)} | "
            f"{_named(cell, best)} | {_length(one['median'])} | {_length(one['q95'])} |"
        )
    return lines


def _best(cell: Mapping[str, Any], allowed: Callable[[Mapping[str, float]], bool]) -> str:
    methods = cell["methods"]
    return max((name for name in methods if allowed(methods[name])), key=lambda name: _coverage(methods[name]))


def _named(cell: Mapping[str, Any], name: str) -> str:
    return f"{name}: {_coverage(cell['methods'][name]):.1%}"
