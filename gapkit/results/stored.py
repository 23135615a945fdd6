"""Stored runs, read with suspicion: each file is checked for what presentation needs before anything is shown."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from gapkit.core.errors import InputError
from gapkit.core.files import Arrays, check_room, on_disk, read_json, read_note, read_parquet, require_file
from gapkit.ladder import Kind, Ladder, encoders, error_of, side_name
from gapkit.results.format import NOTE, opened, supported
from gapkit.results.records import Latents, LatentUse, LocalSteps, Split, Summary, known
from gapkit.results.run_schema import NUMBERS, RUN, WORDS, required, rungs_and_gaps
from gapkit.results.summary_schema import WITH_LADDER, summary_schema
from gapkit.version import __version__

__all__ = ["read_details", "read_run", "read_summary", "read_table"]

_AGAIN = "run the analysis again, or copy its folder again"
_LARGEST_RUN = 2 * 10**6  # bytes: it is shown in whole

# Arrays of the pictures of single datapoints, by what they belong to: kind of numbers, and axes, of which those with
# the same letter have the same length. "*" stands for any further ones.
_DETAILS = {
    "worst": {
        "index": ("iu", "N"),
        "x": ("fiub", "N*"),
        "under_q": ("fiub", "N*"),
        "under_q_star": ("fiub", "N*"),
        "posterior_sample": ("fiub", "N*"),
        "effective": ("f", "N"),
    },
    "typical": {"index": ("iu", "N"), "x": ("fiub", "N*"), "under_q": ("fiub", "N*")},
    "prior": {"x": ("fiub", "M*")},
    "aggregate": {
        "dimensions": ("iu", "K"),
        "q": ("f", "MK"),
        "prior": ("f", "MK"),
        "departure": ("f", "D"),
    },
    "contours": {
        "columns": ("U", "C"),
        "index": ("iu", "R"),
        "effective": ("f", "R"),
        "x": ("f", "RW"),
        "y": ("f", "RH"),
        "log_density": ("f", "RCHW"),
        "inside": ("f", "RC"),
        "points": ("f", "RP2"),
        "plane": ("f", "R3D"),
    },
    "convergence": {
        "index": ("iu", "N"),
        "temperatures": ("iu", "T"),
        "ais_lower": ("f", "NT"),
        "ais_lower_se": ("f", "NT"),
        "ais_upper": ("f", "NT"),
        "ais_upper_se": ("f", "NT"),
        "steps": ("iu", "S"),
        "fit_left": ("f", "NS"),
        "fit_left_se": ("f", "NS"),
    },
    "simulated": {
        "lower": ("f", "N"),
        "lower_se": ("f", "N"),
        "upper": ("f", "N"),
        "upper_se": ("f", "N"),
        "acceptance_forward": ("f", "N"),
        "acceptance_backward": ("f", "N"),
    },
}
_WHOLE = ("worst", "typical", "aggregate", "contours", "simulated")  # all of their arrays, or none
_LATER = ("worst_effective",)  # but for these, which earlier versions did not keep


def read_summary(path: Path, asked: str) -> Summary:
    """Read what ``summary.json`` holds.

    Raises:
        InputError: no such file, no JSON, or not what a summary holds.
    """
    asked = f"{asked}, {path.name}"
    stored: dict[str, Any] = opened(read_json(path, asked, _AGAIN), asked)
    _check(stored, summary_schema(_ladder(stored, asked)), asked)
    try:
        summary = Summary.of(stored)
    except TypeError as error:
        raise InputError(asked, f"not what a summary holds: {error}", _AGAIN) from error
    for split, part in summary.splits.items():
        for fault in (*_faults(part, summary.ladder), *_use_faults(part)):
            raise InputError(asked, f"split {split}: {fault}", _AGAIN)
    curve = summary.semi_amortized
    if isinstance(curve, LocalSteps) and curve.split not in summary.splits:
        raise InputError(asked, f"local steps of the unknown split {curve.split}", _AGAIN)
    return summary


def read_run(path: Path, asked: str) -> dict[str, Any]:
    """Read what ``run.json`` holds.

    Raises:
        InputError: no such file, no JSON, not the facts of a run, or those of a later version.
    """
    asked = f"{asked}, {path.name}"
    run: dict[str, Any] = opened(read_json(path, asked, _AGAIN, largest=_LARGEST_RUN), asked)
    _check(run, RUN, asked)
    made = (run.get("versions") or {}).get("gapkit")
    if made is not None:
        number, own = re.match(r"(\d{1,9})\.", made), int(__version__.split(".")[0])
        if number is None or int(number[1]) > own:
            found = f"a run of gapkit {made!r:.40}, and this is {__version__}"
            raise InputError(asked, found, "use the gapkit that made the run, or a newer one")
    return run


def read_table(path: Path, asked: str, summary: Summary) -> pd.DataFrame:
    """Read the table of datapoints.

    Args:
        path: the file.
        asked: beginning of the error message.
        summary: of the same run, whose splits the table must have.

    Raises:
        InputError: no such file, damaged, columns missing or of another type, or rows of other splits.
    """
    asked = f"{asked}, {path.name}"
    require_file(path, asked)
    version = read_note(path, asked, NOTE)
    supported(int(version) if version.isascii() and version.isdigit() else version or 0, asked)
    expected = {split: part.datapoints for split, part in summary.splits.items()}
    table = read_parquet(path, asked, limit=sum(expected.values()) + 1)
    for fault in _table_faults(table, expected, summary.ladder):
        raise InputError(asked, f"a table that {fault}", _AGAIN)
    return table


def read_details(path: Path, asked: str) -> dict[str, np.ndarray]:
    """Read the arrays of pictures; none where there is no such file.

    Raises:
        InputError: damaged, or arrays that do not belong together.
    """
    if not os.path.lexists(path):
        return {}
    asked = f"{asked}, {path.name}"
    require_file(path, asked)
    with Arrays(path, asked) as stored:
        check_room(on_disk(path), asked, stored.declared, None, f"{len(stored):,} arrays")
        arrays = {name: stored[name] for name in stored}
    for group, members in _DETAILS.items():
        for fault in _array_faults(group, members, arrays):
            raise InputError(asked, fault, _AGAIN)
    return arrays


def _ladder(summary: Any, asked: str) -> Ladder:
    """The ladder that a summary holds, or the usual one.

    Raises:
        InputError: damaged.
    """
    _check(summary, WITH_LADDER, asked)
    try:
        return Ladder.of(summary.get("ladder") or {})
    except InputError as error:
        raise InputError(asked, f"at ladder: {error.found}", _AGAIN) from error


def _check(content: Any, schema: Mapping[str, Any], asked: str) -> None:
    """Name the first fault by its place."""
    fault = best_match(Draft202012Validator(schema).iter_errors(content))
    if fault is not None:
        place = ".".join(map(str, fault.absolute_path)) or "the top"
        raise InputError(asked, f"at {place:.120}: {fault.message[-160:]}", _AGAIN)


def _faults(split: Split, ladder: Ladder) -> Iterator[str]:
    """What a schema cannot say: lists that must be as long as each other, and encoders' three quantities."""
    kinds: tuple[Kind, ...] = ("encoder", "left")
    for name in encoders(split.quantities):
        missing = [kind for kind in kinds if side_name(kind, name, ladder) not in split.quantities]
        if missing:
            wanted, there = (side_name(kind, f"{name:.60}", ladder) for kind in (missing[0], "gain"))
            yield f"no {wanted} beside {there}"
    latents = known(split.latents)
    if latents:
        divergence = latents.kl_per_dimension
        lists = (latents.active, *((divergence.mean, divergence.se_datapoints) if divergence else ()))
        for values in lists:
            if values is not None and len(values) != latents.dimensions:
                yield f"latents: {len(values)} values for {latents.dimensions} dimensions"
        limits = (latents.mixture_datapoints, latents.log_mixture_datapoints, latents.at_limit)
        if latents.mutual_information and None in limits:
            yield "latents: mutual information without its limit"


