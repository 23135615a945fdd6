"""What kind of file is this? Answered from its bytes, without executing anything in it.

Five things are told apart: a zip archive of ``torch.save``, its older (legacy) format, a safetensors file, and two
groups of files that only look like a checkpoint: those with a remedy of their own (a Git LFS pointer, a web page, a
TorchScript or exported program, a data archive, a plain pickle) and all the rest.

Listing what a pickle would import is a static disassembly (:mod:`pickletools`): it shows what a file asks for, it does
not prove a file harmless.
"""

import io
import pickletools
import zipfile
from pathlib import Path

from torch.serialization import get_unsafe_globals_in_checkpoint

from gapkit.checks import InputError

__all__ = ["checkpoint_kind", "first_damaged_record", "unsafe_globals"]

LEGACY_MAGIC = b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."  # the first pickle of a legacy file, without its header
LEGACY_HEADER_PICKLES = 3  # magic number, protocol version, system information; the payload is the fourth
SAVE_AGAIN = "save the weights with torch.save(model.state_dict(), 'model.pt') and pass that file"


def checkpoint_kind(path: Path) -> str:
    """Tell how a file has to be read.

    Args:
        path: an existing file.

    Returns:
        ``"zip"``, ``"legacy"`` or ``"safetensors"``.

    Raises:
        InputError: the file is empty, truncated, or something other than a checkpoint.
    """
    asked = f"read the checkpoint {path}"
    with path.open("rb") as file:
        head = file.read(512)
    text = head.lstrip().lower()
    if not head:
        raise InputError(asked, "the file is empty (0 bytes)", "copy or download it again")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(asked, "a Git LFS pointer, not the file itself", "run `git lfs pull` in its repository")
    if text.startswith((b"<!doctype", b"<html")):
        raise InputError(asked, "a web page (HTML)", "download the raw file, not the page that shows it")
    if path.suffix == ".safetensors":
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        _refuse_other_archives(path, asked)
        return "zip"
    if LEGACY_MAGIC in head[:32]:
        return "legacy"
    if head.startswith(b"\x80"):
        raise InputError(asked, "a plain pickle that torch.save did not write (nothing was executed)", SAVE_AGAIN)
    raise InputError(asked, f"not a checkpoint: the file starts with {head[:16]!r}", SAVE_AGAIN)


def unsafe_globals(path: Path, kind: str) -> list[str]:
    """List the functions and classes a pickle asks for beyond those PyTorch allows; executes nothing.

    Args:
        path: a checkpoint.
        kind: ``"zip"`` or ``"legacy"``, as :func:`checkpoint_kind` tells.

    Returns:
        Sorted dotted names, e.g. ``["argparse.Namespace"]``; empty when the pickle is damaged or asks for none.
    """
    try:
        if kind == "zip":
            return sorted(get_unsafe_globals_in_checkpoint(str(path)))
        with path.open("rb") as file:
            for _ in range(LEGACY_HEADER_PICKLES):
                _skip_pickle(file)
            start = file.tell()
            _skip_pickle(file)
            length = file.tell() - start
            file.seek(start)
            payload = file.read(length)
        archive = io.BytesIO()  # PyTorch lists the globals of zip files only, so the payload travels in one
        with zipfile.ZipFile(archive, "w") as writer:
            writer.writestr("archive/data.pkl", payload)
            writer.writestr("archive/version", "3\n")
        archive.seek(0)
        return sorted(get_unsafe_globals_in_checkpoint(archive))
    except (ValueError, RuntimeError, EOFError, IndexError, KeyError):
        return []


def first_damaged_record(path: Path) -> str | None:
    """Return the name of the first record of a zip file whose checksum is wrong, ``None`` if all are right.

    ``torch.load`` does not look at the checksums, so a flipped bit in a weight would pass unseen.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip()
    except zipfile.BadZipFile as err:
        return str(err)


def _skip_pickle(file: io.BufferedReader) -> None:
    for _ in pickletools.genops(file):
        pass


def _refuse_other_archives(path: Path, asked: str) -> None:
    """Raise for zip archives that ``torch.save`` did not write."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as err:
        raise InputError(asked, f"a truncated or damaged archive ({err})", "copy or download it again") from err
    last = {name.rsplit("/", 1)[-1] for name in names}
    if "constants.pkl" in last:
        raise InputError(asked, "a TorchScript archive, which holds a program and not only weights", SAVE_AGAIN)
    if "archive_format" in last:
        raise InputError(asked, "a program exported by torch.export, without separate methods", SAVE_AGAIN)
    if names and all(name.endswith(".npy") for name in names):
        raise InputError(asked, f"a NumPy archive with {', '.join(names[:8])}", "data files are passed with --data")
    if "data.pkl" not in last:
        raise InputError(asked, f"a zip archive without weights: {', '.join(names[:8]) or 'empty'}", SAVE_AGAIN)
