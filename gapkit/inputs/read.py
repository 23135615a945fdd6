"""Open a checkpoint file without executing code from it.

``torch.load(weights_only=True)`` comes first and nothing falls back behind the user's back: a pickle that wants to run
code is refused with the list of what it asks for, and opened only after an explicit ``trust_pickle=True``.
Source: PyTorch, "Serialization semantics", https://docs.pytorch.org/docs/stable/notes/serialization.html, and the
advisories CVE-2025-32434 (fixed in torch 2.6) and CVE-2026-24747 (fixed in torch 2.10) on ``weights_only``.
"""

import functools
import hashlib
import pickle
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.files import in_words, kind_of, neighbours, require_file
from gapkit.inputs.numbers import NUMBERS
from gapkit.inputs.pickles import load_onto_cpu, pickle_module
from gapkit.inputs.sniff import check_archive, checkpoint_kind, unsafe_globals
from gapkit.inputs.supports import constraint_classes
from gapkit.inputs.usercode import search_path

__all__ = ["CHECKPOINT_SUFFIXES", "file_sha256", "read", "read_pickle", "sha256_of"]

CHECKPOINT_SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin")
_SPARE = 64 * 10**6  # bytes that tensors may take beyond the size of their file, as views of few numbers do


def read(path: str | Path, *, trust_pickle: bool = False, code: str | None = None) -> Any:
    """Read a checkpoint onto the CPU, whatever device it was saved from.

    Args:
        path: a file written by ``torch.save`` (both formats) or by safetensors.
        trust_pickle: allow the file to run code while it is opened. Only for files whose origin is known.
        code: ``path/to/file.py:name`` of the user's, where a trusted pickle's classes are looked for as well.

    Returns:
        The saved object, typically a dict of tensors or a nested dict that holds one.

    Raises:
        InputError: the file is missing, a folder, not readable, empty, damaged (also by its own checksums), not a
            checkpoint, declares more than it holds, or wants to execute code.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save({"weight": torch.ones(2)}, f"{folder}/model.pt")
        ...     read(f"{folder}/model.pt")
        {'weight': tensor([1., 1.])}
    """
    path = Path(path)
    asked = f"read the checkpoint {path}"
    if kind_of(path, asked) == "folder":
        inside = [name for name in neighbours(path) if name.endswith(CHECKPOINT_SUFFIXES)]
        listed = f", with {', '.join(inside[:8])} in it" if inside else ", with no checkpoint in it"
        raise InputError(asked, f"a folder{listed}", "pass the path of one file")
    require_file(path, asked)
    kind = checkpoint_kind(path)
    if kind == "safetensors":
        return _read_safetensors(path, asked)
    _warn_if_advisory_applies(str(torch.__version__))
    if kind == "zip":
        check_archive(path)
    harmless = [*NUMBERS, *constraint_classes()]
    try:
        with torch.serialization.safe_globals(harmless):
            payload = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as err:
        with torch.serialization.safe_globals(harmless):
            wanted = unsafe_globals(path, kind)
        if not wanted:
            raise _damaged(asked, err) from err
        if not trust_pickle:
            raise _refusal(asked, wanted) from err
        return _read_trusted(path, asked, code)
    except Exception as err:  # a damaged pickle ends in all kinds of exceptions, and runs no code before
        raise _damaged(asked, err) from err
    _check_sizes(payload, path, asked)
    return payload


