"""What results keep of a checkpoint and of data: names, checksums, and how far the training was."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gapkit.checkpoints import Loaded
    from gapkit.inputs.data import Dataset, Streamed

__all__ = ["checkpoint_facts", "digest_of_condition", "split_facts"]

_STEPS = ("global_step", "step", "iteration")


def checkpoint_facts(loaded: "Loaded") -> dict[str, Any]:
    """Name, sha256, how the model was built, ``epoch`` and ``step`` where the file tells them, and notes.

    ``training`` is a digest of the training's configuration, which checkpoints of one training share; ``files`` are the
    sha256 of both where encoder and decoder lie apart.

    Example:
        >>> from gapkit.checkpoints import Loaded
        >>> checkpoint_facts(Loaded(None, "ab12", "vae.pt", "a VAE", {"epoch": 3}))
        {'name': 'vae.pt', 'sha256': 'ab12', 'description': 'a VAE', 'epoch': 3}
    """
    said = [loaded.told, *loaded.notes] if loaded.told else list(loaded.notes)
    notes = {"notes": said} if said else {}
    told = {"name": loaded.name, "sha256": loaded.sha256, "description": loaded.description}
    return {**told, **_files(loaded.extra), **notes, **_progress(loaded.extra)}


def _files(extra: Mapping[str, Any]) -> dict[str, Any]:
    found = extra.get("files")
    if not isinstance(found, Mapping) or set(found) != {"encoder", "decoder"}:
        return {}
    return {"files": dict(found)} if all(isinstance(value, str) for value in found.values()) else {}


def _progress(extra: Mapping[str, Any]) -> dict[str, Any]:
    found = {"epoch": extra.get("epoch"), "step": next((extra[name] for name in _STEPS if name in extra), None)}
    told: dict[str, Any] = {name: int(value) for name, value in found.items() if _whole(value)}  # type: ignore[arg-type]
    if "config" not in extra:
        return told
    settings = json.dumps([extra["config"], extra.get("data"), extra.get("refit")], sort_keys=True, default=str)
    return {**told, "training": hashlib.sha256(settings.encode()).hexdigest()[:16]}


def digest_of_condition(condition: Any) -> str:
    """The sha256 of a condition in memory, a tree of tensors by split: places, types, shapes and values.

    Example:
        >>> import torch
        >>> digest_of_condition({"test": torch.zeros(2)}) == digest_of_condition({"test": torch.ones(2)})
        False
    """
    from gapkit.core.trees import branches

    found = hashlib.sha256()
    for place, leaf in branches(condition):
        found.update(f"{place} {leaf.dtype} {tuple(leaf.shape)}".encode())
        found.update(leaf.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def _whole(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)


def split_facts(data: "Dataset | Streamed") -> dict[str, Any]:
    """How many datapoints, their sha256, what was done to the values, and notes.

    Example:
        >>> from gapkit.inputs.data import load
        >>> split_facts(load("digits", limit=5))["scaling"]
        'pixels divided by 16'
    """
    notes = {"notes": list(data.notes)} if data.notes else {}
    return {"datapoints": len(data), "sha256": data.sha256, "scaling": data.scaling, **notes}
