"""All adapters: those of gapkit, and after them those that other installed packages name."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from gapkit.checkpoints.adapters.diffusers import Diffusers
from gapkit.checkpoints.adapters.native import Native
from gapkit.checkpoints.adapters.pickled import Pickled
from gapkit.checkpoints.adapters.programs import Exported, Scripted
from gapkit.checkpoints.adapters.protocol import Adapter, Reads
from gapkit.checkpoints.adapters.pyro_program import PyroProgram
from gapkit.checkpoints.adapters.pythae import Pythae, PythaeModel
from gapkit.checkpoints.adapters.sbi_posterior import SbiPosterior
from gapkit.checkpoints.adapters.scvi_folder import ScviFolder
from gapkit.core.errors import InputError

__all__ = ["ADAPTERS", "GROUP", "adapter_of"]

GROUP = "gapkit.adapters"
# A folder of one file that is of no other kind may be SCVI's: so that comes after the other folders.
ADAPTERS: tuple[Adapter, ...] = (
    Native(),
    Pickled(),
    Pythae(),
    PythaeModel(),
    Diffusers(),
    Exported(),
    Scripted(),
    PyroProgram(),
    SbiPosterior(),
    ScviFolder(),
)


def adapter_of(reads: Reads, found: Any) -> Adapter | None:
    """The first adapter that claims what was found; None where there is none.

    Args:
        reads: what it is: the payload of a file, a folder, or an object of the user's factory.
        found: itself.

    Raises:
        InputError: an adapter of another package cannot be imported.

    Example:
        >>> from gapkit.checkpoints.adapters import adapter_of
        >>> adapter_of("file", {"weights": 1}) is None
        True
    """
    for adapter in ADAPTERS:
        if adapter.reads == reads and adapter.claims(found):
            return adapter
    return next((adapter for adapter in _of_others() if adapter.reads == reads and adapter.claims(found)), None)


def _of_others() -> Iterator[Adapter]:
    for point in entry_points(group=GROUP):
        try:
            adapter = point.load()
            yield adapter() if isinstance(adapter, type) else adapter
        except Exception as error:  # another package's code may raise anything
            found = f"{type(error).__name__}: {error}"
            do = "mend or uninstall the package that names it"
            raise InputError(f"use the adapter {point.name} ({point.value})", found, do) from error
