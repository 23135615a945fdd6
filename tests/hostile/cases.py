"""A hostile input: its name, how its files are made, and the command that reads them."""

import dataclasses
import io
import pathlib
import pickle
import zipfile
from collections.abc import Callable

import pytest
import torch

MODEL, DATA, RUN = "good.pt", "good.npz", "run"  # what lies in the folder of every case
EMPTY = "empty.npz"


@dataclasses.dataclass(frozen=True)
class Case:
    """Attributes:
    name: unique.
    make: writes the hostile files into a folder, which holds the good ones already.
    words: of the command line.
    told: what the message must hold; the name of the refused file, mostly.
    codes: how the command may end.
    """

    name: str
    make: Callable[[pathlib.Path], object]
    words: tuple[str, ...]
    told: str = ""
    codes: tuple[int, ...] = (2,)

    def __str__(self):
        return self.name


class Canary:
    """Creates a file when it is unpickled."""

    def __reduce__(self):
        return (open, ("canary", "w"))


def sampled(cases, every=15):
    """All cases for pytest; those that `make test` runs are one in so many, and the rest are slow."""
    return [
        pytest.param(case, id=str(case), marks=[] if number % every == 0 else [pytest.mark.slow])
        for number, case in enumerate(cases)
    ]


def poison(protocol=2):
    return pickle.dumps({"state_dict": Canary()}, protocol=protocol)


def parts_of(path):
    """Records of a zip archive by name, in order."""
    with zipfile.ZipFile(path) as whole:
        return {entry.filename: whole.read(entry.filename) for entry in whole.infolist()}


def packed(parts, kind=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def changed_model(folder, change, name="bad.pt"):
    payload = torch.load(folder / MODEL, weights_only=True)
    payload = change(payload) or payload
    torch.save(payload, folder / name)


def data_case(kind, make, name, *more, told=None, codes=(2,)):
    words = ("analyze", MODEL, "--data", name, "--effort", "quick", "--limit", "6", *more)
    return Case(f"data-{kind}", make, words, name if told is None else told, codes)


def analyze_words(name="bad.pt", *more):
    return ("analyze", name, "--data", EMPTY, *more)


def checkpoint_case(kind, make, told="bad.pt", words=None, codes=(2,)):
    return Case(f"checkpoint-{kind}", make, words or analyze_words(), told, codes)
