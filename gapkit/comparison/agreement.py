"""What runs must share to be compared, and what the reader must know that they do not share."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gapkit.core.errors import InputError
from gapkit.core.phrases import listed
from gapkit.ladder import Ladder, gaps_of_fits
from gapkit.results import Result

__all__ = ["check_same_data", "share_noise", "unlike"]

_SHOWN = 6


def check_same_data(runs: Mapping[str, Result], splits: Iterable[str]) -> list[str]:
    """Refuse runs of different data, as far as the runs say which data they saw.

    Args:
        runs: by name; all are compared with the first.
        splits: those that are compared.

    Returns:
        Sentences on what could not be checked.

    Raises:
        InputError: the data or their binarisation differ.
    """
    (first, reference), *others = runs.items()
    notes: list[str] = []
    unknown: list[str] = []
    for name, result in others:
        one, other = (r.run.get("data") for r in (reference, result))
        if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
            unknown.append(name)
            continue
        found = list(_differences(first, reference.run, name, result.run, splits))
        if found:
            do = "analyse them on the same data, binarised alike, and with the same seed where values are drawn"
            raise InputError(f"compare {name} with {first}", f"different data: {'; '.join(found)}", do)
        notes += _unproven(first, one, name, other, splits)
    if unknown:
        notes.append(
            f"Nothing says whether {listed([first, *unknown])} saw the same data; datapoints are joined by split and "
            "index."
        )
    return notes


def _differences(
    first: str, one_run: Mapping[str, Any], name: str, other_run: Mapping[str, Any], splits: Iterable[str]
) -> Iterator[str]:
    one, other = one_run["data"], other_run["data"]
    hows = one.get("binarize"), other.get("binarize")
    if None not in hows and hows[0] != hows[1]:
        yield f"binarised by {hows[0]} in {first}, by {hows[1]} in {name}"
    seeds = [run.get("settings", {}).get("seed") for run in (one_run, other_run)]
    if hows == ("sample", "sample") and seeds[0] != seeds[1]:
        yield f"values drawn with seed {seeds[0]} in {first}, with seed {seeds[1]} in {name}"
    same_source = _source(one) == _source(other)
    for split in splits:
        a, b = (data.get("splits", {}).get(split, {}) for data in (one, other))
        hashes = a.get("sha256"), b.get("sha256")
        if None in hashes:
            if not same_source:
                yield f"{split} of {one.get('source')} in {first}, of {other.get('source')} in {name}"
        elif hashes[0] != hashes[1] and not (same_source and a.get("datapoints") != b.get("datapoints")):
            yield (
                f"{split} of {one.get('source')} (sha256 {hashes[0][:8]}) in {first}, of {other.get('source')} "
                f"(sha256 {hashes[1][:8]}) in {name}"
            )


def _unproven(
    first: str, one: Mapping[str, Any], name: str, other: Mapping[str, Any], splits: Iterable[str]
) -> Iterator[str]:
    """A shorter part of a source has another checksum than the whole."""
    for split in splits:
        a, b = (data.get("splits", {}).get(split, {}) for data in (one, other))
        if a.get("sha256") == b.get("sha256"):
            continue
        yield (
            f"The {split} data of {name} and {first} are taken to begin alike, because both are of "
            f"{one.get('source')}: they hold {b.get('datapoints')} and {a.get('datapoints')} datapoints, so that their "
            "checksums cannot tell."
        )


def _source(data: Mapping[str, Any]) -> tuple[Any, Any]:
    return data.get("source"), data.get("key")


def share_noise(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two runs have the same settings, seed included: part of their sampling noise is then the same."""
    a, b = (dict(_flat(run.get("settings") or {})) for run in (one, other))
    return bool(a) and a == b


def unlike(runs: Mapping[str, Result]) -> list[str]:
    """Sentences on what else differs from the first run: settings, families of q*, versions."""
    (first, reference), *others = runs.items()
    notes: list[str] = []
    shared: list[str] = []
    for name, result in others:
        if share_noise(reference.run, result.run):
            shared.append(name)
        notes += _other_settings(first, reference.run, name, result.run)
        notes += _other_family(first, reference.run, name, result.run, reference.ladder)
    if shared:
        notes.insert(
            0,
            f"{listed([first, *shared])} share seed and settings, so that part of the sampling noise may cancel in "
            "the differences; their Monte Carlo errors do not count on it.",
        )
    return notes


def _other_settings(first: str, one: Mapping[str, Any], name: str, other: Mapping[str, Any]) -> Iterator[str]:
    a, b = (dict(_flat(run.get("settings") or {})) for run in (one, other))
    words = [
        f"{key.replace('_', ' ')} ({_said(b, key)} and {_said(a, key)})"
        for key in dict.fromkeys([*a, *b])
        if a.get(key) != b.get(key)
    ]
    more = f", and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    if words and a and b:
        yield f"Settings in which {name} and {first} differ: {', '.join(words[:_SHOWN])}{more}."
    versions = [(run.get("versions") or {}).get("gapkit") for run in (other, one)]
    if None not in versions and versions[0] != versions[1]:
        yield f"{name} was made with gapkit {versions[0]}, {first} with gapkit {versions[1]}."


def _other_family(
    first: str, one: Mapping[str, Any], name: str, other: Mapping[str, Any], ladder: Ladder
) -> Iterator[str]:
    a, b = (str((run.get("families") or {}).get("split") or "") for run in (one, other))
    if a and b and a != b and ladder.fitted:
        yield (
            f"{name} splits the gap in the family {b.replace('_', ' ')}, {first} in {a.replace('_', ' ')}: differences "
            f"of {ladder.fitted.label} and of {gaps_of_fits(ladder)} are those of the families as well."
        )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}: ")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value


def _said(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value is None else str(value)
