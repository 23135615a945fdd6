"""Where a command's data and model come from: a source by name, its splits, and how training binarised them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapkit.checks import InputError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gapkit.checkpoints import Loaded

__all__ = [
    "binarized_as",
    "draw_of",
    "fixed_binarization",
    "load_model",
    "load_splits",
    "other_data",
    "own_model",
    "trained_on",
]


def load_model(
    path: Path,
    *,
    model: str | None,
    model_args: Sequence[str],
    trust_pickle: bool,
    likelihood: str | None,
    state_key: str | None = None,
) -> "Loaded":
    """Load a checkpoint as the options say; one of plain tensors becomes a model of distributions.

    Args:
        path: the checkpoint file.
        model: the user's factory; None for a file that carries its own configuration.
        model_args: arguments of the factory, ``name=value``.
        trust_pickle: whether the file may run code.
        likelihood: of a model that returns plain tensors, encode -> (mean, logvar), decode -> logits or means.
        state_key: place of the weights in the file; none for files of ``gapkit refit``, which have gapkit's layout.

    Raises:
        InputError: the file, the factory or the likelihood cannot be used.
    """
    from gapkit import checkpoints
    from gapkit.models import from_pair

    loaded = checkpoints.load(
        path,
        model=model,
        model_args=model_args,
        state_key=state_key or (),
        trust_pickle=trust_pickle,
        methods=("encode", "decode") if likelihood else ("encode", "decode", "prior"),
    )
    if likelihood is None:
        return loaded
    own = loaded.model
    prior = own.prior if callable(getattr(own, "prior", None)) else "standard_normal"
    pair = from_pair(own.encode, own.decode, likelihood, prior)
    pair.own = own  # copied with the pair, so that its weights keep the names of the user's file
    return replace(loaded, model=pair)


def own_model(model: Any) -> Any:
    """The user's model in one that :func:`load_model` gave a likelihood, or in a copy of that; any other as it is."""
    from gapkit.models import PairModel

    return getattr(model, "own", model) if isinstance(model, PairModel) else model


def trained_on(loaded: "Loaded") -> str:
    """Name of the data that the checkpoint says it was trained on.

    Raises:
        InputError: it names none.
    """
    source = loaded.extra.get("data")
    if isinstance(source, str):
        return source
    raise InputError(
        "data to analyse", "no --data, and the checkpoint does not name its training data", "pass --data NAME or FILE"
    )


def binarized_as(loaded: "Loaded", source: str) -> str:
    """As in training, where the same data are used."""
    how = loaded.extra.get("binarize")
    return how if isinstance(how, str) and loaded.extra.get("data") == source else "none"


def fixed_binarization(how: str) -> str:
    """A fresh draw every epoch, as in training, becomes one fixed draw."""
    return "sample" if how == "dynamic" else how


def load_splits(
    source: str, splits: list[str], key: str | None, limit: int | None, how: str, seed: int
) -> tuple[dict[str, "Tensor"], dict[str, "np.ndarray | None"], dict[str, Any]]:
    """Load and binarise some splits of a source, with their labels and the facts for the provenance.

    Raises:
        InputError: two splits are asked for and the source makes no difference between them.
    """
    from gapkit.data import binarize, load

    loaded = {split: load(source, split=split, key=key, limit=limit) for split in dict.fromkeys(splits)}
    if len(loaded) > 1 and any(part.split == "all" for part in loaded.values()):
        found = f"{source} makes no difference between {' and '.join(loaded)}"
        raise InputError("two splits", found, "give a source with both, such as an .npz with x_train and x_test")
    facts = {split: {"datapoints": len(part), "sha256": part.sha256} for split, part in loaded.items()}
    provenance = {"data": {"source": source, "binarize": how, "key": key, "limit": limit, "splits": facts}}
    labels = {split: part.label_values for split, part in loaded.items()}
    return {split: binarize(part.x, how, draw_of(split, seed)) for split, part in loaded.items()}, labels, provenance


def draw_of(split: str, seed: int) -> int:
    """Seed of binarisation and noise: training and test data do not meet the same random numbers."""
    return seed if split == "test" else seed + 2**32


def other_data(source: str, key: str | None, limit: int, how: str, seed: int) -> tuple[str | None, "Tensor | None"]:
    """Training data, if the source has them apart: their encodings are starts of the fits."""
    from gapkit.data import binarize, load
    from gapkit.data.named import NAMED

    if key is not None or not (source in NAMED or Path(source).suffix in (".npz", ".pt", ".pth")):
        return None, None
    try:
        other = load(source, split="train", limit=limit)
    except InputError:
        return None, None
    if other.split != "train":
        return None, None  # a source without splits: these are the analysed data themselves
    return "train", binarize(other.x, how, draw_of("train", seed))