def _use_faults(split: Split) -> Iterator[str]:
    """Values of q and q* are of as many dimensions as they say, and tell together whether one is used."""
    found: dict[str, Latents | LatentUse | None] = {
        "latents": known(split.latents),
        "latents_star": known(split.latents_star),
    }
    for name, use in found.items():
        if use is None:
            continue
        lists = [values for values in (use.spread, use.used) if values is not None]
        if any(len(values) != use.dimensions for values in lists):
            yield f"{name}: lists of another length than its {use.dimensions} dimensions"
        if len(lists) == 1 or (use.used_units is not None and sum(use.used or ()) != use.used_units):
            yield f"{name}: it does not say which dimensions are used"


def _table_faults(table: pd.DataFrame, expected: Mapping[str, int], ladder: Ladder) -> Iterator[str]:
    names = [str(name) for name in table.columns]
    if len(set(names)) < len(names):
        yield f"has the column {next(name for name in names if names.count(name) > 1)} twice"
    missing = [name for name in required(ladder) if name not in table]
    if missing:
        yield f"has no column {', '.join(missing)}"
    numbers = (*NUMBERS, *rungs_and_gaps(ladder))
    for name in names:
        kind = pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name])
        if (name in numbers or error_of(name) in names or name.endswith("_se")) and not kind:
            yield f"has text or other things than numbers in the column {name}"
        if name in WORDS and not table[name].map(lambda value: isinstance(value, str)).all():
            yield f"has other things than words in the column {name}"
    if not pd.api.types.is_integer_dtype(table["index"]):
        yield "has other things than whole numbers in the column index"
    found = {str(split): len(rows) for split, rows in table.groupby("split", sort=False)}
    if found != dict(expected):
        shown = [", ".join(f"{rows} of {split:.40}" for split, rows in each.items()) for each in (found, expected)]
        yield f"has {shown[0] or 'no rows'}, and the summary is of {shown[1]}"
    if table.duplicated(["split", "index"]).any():
        yield "has a datapoint more than once"


def _array_faults(
    group: str, members: Mapping[str, tuple[str, str]], arrays: Mapping[str, np.ndarray]
) -> Iterator[str]:
    there = {name: arrays[f"{group}_{name}"] for name in members if f"{group}_{name}" in arrays}
    missing = [name for name in members if name not in there and f"{group}_{name}" not in _LATER]
    if there and group in _WHOLE and missing:
        yield f"no array {group}_{missing[0]}"
    lengths = {str(digit): digit for digit in range(10)}
    for name, array in there.items():
        kinds, axes = members[name]
        fixed = axes.removesuffix("*")
        fits = array.ndim == len(fixed) or (array.ndim > len(fixed) and axes != fixed)
        if array.dtype.kind not in kinds or not fits:
            yield f"{group}_{name} has type {array.dtype} and shape {array.shape}"
        for axis, length in zip(fixed, array.shape, strict=False):
            if lengths.setdefault(axis, length) != length:
                yield f"{group}_{name} has shape {array.shape}, which does not fit the others"
