"""Outputs of stages on a disk: each a file of its own, written wholly or not at all, with a checksum in its name.

A run that ends for whatever reason loses no more than the stage that it was at. A file that is torn or changed is seen
by its checksum, removed, and made again.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import torch
from safetensors.torch import load, save

from gapkit.core.files import write_atomically
from gapkit.engine.outputs import Cost, Output
from gapkit.engine.packed import UnstorableError, pack, unpack
from gapkit.engine.store import Place, Store, StoreError

__all__ = ["Disk", "Union"]

_SHORT = 32  # hexadecimal digits of a digest that names have
_END = ".safetensors"
_NOTE = "gapkit"


class Disk:
    """Keeps outputs in a folder, as ``SPLIT/UNIT/STAGE-IDENTITY-CHECKSUM.safetensors``.

    Args:
        folder: is made where it is missing.
        device: where tensors are put.
        reads_only: whether damaged files stay, because the folder is another process's.

    Attributes:
        damaged: files that were not what their checksum says, and were made again.

    Example:
        >>> import tempfile
        >>> place = Place("test", 0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Disk(folder).keep(place, "fits", Output("ab", (torch.ones(2), None), Cost(seconds=1.0)))
        ...     found, other = (Disk(folder).find(place, "fits", identity) for identity in ("ab", "cd"))
        >>> found.value, found.cost.seconds, other
        ((tensor([1., 1.]), None), 1.0, None)
    """

    def __init__(self, folder: str | Path, device: torch.device | str = "cpu", *, reads_only: bool = False) -> None:
        self.folder, self.device, self._reads_only = Path(folder), device, reads_only
        self.damaged: list[Path] = []

    def find(self, place: Place, name: str, identity: str) -> Output | None:
        """The output of a stage of this identity, if there is one and it is whole."""
        folder = self._folder(place)
        begins = f"{quote(name, safe='')}-{identity[:_SHORT]}-"
        try:
            names = [entry for entry in os.listdir(folder) if entry.startswith(begins) and entry.endswith(_END)]
        except OSError:  # no output of this unit
            return None
        for entry in sorted(names):
            found = self._read(folder / entry, entry.removeprefix(begins).removesuffix(_END), identity)
            if found is not None:
                return found
        return None

    def keep(self, place: Place, name: str, output: Output) -> None:
        """Write an output; one that holds what cannot be stored, such as code of the user's, is not kept.

        Raises:
            StoreError: the folder cannot be written to.
        """
        try:
            tree, tensors = pack(output.value)
        except UnstorableError:
            return
        cost = [output.cost.work.values, output.cost.work.gradients, output.cost.work.columns, output.cost.seconds]
        note = json.dumps({"identity": output.identity, "cost": cost, "tree": tree})
        content = save(tensors, {_NOTE: note})
        checksum = hashlib.sha256(content).hexdigest()[:_SHORT]
        folder = self._folder(place)
        path = folder / f"{quote(name, safe='')}-{output.identity[:_SHORT]}-{checksum}{_END}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, lambda temporary: Path(temporary).write_bytes(content), durable=True)
        except OSError as error:
            why = error.strerror or type(error).__name__
            do = "make room or writing possible there, then go on with --resume"
            raise StoreError(f"keep what is done in {self.folder}", why, do) from error

    def _folder(self, place: Place) -> Path:
        split = quote(place.split, safe="").replace(".", "%2E")  # a split may be called ".."
        return self.folder / split / f"{place.number:06d}"

    def _read(self, path: Path, checksum: str, identity: str) -> Output | None:
        """An output from its file; a damaged one is remembered, and removed."""
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest()[:_SHORT] == checksum:
            try:
                return self._made(content, identity)
            except Exception:  # of a version whose values were others
                pass
        self.damaged.append(path)
        if not self._reads_only:
            path.unlink(missing_ok=True)
        return None

    def _made(self, content: bytes, identity: str) -> Output | None:
        note = _note(content)
        if note["identity"] != identity:  # the names have only its first half
            return None
        # Tensors of a loaded file lie anywhere in it; in memory of their own they are aligned as when they were made.
        tensors = {name: tensor.clone() for name, tensor in load(content).items()}
        values, gradients, columns, seconds = note["cost"]
        work = type(Cost().work)(values, gradients, columns)
        return Output(identity, unpack(note["tree"], tensors, self.device), Cost(work, seconds))


def _note(content: bytes) -> dict[str, Any]:
    """What a file of tensors says of itself."""
    size = int.from_bytes(content[:8], "little")
    note: dict[str, Any] = json.loads(json.loads(content[8 : 8 + size])["__metadata__"][_NOTE])
    return note


class Union:
    """Several stores as one: what any of them has is there, and what is new is kept in the first.

    Args:
        stores: at least one.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        self.stores = tuple(stores)

    def find(self, place: Place, name: str, identity: str) -> Output | None:
        """The output of the first store that has it."""
        for store in self.stores:
            found = store.find(place, name, identity)
            if found is not None:
                return found
        return None

    def keep(self, place: Place, name: str, output: Output) -> None:
        """Keep an output in the first."""
        self.stores[0].keep(place, name, output)
