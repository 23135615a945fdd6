"""Open a checkpoint file without executing code from it.

``torch.load(weights_only=True)`` comes first and nothing falls back behind the user's back: a pickle that asks for more
is refused with the list of what it asks for. Data types and classes in it are let in by their names
(:mod:`gapkit.inputs.admitted`); code runs only with the user's consent to this very file
(:mod:`gapkit.inputs.consent`). What would take memory that the file does not hold is refused before it is loaded.
Source: PyTorch, "Serialization semantics", https://docs.pytorch.org/docs/stable/notes/serialization.html, and the
advisories CVE-2025-32434 (fixed in torch 2.6) and CVE-2026-24747 (fixed in torch 2.10) on ``weights_only``.
"""

import functools
import pickle
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.files import in_words, kind_of, neighbours, require_file
from gapkit.inputs.admitted import admitted
from gapkit.inputs.calls import refuse_long_names, refuse_swelling
from gapkit.inputs.consent import Trust, require_consent
from gapkit.inputs.digests import file_sha256, sha256_of
from gapkit.inputs.numbers import NUMBERS
from gapkit.inputs.pickles import load_onto_cpu, pickle_module
from gapkit.inputs.refusal import WantsCode, refusal, refusal_of_code
from gapkit.inputs.sniff import check_archive, checkpoint_kind, unsafe_globals
from gapkit.inputs.supports import constraint_classes
from gapkit.inputs.usercode import search_path

__all__ = ["CHECKPOINT_SUFFIXES", "WantsCode", "file_sha256", "read", "read_pickle", "sha256_of"]

CHECKPOINT_SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors", ".bin")
_SPARE = 64 * 10**6  # bytes that tensors may take beyond the size of their file, as views of few numbers do


def read(
    path: str | Path, *, trust_pickle: Trust = False, allow_globals: Sequence[str] = (), code: str | None = None
) -> Any:
    """Read a checkpoint onto the CPU, whatever device it was saved from.

    Args:
        path: a file written by ``torch.save`` (both formats) or by safetensors.
        trust_pickle: allow the file to run code while it is opened: True, first digits of its sha256 (8 or more; with
            commas for several files), or ``"ask"`` for a question on the terminal. Only if its origin is known.
        allow_globals: names that the pickle may ask for beyond weights, such as ``argparse.Namespace``; which may be
            let in at all is told in :mod:`gapkit.inputs.admitted`.
        code: ``path/to/file.py:name`` of the user's, where the classes that are let in, or those of a trusted pickle,
            are looked for as well.

    Returns:
        The saved object, typically a dict of tensors or a nested dict that holds one.

    Raises:
        WantsCode: it asks for names that were not let in (an ``InputError``).
        InputError: the file is missing, a folder, not readable, empty, damaged (also by its own checksums), not a
            checkpoint, declares more than it holds, or a name cannot be let in.

    Example:
        >>> import argparse, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save({"weight": torch.ones(2), "args": argparse.Namespace(z=3)}, f"{folder}/model.pt")
        ...     read(f"{folder}/model.pt", allow_globals=["argparse.Namespace"])
        {'weight': tensor([1., 1.]), 'args': Namespace(z=3)}
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
    refuse_swelling(path, kind)
    harmless = [*NUMBERS, *constraint_classes()]
    with torch.serialization.safe_globals(harmless):
        found = unsafe_globals(path, kind)
    wanted = found or []
    if found is None:
        refuse_long_names(path, kind)
    elif not trust_pickle and not all(name in allow_globals for name in wanted):
        raise refusal(path, asked, wanted, allow_globals, code)
    # Only what the file asks for is looked up, so that nothing is imported in vain.
    let_in = admitted([name for name in wanted if name in allow_globals], code, asked)
    try:
        with torch.serialization.safe_globals([*harmless, *let_in]):
            payload = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as err:
        if not wanted:
            raise _damaged(asked, err) from err
        if not trust_pickle:
            raise refusal(path, asked, wanted, allow_globals, code) from err
        require_consent(path, asked, wanted, trust_pickle)
        return _read_trusted(path, asked, code)
    except Exception as err:  # a damaged pickle ends in all kinds of exceptions, and runs no code before
        raise _damaged(asked, err) from err
    _check_sizes(payload, path, asked)
    return payload


def read_pickle(path: str | Path, *, trust_pickle: Trust = False, whole: str | Path | None = None) -> Any:
    """Open a plain pickle, one that :mod:`cloudpickle` wrote say: it always runs code, and so it must be trusted.

    Args:
        path: of the file.
        trust_pickle: allow the file to run code, as for :func:`read`. Only for files whose origin is known.
        whole: the folder that is to be trusted with it; None for the file alone.

    Raises:
        InputError: the file is missing, damaged, needs code that is not here, or may not run code.
    """
    path = Path(path)
    asked = f"read the pickle {path}"
    require_file(path, asked)
    wanted, trusted = unsafe_globals(path, "pickle") or ["what cannot be told"], Path(whole or path)
    if not trust_pickle:
        raise refusal_of_code(asked, wanted, trusted)
    require_consent(trusted, asked, wanted, trust_pickle)
    try:
        with search_path(), path.open("rb") as file:
            return load_onto_cpu(file)
    except (ImportError, AttributeError) as err:
        do = "install or import what it is made of, or save the weights alone"
        raise InputError(asked, f"a pickled object whose code is missing here: {err}", do) from err
    except Exception as err:  # the pickle runs foreign code: any exception can come out of it
        raise _damaged(asked, err) from err


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
