"""One checkpoint analysed as the options of ``gapkit analyze`` say, the same way for every checkpoint of a series."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from gapkit.checks import InputError
from gapkit.cli.console import gathered_warnings, progress_bar
from gapkit.cli.sources import binarized_as, fixed_binarization, load_model, load_splits, other_data, trained_on

if TYPE_CHECKING:
    from gapkit.checkpoints import Loaded
    from gapkit.engine import AnalysisSpec
    from gapkit.results import Result

__all__ = ["Job"]

_STEPS = ("global_step", "step", "iteration")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to do with a checkpoint.

    Attributes:
        spec: all settings of the analysis.
        device: where to compute.
        model: the user's factory; None for a file that carries its own configuration.
        model_args: arguments of the factory, ``name=value``.
        state_key: place of the weights in the file.
        trust_pickle: whether the file may run code.
        likelihood: of a model that returns plain tensors.
        data: the source of the data; None takes that of the training.
        data_key: array to take from a file.
        splits: of the data.
        limit: how many datapoints of each split, from the first.
        binarize: how; None as in the training.
        encoders: further encoders' files by name.
    """

    spec: "AnalysisSpec"
    device: str
    model: str | None
    model_args: tuple[str, ...]
    state_key: str | None
    trust_pickle: bool
    likelihood: str | None
    data: str | None
    data_key: str | None
    splits: tuple[str, ...]
    limit: int | None
    binarize: str | None
    encoders: Mapping[str, Path]
    _loaded: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)

    def run(self, checkpoint: Path, console: Console, like: "Result | None" = None) -> "Result":
        """Analyse a checkpoint.

        Args:
            checkpoint: the trained model's file.
            console: where progress and warnings are shown.
            like: an earlier result, whose data are used again.

        Raises:
            InputError: the checkpoint or the data cannot be used, or the checkpoint is of other data than ``like``.
        """
        from gapkit.engine import analyze
        from gapkit.models.freeze import frozen

        how_built: dict[str, Any] = {
            "model": self.model,
            "model_args": self.model_args,
            "trust_pickle": self.trust_pickle,
            "likelihood": self.likelihood,
        }
        loaded = load_model(checkpoint, state_key=self.state_key, **how_built)
        built = loaded.model
        others = {name: load_model(path, **how_built) for name, path in self.encoders.items()}
        encoders = {name: other.model for name, other in others.items()}
        splits, labels, data, bank_split, bank_x = self._data(*self._source(loaded, like))
        provenance = {
            **data,
            "checkpoint": {**_facts(loaded), **_progress(loaded.extra)},
            "model": self.model,
            "likelihood": self.likelihood,
            "starts_from_split": bank_split,
        }
        if others:
            provenance["encoders"] = {name: _facts(other) for name, other in others.items()}
        with gathered_warnings() as messages, frozen(built), progress_bar(console) as progress:
            result = analyze(
                built,
                splits,
                self.spec,
                labels=labels,
                other_x=bank_x,
                encoders=encoders,
                device=self.device,
                progress=progress,
                provenance=provenance,
            )
        return replace(result, run={**result.run, "warnings": messages})

    def _source(self, loaded: "Loaded", like: "Result | None") -> tuple[str, str]:
        """The source of the data and how they are binarised."""
        source = self.data or trained_on(loaded)
        if like is None:
            return source, self.binarize or fixed_binarization(binarized_as(loaded, source))
        used = like.run["data"]
        if source != used["source"]:
            found = f"it was trained on {source}, and the series is analysed on {used['source']}"
            raise InputError(f"analyse {loaded.name}", found, "pass --data to analyse all on the same data")
        return source, used["binarize"]

    def _data(self, source: str, how: str) -> Any:
        """Splits, their labels and facts, and the data for starts; read once, however many checkpoints there are."""
        if (source, how) not in self._loaded:
            seed = self.spec.seed
            loaded = load_splits(source, list(self.splits), self.data_key, self.limit, how, seed)
            bank = other_data(source, self.data_key, self.spec.bank_data, how, seed)
            self._loaded[source, how] = (*loaded, *bank)
        return self._loaded[source, how]


def _facts(loaded: "Loaded") -> dict[str, Any]:
    return {"name": loaded.name, "sha256": loaded.sha256, "description": loaded.description}


def _progress(extra: Mapping[str, Any]) -> dict[str, Any]:
    """How far the training was, and a digest that checkpoints of one training share."""
    found = {"epoch": extra.get("epoch"), "step": next((extra[name] for name in _STEPS if name in extra), None)}
    told: dict[str, Any] = {name: int(value) for name, value in found.items() if _whole(value)}  # type: ignore[arg-type]
    if "config" not in extra:
        return told
    settings = json.dumps([extra["config"], extra.get("data"), extra.get("refit")], sort_keys=True, default=str)
    return {**told, "training": hashlib.sha256(settings.encode()).hexdigest()[:16]}


def _whole(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
