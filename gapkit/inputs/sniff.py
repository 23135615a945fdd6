"""What kind of file is this? Answered from its bytes, without executing anything in it.

Five things are distinguished: a zip archive of ``torch.save``, its older (legacy) format, a safetensors file, and two
groups of files that only look like a checkpoint: those with a remedy of their own (a Git LFS pointer, a web page, a
TorchScript or exported program, a data archive, a plain pickle) and all the rest.

Listing what a pickle would import is a static disassembly (:mod:`pickletools`): it shows what a file asks for, it does
not prove a file harmless.
"""

import io
import pickletools
import warnings
import zipfile
from pathlib import Path

from torch.serialization import get_unsafe_globals_in_checkpoint

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.files import in_words

__all__ = ["check_archive", "checkpoint_kind", "unsafe_globals"]

LEGACY_MAGIC = b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."  # the first pickle of a legacy file, without its header
LEGACY_HEADER_PICKLES = 3  # magic number, protocol version, system information; the payload is the fourth
_LARGEST_RATIO, _SPARE = 20, 64 * 10**6  # of what an archive unpacks to; torch.save does not compress
_MOST_RECORDS = 50_000  # each tensor is one
AGAIN = "copy or download it again, or save it again"
_PAIR = "export the encoder and the decoder apart, and pass --encoder-file and --decoder-file in its place"
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


def unsafe_globals(path: Path, kind: str) -> list[str] | None:
    """List the functions and classes a pickle asks for beyond those PyTorch allows; executes nothing.

    Args:
        path: a checkpoint.
        kind: ``"zip"`` or ``"legacy"``, as :func:`checkpoint_kind` tells, or ``"pickle"`` for one that torch.save did
            not write.

    Returns:
        Sorted dotted names, e.g. ``["argparse.Namespace"]``; None where the pickle is damaged.
    """
    try:
        if kind == "zip":
            return sorted(get_unsafe_globals_in_checkpoint(str(path)))
        with path.open("rb") as file:
            for _ in range(LEGACY_HEADER_PICKLES if kind == "legacy" else 0):
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
    except Exception:  # a damaged pickle ends in all kinds of exceptions
        return None


def check_archive(path: Path) -> None:
    """Refuse an archive that would unpack to far more than it is, or whose own checksums do not match.

    ``torch.load`` does not look at the checksums, so a flipped bit in a weight would pass unseen. Files that were saved
    without them (``torch.serialization.set_crc32_options(False)``) are read, with a warning.

    Raises:
        InputError: the archive swells, is encrypted, or damaged.
    """
    asked, size = f"read the checkpoint {path}", path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            declared = sum(record.file_size for record in records)
            if declared > _LARGEST_RATIO * size + _SPARE or sum(record.compress_size for record in records) > size:
                found = f"an archive of {in_words(size)} that unpacks to {in_words(declared)}"
                raise InputError(asked, found, "do not open it, unless you know where it comes from; then unzip it")
            if len(records) > _MOST_RECORDS:
                found = f"an archive of {len(records):,} parts, of which each takes its time to read"
                raise InputError(asked, found, f"{SAVE_AGAIN}; at most {_MOST_RECORDS:,} are read")
            if not any(record.CRC for record in records):
                text = f"{path} was saved without checksums, so damage to its weights would not be seen"
                warnings.warn(text, GapkitWarning, stacklevel=3)
                return
            damaged = archive.testzip()
    except InputError:
        raise
    except Exception as err:  # damaged archives end in all kinds of exceptions
        raise InputError(asked, f"a truncated or damaged archive ({err!s:.160})", AGAIN) from err
    if damaged is not None:
        found = f"the checksum of its part {damaged} does not match: its weights may be damaged"
        raise InputError(asked, found, AGAIN)


def _skip_pickle(file: io.BufferedReader) -> None:
    for _ in pickletools.genops(file):
        pass


def _refuse_other_archives(path: Path, asked: str) -> None:
    """Raise for zip archives that ``torch.save`` did not write."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception as err:  # damaged archives end in all kinds of exceptions
        raise InputError(asked, f"a truncated or damaged archive ({err!s:.160})", AGAIN) from err
    last = {name.rsplit("/", 1)[-1] for name in names}
    if "constants.pkl" in last:
        found = "a TorchScript archive, which holds a program and not only weights"
        raise InputError(asked, found, f"{_PAIR}; or {SAVE_AGAIN}")
    if "archive_format" in last:
        raise InputError(
            asked, "a program exported by torch.export, which has one function", f"{_PAIR}; or {SAVE_AGAIN}"
        )
    if names and all(name.endswith(".npy") for name in names):
        raise InputError(
            asked,
            f"a NumPy archive with {', '.join(names[:8])}",
            "pass a data file as data (--data), and a checkpoint here",
        )
    if "data.pkl" not in last:
        raise InputError(asked, f"a zip archive without weights: {', '.join(names[:8]) or 'empty'}", SAVE_AGAIN)
