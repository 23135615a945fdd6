"""SHA-256 of files and folders."""

import hashlib
from pathlib import Path

__all__ = ["file_sha256", "sha256_of"]


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
