"""Where a command's data come from: a source by name, its splits, their scale, and how training binarised them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gapkit.core.errors import InputError
from gapkit.inputs.outline import require_spec

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from gapkit.checkpoints import Loaded
    from gapkit.inputs.data import Dataset

__all__ = [
    "DataOptions",
    "binarized_as",
    "check_source",
    "draw_of",
    "fixed_binarization",
    "load_splits",
    "of_counts",
    "other_data",
    "tell",
    "trained_on",
]


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """What to take from a source, and on which scale.

    Attributes:
        key: array to take from a file.
        limit: how many datapoints of each split, from the first.
        scale: of pixels; None divides those of 8 bits by 255.
        label_column: of a table.
        counts: whether the model is one of counts or classes, which are never scaled by themselves.
    """

    key: str | None = None
    limit: int | None = None
    scale: str | None = None
    label_column: str | None = None
    counts: bool = False

    def load(self, source: str, split: str, limit: int | None = None) -> "Dataset":
        """Load a split; ``limit`` goes before the one of the options."""
        from gapkit.inputs.data import load

        return load(
            source,
            split=split,
            key=self.key,
            limit=self.limit if limit is None else limit,
            scale=self.scale,
            label_column=self.label_column,
            counts=self.counts,
        )

    def facts(self) -> dict[str, Any]:
        """The options for ``run.json``."""
        return {"key": self.key, "limit": self.limit, "scale": self.scale, "label_column": self.label_column}


def check_source(source: str | None) -> None:
    """Refuse, before anything slow, a data function whose file is missing, no Python, or does not define it.

    Raises:
        InputError: with the line, or with what is there.
    """
    if source is not None and ".py:" in source and not Path(source).exists():
        require_spec(source)


def of_counts(model: Any) -> bool:
    """Whether p(x|z) is one of counts or classes, as far as that can be told without data."""
    import torch
    from torch.distributions import Independent, constraints

    from gapkit.inputs.data import COUNTS

    likelihood = getattr(model, "likelihood", None)
    if getattr(likelihood, "name", None) is not None:
        return likelihood.name in COUNTS  # type: ignore[union-attr]
    try:
        with torch.no_grad():
            base: Any = model.decode(model.prior().sample((2,)))
        while isinstance(base, Independent):
            base = base.base_dist
        support = base.support
    except Exception:  # whatever is wrong with the model is told when it is prepared
        return False
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return support is constraints.nonnegative_integer or isinstance(support, constraints.integer_interval)


def tell(data: "Dataset") -> None:
    """Say what the data are and what was done to them."""
    done = "as stored" if data.scaling == "none" else data.scaling
    extent = f"values from {float(data.x.min()):.4g} to {float(data.x.max()):.4g} ({done})"
    split = "" if data.split == "all" else f" {data.split}"
    words = "; ".join([f"{len(data)} datapoint{'' if len(data) == 1 else 's'}, {extent}", *data.notes])
    typer.echo(f"data: {data.name}{split}, {words}", err=True)


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
    source: str, splits: Sequence[str], options: DataOptions, how: str, seed: int
) -> tuple[dict[str, "Tensor"], dict[str, "np.ndarray | None"], dict[str, Any], dict[str, "Tensor"] | None]:
    """Load and binarise some splits of a source, and say what they are.

    Returns:
        The data, their labels, the facts for the provenance, and the data before they were binarised, if they were.

    Raises:
        InputError: two splits are asked for and the source makes no difference between them.
    """
    from gapkit.inputs.data import binarize

    loaded = {split: options.load(source, split) for split in dict.fromkeys(splits)}
    if len(loaded) > 1 and any(part.split == "all" for part in loaded.values()):
        found = f"{source} makes no difference between {' and '.join(loaded)}"
        raise InputError("two splits", found, "give a source with both, such as an .npz with x_train and x_test")
    for part in loaded.values():
        tell(part)
    provenance = {
        "data": {
            "source": source,
            "binarize": how,
            **options.facts(),
            "splits": {s: facts(d) for s, d in loaded.items()},
        }
    }
    labels = {split: part.label_values for split, part in loaded.items()}
    originals = {split: part.x for split, part in loaded.items()}
    data = {split: binarize(x, how, draw_of(split, seed)) for split, x in originals.items()}
    return data, labels, provenance, None if how == "none" else originals


def facts(data: "Dataset") -> dict[str, Any]:
    """What ``run.json`` keeps of a data set."""
    notes = {"notes": list(data.notes)} if data.notes else {}
    return {"datapoints": len(data), "sha256": data.sha256, "scaling": data.scaling, **notes}


def draw_of(split: str, seed: int) -> int:
    """Seed of binarisation and noise: training and test data do not meet the same random numbers."""
    return seed if split == "test" else seed + 2**32


def other_data(
    source: str, options: DataOptions, limit: int, how: str, seed: int
) -> tuple[str | None, "Tensor | None"]:
    """Training data, if the source has them apart: their encodings are starts of the fits."""
    from gapkit.inputs.data import binarize
    from gapkit.inputs.data.named import NAMED

    if options.key is not None or not (source in NAMED or Path(source).suffix in (".npz", ".pt", ".pth")):
        return None, None
    try:
        other = options.load(source, "train", limit)
    except InputError:
        return None, None
    if other.split != "train":
        return None, None  # a source without splits: these are the analysed data themselves
    return "train", binarize(other.x, how, draw_of("train", seed))
