"""``docs/scaling.md``: its text is ``scaling.md.j2``, its numbers those of the benchmarks that it names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

__all__ = ["scaling"]


def scaling(found: dict[str, Any], workers: dict[str, Any] | None, large: dict[str, Any] | None) -> str:
    """The whole page.

    Args:
        found: of ``benchmarks.scaling``.
        workers: of ``benchmarks.workers``.
        large: of ``benchmarks.million``.
    """
    text = Path(__file__).with_name("scaling.md.j2").read_text("utf-8")
    page = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=False).from_string(text)
    simulated = found["simulated"]
    return (
        page.render(
            found=found,
            decoders=list(_decoders(found)),
            simulated=simulated,
            assumed=simulated["assumed"],
            last=simulated["rows"][-1],
            workers=workers,
            large=large,
            hours=_hours,
        ).rstrip()
        + "\n"
    )


def _decoders(found: dict[str, Any]) -> Iterator[dict[str, str]]:
    for name, row in found["decoders"].items():
        values, gradients, columns = (sum(part) for part in zip(*row["work_of_units"], strict=True))
        each = (gradients + 0.5 * (values + columns)) / (found["unit"] * len(row["work_of_units"]))
        predicted, measured = sum(row["predicted"]), sum(row["seconds_of_units"])
        yield {
            "name": name,
            "mflop": f"{row['forward_flops'] / 1e6:.2f}",
            "gflops": f"{row['gflops_of_gradients']:.0f}",
            "gradients": f"{each:,.0f}",
            "predicted": f"{predicted:.1f}",
            "measured": f"{measured:.1f}",
            "ratio": f"{predicted / measured:.2f}",
        }


def _hours(seconds: float) -> str:
    for most, factor, words in ((120, 1, "{:.0f} s"), (7200, 60, "{:.0f} min"), (172_800, 3600, "{:.1f} h")):
        if seconds < most:
            return words.format(seconds / factor)
    return f"{seconds / 86_400:.1f} days"
