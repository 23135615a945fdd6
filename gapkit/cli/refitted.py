"""What a refit leaves: the new model, with what is kept beside its weights, and how to load it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapkit.cli.reading import as_words
from gapkit.core.errors import InputError
from gapkit.sources import ModelSource

if TYPE_CHECKING:
    import torch

    from gapkit.checkpoints import Loaded
    from gapkit.training import Refit

__all__ = ["beside", "how_to_load", "write_refit"]


def beside(loaded: "Loaded", data: str, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a model of gapkit's own keeps beside its weights; None for any other, of which weights alone are kept."""
    from gapkit.models import PairModel

    if not isinstance(loaded.model, PairModel) or loaded.model.builder is None:
        return None
    origin = {"name": loaded.name, "sha256": loaded.sha256}
    return {
        **loaded.extra,
        "data": data,
        "binarize": settings["binarize"],
        "refit": {**settings, "of": origin},
    }


def write_refit(out: Path, new: "Refit", given: str, extra: dict[str, Any] | None, facts: Mapping[str, Any]) -> Path:
    """Write the model, and last the facts: a folder with a refit.json is complete.

    Args:
        out: the folder.
        new: the model with its new encoder.
        given: sha256 of the checkpoint that was refitted.
        extra: what to keep beside the weights of a model of gapkit's own; None for any other.
        facts: of ``refit.json``.
    """
    import torch

    from gapkit.checkpoints import weights_of
    from gapkit.core.files import write_atomically, write_json
    from gapkit.models import save_model
    from gapkit.sources.pairs import own_model

    try:
        out.mkdir(parents=True, exist_ok=True)
        if extra is not None:
            path = save_model(new.model, out / "model.pt", extra=extra)
        else:
            path = out / "encoder.pt"
            weights = weights_of(own_model(new.model)).state_dict()
            state = {name: tensor.detach().cpu() for name, tensor in weights.items()}
            write_atomically(path, lambda name: torch.save({"state_dict": state, "refit_of": given}, name))
        write_json(out / "refit.json", facts)
    except OSError as error:
        raise InputError(f"write the refit to {out}", str(error), "choose another --out") from error
    return path


def how_to_load(path: Path, reading: ModelSource, shared: "torch.Tensor | None") -> str:
    """The command that reads the new model, where it needs more words than its name."""
    if path.name == "model.pt":
        return ""
    if shared is not None and shared.numel() == 1:  # an entry of the given file is not in the new one
        reading = replace(reading, likelihood_param=f"{shared.item():.9g}")
    words = f"{path} {as_words(reading) or '--model file.py:factory'}"
    return f" (all weights, decoder and encoder: gapkit analyze {words} --data ...)"
