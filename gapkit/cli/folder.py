"""A new folder of results: made under another name and moved into place, so that it appears wholly or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gapkit.checks import InputError

__all__ = ["new_folder"]


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield a folder to write to, which becomes ``out`` in the end, or vanishes if anything goes wrong.

    Raises:
        InputError: ``out`` holds something already, or cannot be written.
    """
    from gapkit.results import check_folder

    check_folder(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise InputError(f"write the results to {out}", str(error), "choose another --out") from error
    try:
        yield staging
        if out.exists():
            out.rmdir()  # empty, as checked
        staging.chmod(0o755)
        staging.rename(out)
    except OSError as error:
        raise InputError(f"write the results to {out}", str(error), "choose another --out") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
