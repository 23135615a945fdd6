"""An encoder's and a decoder's program, each in a file of its own: told apart without loading anything."""

import hashlib
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gapkit.core.errors import InputError
from gapkit.core.files import require_file
from gapkit.inputs.read import file_sha256
from gapkit.inputs.sniff import check_archive

__all__ = ["EXPORTED", "SCRIPTED", "Pair", "program_kind", "records_of"]

EXPORTED, SCRIPTED = "a program of torch.export", "a TorchScript program"


def program_kind(path: Path) -> str:
    """``EXPORTED``, ``SCRIPTED``, or in words what else the file is; nothing of it is run.

    Raises:
        InputError: it is missing.
    """
    require_file(path, f"read the program {path}")
    if not zipfile.is_zipfile(path):
        return "no program: neither of torch.export nor of TorchScript"
    try:
        with zipfile.ZipFile(path) as archive:
            last = {name.rpartition("/")[2] for name in archive.namelist()}
    except Exception as error:  # damaged archives end in all kinds of exceptions
        return f"a damaged archive ({error!s:.100})"
    if "archive_format" in last or "serialized_exported_program.json" in last:
        return EXPORTED
    return SCRIPTED if "constants.pkl" in last else "an archive without a program"


@dataclass(frozen=True)
class Pair:
    """Two programs.

    Attributes:
        encoder: file of the one that takes x.
        decoder: file of the one that takes z.
    """

    encoder: Path
    decoder: Path

    @property
    def paths(self) -> tuple[Path, Path]:
        """Both files."""
        return self.encoder, self.decoder

    @cached_property
    def kinds(self) -> tuple[str, str]:
        """What both are, as :func:`program_kind` says."""
        return program_kind(self.encoder), program_kind(self.decoder)

    @property
    def sha256(self) -> str:
        """One digest of both: of the two lines that ``sha256sum`` would print with the names encoder and decoder."""
        lines = "".join(
            f"{file_sha256(path)}  {name}\n" for path, name in zip(self.paths, ("encoder", "decoder"), strict=True)
        )
        return hashlib.sha256(lines.encode()).hexdigest()


def records_of(path: Path, asked: str) -> dict[str, bytes]:
    """The parts of a program's archive, without the folder that all of them lie in.

    Args:
        path: of the file.
        asked: beginning of the error message.

    Raises:
        InputError: it is damaged, swells, or has two parts of one name, of which different readers take different ones.
    """
    check_archive(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            records = {name.partition("/")[2]: archive.read(name) for name in names}
    except Exception as error:  # damaged archives end in all kinds of exceptions
        raise InputError(asked, f"a damaged archive ({error!s:.120})", "copy or save it again") from error
    roots = {name.partition("/")[0] for name in names}
    if len({name.lower() for name in names}) < len(names) or len(roots) != 1 or "" in records:
        found = "parts of the same name, or in several folders; nothing of it was run"
        raise InputError(asked, found, "save it again with torch")
    return records
