"""One checkpoint analysed as the options of ``gapkit analyze`` say, the same way for every checkpoint of a series."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from gapkit.cli.console import gathered_warnings, progress_bar
from gapkit.cli.reading import Reading, load_model
from gapkit.cli.sources import (
    DataOptions,
    binarized_as,
    fixed_binarization,
    load_splits,
    of_counts,
    other_data,
    trained_on,
)
from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from gapkit.checkpoints import Loaded
    from gapkit.engine import AnalysisSpec
    from gapkit.estimators import Estimator
    from gapkit.results import Result

__all__ = ["Job", "facts"]

_STEPS = ("global_step", "step", "iteration")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to do with a checkpoint.

    Attributes:
        spec: all settings of the analysis.
        device: where to compute.
        reading: how to read a model.
        data: the source of the data; None takes that of the training.
        options: what to take from it, and on which scale.
        splits: of the data.
        binarize: how; None as in the training.
        encode_from: what the encoder is given where data are binarised: ``binary`` or ``original``.
        allow: names of checks that may fail.
        encoders: further encoders' files by name.
        bounds: further estimators by name.
    """

    spec: "AnalysisSpec"
    device: str
    reading: Reading
    data: str | None
    options: DataOptions
    splits: tuple[str, ...]
    binarize: str | None
    encode_from: str | None
    allow: tuple[str, ...]
    encoders: Mapping[str, Path]
    bounds: Mapping[str, "Estimator"] = field(default_factory=dict)
    _loaded: dict[tuple[str, str, DataOptions], Any] = field(default_factory=dict, repr=False, compare=False)

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

        loaded = load_model(checkpoint, self.reading)
        built = loaded.model
        shared, further = getattr(built, "likelihood_param", None), self.reading.of_encoder()
        others = {name: load_model(path, further, shared) for name, path in self.encoders.items()}
        encoders = {name: other.model for name, other in others.items()}
        options = replace(self.options, counts=of_counts(built))
        source, how = self._source(loaded, like)
        splits, labels, data, originals, bank_split, bank_x = self._data(source, how, options)
        grey = self._encodes_originals(how)
        provenance = {
            **data,
            "checkpoint": {**facts(loaded), **_progress(loaded.extra)},
            "model": self.reading.model,
            "likelihood": self.reading.likelihood,
            "model_options": self.reading.facts(),
            "encode_from": "original" if grey else "analysed",
            "starts_from_split": bank_split,
        }
        if others:
            provenance["encoders"] = {name: facts(other) for name, other in others.items()}
        with gathered_warnings() as messages, frozen(built), progress_bar(console) as progress:
            result = analyze(
                built,
                splits,
                self.spec,
                labels=labels,
                other_x=bank_x,
                encoder_x=originals if grey else None,
                original_x=originals,
                allow=self.allow,
                encoders=encoders,
                bounds=self.bounds,
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

    def _encodes_originals(self, how: str) -> bool:
        """Whether the encoder is given the data as they were before they were binarised.

        Raises:
            InputError: an unknown word, or data that are not binarised.
        """
        if self.encode_from not in (None, "binary", "original"):
            raise InputError(f"--encode-from {self.encode_from}", "no such form", "use binary or original")
        if self.encode_from == "original" and how == "none":
            found = "data that are analysed as they are"
            raise InputError("--encode-from original", found, "add --binarize sample, or drop it")
        return self.encode_from == "original"

    def _data(self, source: str, how: str, options: DataOptions) -> Any:
        """Splits, labels, facts, originals, and data for starts; read once, however many checkpoints there are."""
        if (source, how, options) not in self._loaded:
            seed = self.spec.seed
            loaded = load_splits(source, self.splits, options, how, seed)
            encoded = "none" if self._encodes_originals(how) else how
            bank = other_data(source, options, self.spec.bank_data, encoded, seed)
            self._loaded[source, how, options] = (*loaded, *bank)
        return self._loaded[source, how, options]


def facts(loaded: "Loaded") -> dict[str, Any]:
    """What ``run.json`` keeps of a checkpoint."""
    notes = {"notes": list(loaded.notes)} if loaded.notes else {}
    return {"name": loaded.name, "sha256": loaded.sha256, "description": loaded.description, **notes}


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
