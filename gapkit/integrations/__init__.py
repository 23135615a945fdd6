"""gapkit inside other tools: a Lightning callback, ArviZ arrays, progress bars of notebooks and terminals.

``gapkit.integrations.GapCallback`` and ``gapkit.integrations.to_arviz`` are imported when first used, because the tools
that they serve are optional. ``gapkit.progress_bar`` is at the top.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gapkit.integrations.arviz import to_arviz
    from gapkit.integrations.lightning import GapCallback

_HOMES = {"GapCallback": "gapkit.integrations.lightning", "to_arviz": "gapkit.integrations.arviz"}

__all__ = ["GapCallback", "to_arviz"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'gapkit.integrations' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
