"""``python -m benchmarks.same_tables make FOLDER``: what the commands write, to hold a change of structure against.

A change of structure is no change of numbers: for the same seed and settings every table is the same to the last bit.
``make`` trains a model of digits and one of MNIST (or takes those of ``--given``, another folder that it made) and runs
the commands on them; ``same ONE OTHER`` compares two such folders, table by table and number by number, and names the
first differences; it ends with code 1 where there are any.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gapkit.cli import main as command

# Facts of a run that differ between two runs of the same thing.
_OWN = {
    "started",
    "seconds",
    "versions",
    "decoder_evaluations",
    "threads",
    "command",
    "source",
    "format",
    "seconds_per_gradient",
}
_LIMIT = 60
_SHOWN = 20
_SMALL = ("--hidden", 32, "--latent", 4, "--checkpoint-every", 3)


def main() -> None:
    """Make or compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.same_tables", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    make = actions.add_parser("make")
    make.add_argument("folder", type=Path)
    make.add_argument("--given", type=Path, help="a folder that was made before, for its models")
    make.add_argument("--mnist", default="mnist", help="name or file of MNIST")
    same = actions.add_parser("same")
    same.add_argument("one", type=Path)
    same.add_argument("other", type=Path)
    arguments = parser.parse_args()
    if arguments.action == "make":
        made(arguments.folder.resolve(), (arguments.given or arguments.folder).resolve(), arguments.mnist)
        return
    found = list(differences(arguments.one, arguments.other))
    print("\n".join(found[:_SHOWN]) or "all tables and summaries are the same to the last bit")
    if len(found) > _SHOWN:
        print(f"and {len(found) - _SHOWN} more")
    sys.exit(bool(found))


def made(folder: Path, given: Path, mnist: str) -> None:
    """Train, where the models are not given, and run every command."""
    folder.mkdir(parents=True, exist_ok=True)
    digits, images = given / "digits" / "model.pt", given / "images" / "model.pt"
    if not digits.exists():
        _run("train", "--data", "digits", "--out", given / "digits", "--epochs", 6, *_SMALL)
    if not images.exists():
        _run("train", "--data", mnist, "--out", given / "images", "--epochs", 1, "--hidden", 100, "--latent", 10)
    runs = folder / "runs"
    brief = ("--effort", "quick", "--format", "none")
    few = (*brief, "--limit", _LIMIT)
    _run("demo", "--out", runs / "demo")
    _run("analyze", images, *few, "--family", "mean_field", "--family", "flow", "--out", runs / "families")
    _run("analyze", digits, *few, "--split", "test", "--split", "train", "--out", runs / "splits")
    _run("analyze", digits, "--effort", "standard", "--limit", 20, "--semi-amortized", 6, "--out", runs / "standard")
    _run("refit", digits, "--data", "digits", "--epochs", 2, "--out", runs / "refit")
    further = ("--encoder", f"refit={runs / 'refit' / 'model.pt'}")
    _run("analyze", digits, *few, *further, "--out", runs / "encoders")
    series = [path for path in sorted(digits.parent.rglob("*.pt")) if path != digits]
    _run("analyze", *series, *few, "--out", runs / "series")
    _run("score", digits, "--data", "digits", "--limit", 30, "--effort", "quick", "--out", runs / "score")
    _run("compare", runs / "splits", runs / "encoders", "--out", runs / "compare")


def _run(*words: object) -> None:
    sys.argv = ["gapkit", *map(str, words)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            code = command()
        except SystemExit as stop:
            code = stop.code
    if code:
        raise SystemExit(f"{' '.join(sys.argv)} ended with code {code}")


def differences(one: Path, other: Path) -> Iterator[str]:
    """Every table, array and number that is not the same in two folders, in words."""
    readers: Mapping[str, Callable[[Path], Any]] = {
        ".parquet": pd.read_parquet,
        ".csv": pd.read_csv,
        ".json": lambda path: json.loads(path.read_text("utf-8")),
        ".npz": lambda path: dict(np.load(path)),
    }
    files = {
        path.relative_to(root).as_posix()
        for root in (one, other)
        for path in (root / "runs").rglob("*")
        if path.suffix in readers and "units" not in path.parts  # which is what a run keeps on the way
    }
    if not files:
        yield f"no results in {one} or {other}"
    for name in sorted(files):
        if not (one / name).exists() or not (other / name).exists():
            yield f"{name} is in one folder alone"
            continue
        read = readers[Path(name).suffix]
        yield from (f"{name} {place}" for place in _apart(read(one / name), read(other / name), ""))


def _apart(one: Any, other: Any, place: str) -> Iterator[str]:
    if isinstance(one, pd.DataFrame):
        if list(one) != list(other):
            yield f"{place}: other columns {sorted({*one} ^ {*other}) or 'in another order'}"
        for column in one:
            if column in other:
                yield from _apart(one[column].to_numpy(), other[column].to_numpy(), f"{place}/{column}")
    elif isinstance(one, np.ndarray):
        if one.shape != other.shape or one.dtype != other.dtype:
            yield f"{place}: {one.dtype}{list(one.shape)} against {other.dtype}{list(other.shape)}"
        elif not (one == other).all() and not _same_bits(one, other):
            yield f"{place}: not the same"
    elif isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in [*one, *(key for key in other if key not in one)]:
            if key in _OWN:
                continue
            if key not in one or key not in other:
                yield f"{place}/{key} is in one alone"
            else:
                yield from _apart(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, Sequence) and not isinstance(one, str) and isinstance(other, Sequence):
        if len(one) != len(other):
            yield f"{place}: {len(one)} entries against {len(other)}"
        for number, (a, b) in enumerate(zip(one, other, strict=False)):
            yield from _apart(a, b, f"{place}/{number}")
    elif one != other and not (one != one and other != other):
        yield f"{place}: {one!r} against {other!r}"


def _same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype.kind in "fc":
        return bool(((one == other) | (np.isnan(one) & np.isnan(other))).all())
    return bool((pd.Series(one).fillna("") == pd.Series(other).fillna("")).all())


if __name__ == "__main__":
    main()
