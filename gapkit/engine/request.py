"""What a kept run is a run of: pinned where its outputs are, so that it is continued as itself and as nothing else."""

import dataclasses
import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from gapkit.core.errors import InputError
from gapkit.engine.spec import AnalysisSpec
from gapkit.version import __version__

__all__ = ["differences", "request_of", "spec_of", "versions"]

# May change from one command to the next: what is asked for beside the rest, or more of it.
_FREE_SETTINGS = (
    "families",
    "evidence",
    "certificate",
    "semi_amortized",
    "semi_amortized_steps",
    "details",
    "convergence",
)
_FREE_DATA = ("limit", "sha256", "folder", "bank_data", "seed")  # the last two are of the settings
_PINNED_VERSIONS = ("gapkit", "torch")  # others have no part in the numbers


def request_of(
    provenance: Mapping[str, Any],
    spec: AnalysisSpec,
    device: str,
    allow: Sequence[str] = (),
    bounds: Sequence[str] = (),
) -> dict[str, Any]:
    """What decides the numbers of a run, as plain values.

    Args:
        provenance: of what was opened, see :meth:`gapkit.sources.Opened.provenance`.
        spec: settings.
        device: where they are computed.
        allow: names of checks that may fail.
        bounds: further bounds, as the command line names them.
    """
    return {
        "checkpoint": provenance["checkpoint"]["sha256"],
        "source": provenance["source"],
        "settings": spec.to_dict(),
        "allow": list(allow),
        "bounds": list(bounds),
        "threads": torch.get_num_threads(),
        "device": device,
        "versions": versions(),
    }


def spec_of(settings: Mapping[str, Any]) -> AnalysisSpec:
    """Settings from the plain values that a request holds.

    Raises:
        InputError: values out of their range, or of another kind.

    Example:
        >>> spec = AnalysisSpec(seed=3, families=("flow",))
        >>> spec_of(spec.to_dict()) == spec
        True
    """
    try:
        found: AnalysisSpec = _rebuilt(AnalysisSpec(), settings)
    except (TypeError, AttributeError, KeyError) as error:
        raise InputError("the settings of a run", f"damaged ones ({error})", "give them once more") from error
    return found


def _rebuilt(like: Any, values: Any) -> Any:
    if dataclasses.is_dataclass(like) and not isinstance(like, type):
        parts = {name: _rebuilt(getattr(like, name), value) for name, value in values.items()}
        return dataclasses.replace(like, **parts)
    return tuple(values) if isinstance(like, tuple) else values


def versions() -> dict[str, str]:
    """Of gapkit and of what it computes with."""
    return {
        "gapkit": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """In words, what of a request is another than it was, and may not be; families and budgets of log p(x) may.

    Example:
        >>> before = {"checkpoint": "ab", "settings": {"seed": 0, "families": []}}
        >>> list(differences(before, {"checkpoint": "ab", "settings": {"seed": 1, "families": ["flow"]}}))
        ['seed 1 (it was 0)']
    """
    if before.get("checkpoint") != now.get("checkpoint"):
        yield "another checkpoint: its contents are not those of the run"
    one, other = ((request.get("source") or {}).get("data") or {} for request in (before, now))
    yield from _changed(one, other, "data: ", _FREE_DATA)
    if one.get("limit") == other.get("limit") and one.get("sha256") != other.get("sha256"):
        yield "data: other contents than those of the run"
    theirs, ours = (request.get("settings") or {} for request in (before, now))
    if theirs.get("effort") != ours.get("effort"):
        # Most other settings follow from it.
        theirs, ours = ({name: part.get(name) for name in ("effort", "seed")} for part in (theirs, ours))
    yield from _changed(theirs, ours, "", _FREE_SETTINGS)
    alike = [{name: request.get(name) for name in ("threads", "device")} for request in (before, now)]
    yield from _changed(alike[0], alike[1], "", ())
    theirs, ours = (
        {name: (request.get("versions") or {}).get(name) for name in _PINNED_VERSIONS} for request in (before, now)
    )
    yield from _changed(theirs, ours, "version of ", ())


def _changed(before: Mapping[str, Any], now: Mapping[str, Any], place: str, free: tuple[str, ...]) -> Iterator[str]:
    for name in dict.fromkeys((*before, *now)):
        one, other = _plain(before.get(name)), _plain(now.get(name))
        if name in free or one == other:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _changed(one, other, f"{place}{name}.", ())
        else:
            yield f"{place}{name} {_shown(other)} (it was {_shown(one)})"


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value}"[:80]
