"""What to analyse: model, data and further encoders in one value that ``run.json`` holds and anybody can open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapkit.core.errors import InputError
from gapkit.sources.data import DataSource, OpenedData
from gapkit.sources.facts import checkpoint_facts
from gapkit.sources.model import ModelSource
from gapkit.sources.stored import AGAIN

if TYPE_CHECKING:
    from gapkit.checkpoints import Loaded

__all__ = ["Opened", "Source"]

_LARGEST = 2 * 10**6  # bytes of a file that a command leaves
_FILES = ("run.json", "score.json", "refit.json")


@dataclass(frozen=True)
class Opened:
    """All that ``gapkit.analyze`` needs.

    Attributes:
        source: what was opened, with checksums and all that the checkpoint filled in.
        loaded: the model and its provenance.
        data: the data.
        encoders: further encoders by name.
    """

    source: "Source"
    loaded: "Loaded"
    data: OpenedData
    encoders: Mapping[str, "Loaded"]

    @property
    def model(self) -> Any:
        """The model, with ``encode``, ``decode`` and ``prior``, on the CPU."""
        return self.loaded.model

    def provenance(self) -> dict[str, Any]:
        """Where model and data come from, for ``run.json``."""
        facts: dict[str, Any] = {
            "data": self.data.facts["data"],
            "checkpoint": checkpoint_facts(self.loaded),
            **self.source.model.facts(),
            "encode_from": self.data.facts["encode_from"],
            **({"condition": self.data.facts["condition"]} if self.data.facts["condition"] else {}),
            "starts_from_split": self.data.facts["starts_from_split"],
        }
        if self.encoders:
            facts["encoders"] = {name: checkpoint_facts(other) for name, other in self.encoders.items()}
        return {**facts, "source": self.source.to_dict()}

    def arguments(self) -> dict[str, Any]:
        """The arguments of ``gapkit.analyze`` that say what to analyse: ``analyze(**opened.arguments(), seed=0)``."""
        return {
            "model": self.model,
            "x": self.data.x,
            "labels": self.data.labels,
            "other_x": self.data.other_x,
            "encoder_x": self.data.encoder_x,
            "original_x": self.data.original_x,
            "condition": self.data.condition,
            "encoders": {name: other.model for name, other in self.encoders.items()},
            "provenance": self.provenance(),
        }


@dataclass(frozen=True, kw_only=True)
class Source:
    """What to analyse.

    Attributes:
        model: the checkpoint, and how to read it.
        data: which data; by default the test split of those that the model was trained on.
        encoders: further encoders of the same decoder, by name.

    Example:
        >>> source = Source(model=ModelSource(checkpoint="vae.pt"), data=DataSource(source="mnist", limit=100))
        >>> Source.of(source.to_dict()) == source
        True
    """

    model: ModelSource
    data: DataSource = field(default_factory=DataSource)
    encoders: Mapping[str, ModelSource] = field(default_factory=dict, hash=False)

    def open(self, *, trust: bool = False, read: "Callable[[DataSource, Loaded], OpenedData] | None" = None) -> Opened:
        """Load the model, the data and the encoders.

        Args:
            trust: run code (a factory, a data function, a pickle) although a file such as ``run.json`` names it.
            read: how to load the data for the model, where they are at hand already, say; None for
                ``data.open(model, trust=trust)``.

        Returns:
            All that ``gapkit.analyze`` needs: ``gapkit.analyze(**opened.arguments(), effort="quick")``.

        Raises:
            InputError: a file is missing, cannot be used, or is another than was recorded; or code to run is recorded,
                and ``trust`` is not given.

        Example:
            >>> import tempfile
            >>> from gapkit.models import save_model
            >>> from gapkit.models.reference import build
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     vae = build("mlp_vae", x_shape=(1, 8, 8), latent=2, hidden=(3,))
            ...     path = save_model(vae, f"{folder}/vae.pt")
            ...     data = DataSource(source="digits", binarize="threshold", limit=5)
            ...     opened = Source(model=ModelSource(checkpoint=str(path)), data=data).open()
            >>> sorted(opened.arguments())
            ['condition', 'encoder_x', 'encoders', 'labels', 'model', 'original_x', 'other_x', 'provenance', 'x']
        """
        loaded = self.model.open(trust=trust)
        shared = getattr(loaded.model, "likelihood_param", None)
        others = {name: source.open(trust=trust, shared=shared) for name, source in self.encoders.items()}
        data = self.data.open(loaded, trust=trust) if read is None else read(self.data, loaded)
        found = Source(
            model=self.model.found(loaded),
            data=data.source,
            encoders={name: self.encoders[name].found(other) for name, other in others.items()},
        )
        return Opened(found, loaded, data, others)

    def to_dict(self) -> dict[str, Any]:
        """All as plain values, for ``run.json``; :meth:`of` reads them back.

        Example:
            >>> list(Source(model=ModelSource(checkpoint="vae.pt")).to_dict())
            ['model', 'data', 'encoders']
        """
        encoders = {name: source.to_dict() for name, source in self.encoders.items()}
        return {"model": self.model.to_dict(), "data": self.data.to_dict(), "encoders": encoders}

    @staticmethod
    def of(run: str | Path | Mapping[str, Any], folder: str | Path | None = None) -> "Source":
        """The source that a run names; code that it names runs only with ``open(trust=True)``.

        Args:
            run: the folder of a run, its ``run.json`` or another of gapkit's files, ``result.run``, or what
                :meth:`to_dict` gave.
            folder: where relative names are looked up now, if files have moved; None for where they were.

        Raises:
            InputError: no such file, a run that names no source, or one that was damaged.

        Example:
            >>> Source.of({"source": {"model": {"checkpoint": "vae.pt", "folder": "/home"}}}).model.checkpoint
            'vae.pt'
        """
        path = Path(run) if isinstance(run, str | Path) else None
        asked = "read the source of a run" if path is None else f"read the source of the run {path}"
        values = _named(run if path is None else _read(path, asked), asked)
        model, others = ModelSource.of(values["model"], folder), values.get("encoders", {})
        if not isinstance(others, Mapping):
            raise InputError(asked, f"a {type(others).__name__} in the place of encoders by name", AGAIN)
        return Source(
            model=model,
            data=DataSource.of(values.get("data", {"folder": model.folder}), folder),
            encoders={str(name): ModelSource.of(each, folder) for name, each in others.items()},
        )


def _read(path: Path, asked: str) -> Any:
    from gapkit.core.files import kind_of, read_json

    if kind_of(path, asked) == "folder":
        there = [path / name for name in _FILES if (path / name).exists()]
        path = there[0] if there else path / _FILES[0]
    return read_json(path, asked, AGAIN, largest=_LARGEST)


def _named(values: Any, asked: str) -> Mapping[str, Any]:
    """The part of a file that says what was analysed."""
    inner = values.get("run") if isinstance(values, Mapping) else None  # of scores
    values = inner if isinstance(inner, Mapping) else values
    found = values.get("source", values) if isinstance(values, Mapping) else values
    if _is_source(found):
        return dict(found)
    roles = [name for name, each in found.items() if _is_source(each)] if isinstance(found, Mapping) else []
    if roles:
        do = f"take one of them: Source.of(run['source']['{roles[0]}'])"
        raise InputError(asked, f"several sources: {', '.join(roles)}", do)
    do = "write it out: Source(model=ModelSource(checkpoint=...), data=DataSource(source=...))"
    raise InputError(asked, "no source in it: an older gapkit made it, or no gapkit command", do)


def _is_source(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("model"), Mapping)
