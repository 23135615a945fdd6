"""What is in a checkpoint, a file or a folder, told without executing anything in it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gapkit.checkpoints.adapters import adapter_of
from gapkit.checkpoints.layers import Guess, Layer, guessed, layers_of, role_of
from gapkit.checkpoints.opening import weights_in
from gapkit.checkpoints.places import Place, describe_payload, places
from gapkit.core.files import kind_of, require_file
from gapkit.inputs.exported import exported
from gapkit.inputs.folder import Folder
from gapkit.inputs.programs import EXPORTED, SCRIPTED, program_kind
from gapkit.inputs.read import WantsCode, file_sha256, read, sha256_of
from gapkit.inputs.refusal import remedy
from gapkit.inputs.sniff import checkpoint_kind, unsafe_globals
from gapkit.models.native import FORMAT

__all__ = ["Contents", "contents"]

_KINDS = {
    "zip": "torch.save (zip)",
    "legacy": "torch.save (the format before torch 1.6)",
    "safetensors": "safetensors",
}


@dataclass(frozen=True)
class Contents:
    """What is in a checkpoint.

    Attributes:
        path: of the file.
        kind: in words.
        size: bytes.
        sha256: hexadecimal.
        wants: functions and classes that it would import beyond those of plain weights; then it was not opened.
        native: whether gapkit wrote it, so that it needs no model file.
        told: what its payload is, in a line.
        found: every dict of tensors in it, the likeliest first.
        small: numbers and words at its top.
        command: to run next, where the kind of checkpoint tells it; None where the weights do.
    """

    path: Path
    kind: str
    size: int
    sha256: str
    wants: tuple[str, ...]
    native: bool
    told: str
    found: tuple[Place, ...]
    small: Mapping[str, Any]
    command: str | None = None

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """The likeliest dict of tensors, or those of the parts of a model as one; empty where there is none."""
        parts = [place for place in self.found if role_of(place.name)]
        if {role_of(place.name) for place in parts} == {"encoder", "decoder"} and self.found[0] in parts:
            return {f"{place.name}.{name}": tensor for place in parts for name, tensor in place.state.items()}
        return self.found[0].state if self.found else {}

    @property
    def layers(self) -> list[Layer]:
        """Its layers."""
        return layers_of(self.weights)

    @property
    def guess(self) -> Guess:
        """Which of them encode and which decode."""
        return guessed(self.layers)

    @property
    def next(self) -> str:
        """The command to run next."""
        name = shlex.quote(str(self.path))
        if self.command is not None:
            return self.command
        if self.native:
            return f"gapkit analyze {name}"
        if self.wants:
            options = remedy(self.path, self.wants)
            model = "" if options.startswith("--model") else "--model file.py:Model "
            known = ", only if you know where the file comes from" if "--trust-pickle" in options else ""
            return f"gapkit analyze {name} {model}{options} ...{known}"
        return f"gapkit init {name} > my_model.py"


def contents(path: str | Path, allow_globals: Sequence[str] = ()) -> Contents:
    """Look into a checkpoint; nothing in it is executed.

    Args:
        path: of the file or folder.
        allow_globals: names that its pickle may ask for beyond weights (:mod:`gapkit.inputs.admitted`).

    Raises:
        InputError: it is missing, no checkpoint, or damaged.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save({"net.weight": torch.ones(2, 3)}, f"{folder}/model.pt")
        ...     found = contents(f"{folder}/model.pt")
        >>> found.kind, [str(layer) for layer in found.layers], found.wants
        ('torch.save (zip)', ['net: Linear 3 to 2'], ())
    """
    path = Path(path)
    asked = f"inspect {path}"
    if kind_of(path, asked) == "folder":
        return _of_folder(Folder.of(path))
    require_file(path, asked)
    program = program_kind(path)
    if program in (EXPORTED, SCRIPTED):
        return _of_program(path, program)
    kind = checkpoint_kind(path)
    wants = tuple(unsafe_globals(path, kind) or ()) if kind in ("zip", "legacy") else ()
    payload: Any = None
    try:
        payload = read(path, allow_globals=allow_globals)
    except WantsCode:
        pass
    else:
        wants = ()  # names that are no code: numpy's numbers
    native = isinstance(payload, Mapping) and payload.get("format") == FORMAT
    small = {}
    if isinstance(payload, Mapping):
        small = {str(k): v for k, v in payload.items() if isinstance(v, str | int | float | bool)}
    found = () if isinstance(payload, nn.Module) else tuple(places(payload))
    told = "not opened: it would run code" if wants else describe_payload(payload)
    size, digest = path.stat().st_size, file_sha256(path)
    return Contents(path, _KINDS.get(kind, kind), size, digest, wants, native, told, found, small)


def _of_folder(folder: Folder) -> Contents:
    """What its library says of it; of no known one, what the one file of weights in it holds."""
    adapter = adapter_of("folder", folder)
    name = shlex.quote(str(folder.path))
    files = [file for file in folder.path.rglob("*") if file.is_file()]
    size, digest = sum(file.stat().st_size for file in files), sha256_of(folder.path)
    if adapter is None:
        weights = weights_in(folder)
        inner, config = contents(folder.path / weights), folder.json("config.json")
        plain = {key: value for key, value in config.items() if isinstance(value, str | int | float | bool | list)}
        kind = f"a folder with the weights {weights}" + (" and their config.json" if config else "")
        trust = " --trust-pickle, only if you know where it comes from" if inner.wants else ""
        command = f"gapkit analyze {name} --model file.py:Class --data DATA{trust}"
        return replace(
            inner,
            path=folder.path,
            kind=kind,
            size=size,
            sha256=digest,
            small={**inner.small, **plain},
            command=command,
        )
    told = getattr(adapter, "told", None)
    kind, options = told(folder) if told is not None else (f"a folder of {type(adapter).__name__}", "")
    command = f"gapkit analyze {name} {options} --data DATA".replace("  ", " ")
    listed = ", ".join(folder.names[:8])
    return Contents(folder.path, kind, size, digest, (), False, listed, (), {}, command)


def _of_program(path: Path, kind: str) -> Contents:
    """What an exported program takes; of a TorchScript program nothing but that it is one."""
    names = ("enc.pt", "dec.pt") if kind == SCRIPTED else ("enc.pt2", "dec.pt2")
    command = f"gapkit analyze --encoder-file {names[0]} --decoder-file {names[1]} --likelihood NAME --data DATA"
    told = "a program, which torch calls deprecated: export it with torch.export instead"
    if kind == EXPORTED:
        outline = exported(path)
        shapes = " and ".join(f"({', '.join('any' if n is None else str(n) for n in part)})" for part in outline.inputs)
        told = f"{outline.operations} operations on a tensor of shape {shapes}"
        if not outline.dynamic:
            told += ": one input with a batch of any size is needed, so export it again with dynamic_shapes"
    return Contents(path, kind, path.stat().st_size, file_sha256(path), (), False, told, (), {}, command)
