"""What the benchmarks write into their JSON files, and what they say meanwhile."""

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gapkit import __version__

__all__ = ["machine", "number", "timed", "told"]


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Do some work and print how long it took."""
    start = time.perf_counter()
    out = work()
    print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)
    return out


def told(arguments: argparse.Namespace) -> dict[str, str]:
    """The arguments without the places that files lie in."""
    values = {name: value for name, value in vars(arguments).items() if name not in ("json", "model")}
    return {name: Path(str(value)).name for name, value in values.items()}


def machine() -> dict[str, Any]:
    """Versions and what bears on speed."""
    return {
        "gapkit": __version__,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
    }


def number(value: Any) -> str:
    """A value in a table: three significant digits or two decimals."""
    if isinstance(value, list):
        return ", ".join(number(item) for item in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"
