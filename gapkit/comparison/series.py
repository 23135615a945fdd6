"""Checkpoints of one training: which runs are such a series, and where in the training each one stands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gapkit.core.records import Record
from gapkit.results import Result

__all__ = ["Series", "find_series", "natural", "numbers_of"]

_AXES = ("epoch", "step", "number")
_IN_NAMES = {
    "epoch": r"(?:epochs?|(?<![a-z])ep)[^0-9a-z]{0,2}(\d+)",
    "step": r"(?<![a-z])(?:global_?)?(?:steps?|iter(?:ation)?s?)[^0-9a-z]{0,2}(\d+)",
}
_OF_A_TRAINING = re.compile(r"epoch|(?<![a-z])(?:ep(?![a-z])|step|iter|checkpoint|ckpt)")


@dataclass(frozen=True)
class Series(Record):
    """Runs of one training.

    Attributes:
        axis: what the numbers count: ``epoch``, ``step`` or ``number`` (of the file's name).
        numbers: where each run stands, by its name, ascending.
        told_by: what says that the training is one and the same.
    """

    axis: str
    numbers: Mapping[str, int]
    told_by: str


def natural(text: str) -> list[tuple[int, int, str]]:
    """Key of the order in which people count: epoch-9 before epoch-10.

    Example:
        >>> sorted(["epoch-10", "epoch-9"], key=natural)
        ['epoch-9', 'epoch-10']
    """
    parts = re.split(r"(\d+)", text)
    return [(0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part) for part in parts if part]


def numbers_of(run: Mapping[str, Any]) -> dict[str, int]:
    """How far the training of a run's checkpoint was: by what the checkpoint says, else by its file name.

    Example:
        >>> numbers_of({"checkpoint": {"name": "epoch=9-step=1000.ckpt"}})
        {'epoch': 9, 'step': 1000}
        >>> numbers_of({"checkpoint": {"name": "epoch-0004.pt", "epoch": 5}}), numbers_of({})
        ({'epoch': 5}, {})
    """
    checkpoint = _checkpoint(run)
    told = {axis: checkpoint[axis] for axis in ("epoch", "step") if _whole(checkpoint.get(axis))}
    stem = _stem(checkpoint)
    named = {axis: re.search(pattern, stem) for axis, pattern in _IN_NAMES.items()}
    found = {axis: int(match[1]) for axis, match in named.items() if match} | told
    last = re.findall(r"\d+", stem)
    return found or ({"number": int(last[-1])} if last else {})


def find_series(runs: Mapping[str, Result]) -> Series | None:
    """The series that the runs are, or None: not of one training, or not of different times in it.

    Checkpoints of ``gapkit train`` carry a digest of their training's configuration. Others are taken for one training
    if the models were built alike and the files are named alike but for the numbers, by epochs, steps or checkpoints.
    """
    checkpoints = [_checkpoint(result.run) for result in runs.values()]
    trainings = {checkpoint.get("training") for checkpoint in checkpoints}
    stems = [_stem(checkpoint) for checkpoint in checkpoints]
    alike = {(re.sub(r"\d+", "", _stem(point)), str(point.get("description"))) for point in checkpoints}
    if len(runs) < 2 or len(trainings) > 1:
        return None
    by_digest = trainings != {None}
    if not by_digest and (len(alike) > 1 or not _OF_A_TRAINING.search(stems[0])):
        return None
    numbers = {name: numbers_of(result.run) for name, result in runs.items()}
    axes = [axis for axis in _AXES if all(axis in found for found in numbers.values())]
    if not axes:
        return None
    axis = max(axes, key=lambda axis: len({found[axis] for found in numbers.values()}))  # the first of equals
    ordered = dict(sorted(((name, found[axis]) for name, found in numbers.items()), key=lambda item: item[1]))
    if len(set(ordered.values())) < 2:
        return None
    return Series(axis, ordered, "the configuration of their training" if by_digest else "the names of their files")


def _checkpoint(run: Mapping[str, Any]) -> Mapping[str, Any]:
    checkpoint = run.get("checkpoint")
    return checkpoint if isinstance(checkpoint, Mapping) else {"name": checkpoint or ""}


def _stem(checkpoint: Mapping[str, Any]) -> str:
    return re.sub(r"\.[a-z]+$", "", str(checkpoint.get("name") or "").lower())


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