def read_pickle(path: str | Path, *, trust_pickle: bool = False) -> Any:
    """Open a plain pickle, one that :mod:`cloudpickle` wrote say: it always runs code, and so it must be trusted.

    Args:
        path: of the file.
        trust_pickle: allow the file to run code. Only for files whose origin is known.

    Raises:
        InputError: the file is missing, damaged, needs code that is not here, or may not run code.
    """
    path = Path(path)
    asked = f"read the pickle {path}"
    require_file(path, asked)
    if not trust_pickle:
        raise _refusal(asked, unsafe_globals(path, "pickle") or ["what cannot be told"])
    try:
        with search_path(), path.open("rb") as file:
            return load_onto_cpu(file)
    except (ImportError, AttributeError) as err:
        do = "install or import what it is made of, or save the weights alone"
        raise InputError(asked, f"a pickled object whose code is missing here: {err}", do) from err
    except Exception as err:  # the pickle runs foreign code: any exception can come out of it
        raise _damaged(asked, err) from err


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits, reading it in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(path: str | Path) -> str:
    """The same of a file; of a folder, that of the names and digests of the files in it, also in folders below."""
    path = Path(path)
    if not path.is_dir():
        return file_sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = "".join(f"{file_sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _check_sizes(payload: Any, path: Path, asked: str) -> None:
    """Refuse tensors without numbers, and those that declare far more numbers than the file has bytes.

    A view of one number may have any shape; whatever is computed from it has that size in memory.
    """
    held = path.stat().st_size + _SPARE
    for name, tensor in _tensors(payload):
        if tensor.device.type == "meta":
            do = "save the weights again, after they were moved off the meta device"
            raise InputError(asked, f"{name} is a tensor without numbers (device meta)", do)
        if tensor.numel() * tensor.element_size() > held:
            size = in_words(tensor.numel() * tensor.element_size())
            found = (
                f"{name} of shape {tuple(tensor.shape)} would take {size}, and the file has {in_words(held - _SPARE)}"
            )
            raise InputError(asked, found, "save the weights again, each tensor with .contiguous()")


def _tensors(payload: Any) -> Iterator[tuple[str, Tensor]]:
    """All tensors of nested dictionaries and lists, with their places; each container once, without recursion."""
    waiting, seen = [("the payload", payload)], set()
    while waiting:
        place, part = waiting.pop()
        if isinstance(part, Tensor):
            yield place, part
            continue
        inner = part.items() if isinstance(part, Mapping) else enumerate(part) if isinstance(part, list | tuple) else ()
        if inner and id(part) not in seen:
            seen.add(id(part))
            waiting += [(str(name), value) for name, value in inner if not isinstance(value, str | int | float)]


def _read_safetensors(path: Path, asked: str) -> dict[str, Tensor]:
    try:
        return load_file(path, device="cpu")
    except Exception as err:  # of the format, of the operating system, or of a type that torch does not have
        raise _damaged(asked, err) from err


def _read_trusted(path: Path, asked: str, code: str | None) -> Any:
    """Open a pickle with permission to run code; the classes it names must be importable here."""
    try:
        with search_path((code or "").rpartition(":")[0]):
            return torch.load(path, weights_only=False, map_location="cpu", pickle_module=pickle_module(code))
    except (ImportError, AttributeError) as err:
        do = (
            "name the file that defines it (--model file.py:Class), run where that module can be imported, or save "
            "model.state_dict() instead of the whole object"
        )
        raise InputError(asked, f"a pickled object whose code is missing here: {err}", do) from err
    except Exception as err:  # the pickle runs foreign code: any exception can come out of it
        raise _damaged(asked, err) from err


def _refusal(asked: str, wanted: list[str]) -> InputError:
    more = f" and {len(wanted) - 12} more" if len(wanted) > 12 else ""
    return InputError(
        asked,
        f"a pickle that would run code when opened: it asks for {', '.join(wanted[:12])}{more} (nothing was executed)",
        "pass --trust-pickle (trust_pickle=True) if you know where the file comes from; "
        "or save only the weights, torch.save(model.state_dict(), 'model.pt')",
    )


def _damaged(asked: str, err: Exception) -> InputError:
    lines = str(err).strip().splitlines()
    reason = f"{type(err).__name__}: {lines[0][:160]}" if lines else type(err).__name__
    return InputError(asked, f"a truncated or damaged file ({reason})", "copy or download it again, or save it again")


@functools.cache
def _warn_if_advisory_applies(version: str) -> None:
    """Warn once per process when the installed torch has the ``weights_only`` memory-corruption advisory."""
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < (2, 10):
        text = (
            f"torch {version} has a memory-corruption advisory on weights_only loading (CVE-2026-24747): "
            "upgrade to torch 2.10 or newer before you open checkpoints of unknown origin"
        )
        warnings.warn(text, GapkitWarning, stacklevel=3)
