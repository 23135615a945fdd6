"""The options of the benchmarks that measure a trained model part by part."""

import argparse
from collections.abc import Sequence
from pathlib import Path

__all__ = ["parser"]


def parser(name: str, about: str | None, parts: Sequence[str]) -> argparse.ArgumentParser:
    """A parser with ``--json``, ``--model``, ``--data`` and ``--parts``; the caller adds its own options.

    Args:
        name: of the benchmark's file.
        about: its docstring.
        parts: what can be measured by itself.
    """
    options = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=about)
    options.add_argument("--json", type=Path, required=True, help="file to write")
    options.add_argument("--model", type=Path, help="a trained model; without it one is trained beside the JSON file")
    options.add_argument("--data", default="mnist", help="mnist, or an .npz file with x_train and x_test")
    options.add_argument(
        "--parts", nargs="+", choices=parts, default=parts, help="what to measure; the rest of the file is kept"
    )
    return options
