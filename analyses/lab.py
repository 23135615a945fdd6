"""Where an analysis works: models are trained and runs are made once, in parallel, and kept in a folder.

A job is a frozen value that says everything its outcome depends on, and its name is that of the folder or file it is
kept in: asked for twice, it is made once, and a long analysis that was stopped goes on where it was.
"""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gapkit import Result, analyze, load_model
from gapkit.engine import spec_for
from gapkit.inputs.data import binarize, load
from gapkit.models import save_model
from gapkit.training import RefitConfig, TrainConfig, refit, train

__all__ = ["Analysed", "Lab", "Refitted", "Sets", "Source", "Trained"]


@dataclass(frozen=True)
class Sets:
    """Data of an analysis: binary pixels, fixed once, and what they show."""

    x: Mapping[str, Tensor]
    labels: Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """A data set.

    Attributes:
        name: in the report.
        data: what gapkit loads: a name or a file.
        how: ``sample`` draws each pixel once with its grey value as probability, ``threshold`` cuts at a half.
        images: of the training set, the first ones; None for all.
    """

    name: str
    data: str
    how: str = "sample"
    images: int | None = None

    def sets(self) -> Sets:
        """Load both splits; the draws of the pixels are the same in every process."""
        parts = {"train": load(self.data, split="train", limit=self.images), "test": load(self.data, split="test")}
        x = {split: binarize(part.x, self.how, seed) for seed, (split, part) in enumerate(parts.items())}
        return Sets(x, {split: part.labels for split, part in parts.items()})


@dataclass(frozen=True)
class Trained:
    """A training: its settings beside those of ``TrainConfig``.

    Attributes:
        source: of the data.
        settings: of the training, as pairs, so that the job is a value.
    """

    source: Source
    settings: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, source: Source, **settings: Any) -> "Trained":
        """A training with these settings of ``TrainConfig``."""
        return cls(source, tuple(sorted(settings.items())))

    @property
    def title(self) -> str:
        """What the progress line says."""
        return "train " + self.source.name + " " + _words(self.settings)

    def make(self, path: Path, work: Path) -> None:
        """Train and keep ``model.pt`` and the checkpoints in a folder."""
        config = TrainConfig(data=self.source.data, binarize="none", **dict(self.settings))
        train(config, self.source.sets().x["train"], path)


@dataclass(frozen=True)
class Refitted:
    """Another encoder for a trained decoder.

    Attributes:
        of: the training whose decoder stays.
        settings: of ``RefitConfig``, as pairs.
    """

    of: Trained
    settings: tuple[tuple[str, Any], ...]

    @property
    def source(self) -> Source:
        """The data of the training."""
        return self.of.source

    @property
    def title(self) -> str:
        """What the progress line says."""
        return "refit " + self.source.name + " " + _words(self.settings)

    def make(self, path: Path, work: Path) -> None:
        """Train the encoder and keep ``model.pt`` in a folder."""
        model = load_model(work / key_of(self.of) / "model.pt")
        found = refit(model, self.source.sets().x["train"], RefitConfig(**dict(self.settings)))
        path.mkdir()
        save_model(found.model, path / "model.pt")


@dataclass(frozen=True)
class Analysed:
    """A run of the analysis on the first datapoints of both splits.

    Attributes:
        of: the model.
        points: datapoints of each split.
        families: of q*; the first is that of the split. Empty for the encoder's own.
        checkpoint: of the training, by epoch; None for its end.
        spec: further settings of the analysis, as pairs.
        effort: of the analysis.
        splits: of the data.
    """

    of: Trained | Refitted
    points: int
    families: tuple[str, ...] = ()
    checkpoint: int | None = None
    spec: tuple[tuple[str, Any], ...] = ()
    effort: str = "quick"
    splits: tuple[str, ...] = ("train", "test")

    @property
    def title(self) -> str:
        """What the progress line says."""
        at = "" if self.checkpoint is None else f" at epoch {self.checkpoint}"
        return f"analyse {self.of.title}{at} by {' '.join(self.families) or 'its own family'}"

    def make(self, path: Path, work: Path) -> None:
        """Analyse and keep the result in a folder."""
        folder = work / key_of(self.of)
        place = folder / "model.pt" if self.checkpoint is None else self.at(folder)
        sets = self.of.source.sets()
        x = {split: sets.x[split][: self.points] for split in self.splits}
        labels = {split: sets.labels[split][: self.points] for split in self.splits}
        own = {"families": self.families} if self.families else {}
        result = analyze(load_model(place), x, spec_for(self.effort, **own, **dict(self.spec)), labels=labels)
        result.save(path)

    def at(self, folder: Path) -> Path:
        """The checkpoint in the folder of a training."""
        return folder / "checkpoints" / f"epoch-{self.checkpoint:04d}.pt"


Job = Trained | Refitted | Analysed


def key_of(job: Job) -> str:
    """The name of the folder of a job's outcome."""
    kind = type(job).__name__.lower()
    source = job.of.source if isinstance(job, Analysed) else job.source
    return f"{kind}-{source.name.replace(' ', '_')}-{hashlib.sha256(repr(job).encode()).hexdigest()[:16]}"


def _words(settings: Sequence[tuple[str, Any]]) -> str:
    return " ".join(f"{key}={value}".replace(" ", "") for key, value in settings)


def _make(job: Job, path: Path) -> float:
    """Make the outcome of a job, whole or not at all, on one thread."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    unfinished = path.with_name(f"unfinished-{os.getpid()}-{path.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    job.make(unfinished, path.parent)
    unfinished.replace(path)
    return time.perf_counter() - began


@dataclass
class Lab:
    """A folder of outcomes.

    Attributes:
        work: the folder.
        workers: processes of one thread each.
        seconds: that the jobs of this process took, by kind.
    """

    work: Path
    workers: int = 2
    seconds: dict[str, float] = field(default_factory=dict)

    def make(self, jobs: Sequence[Job]) -> None:
        """Make what is missing: first the models, then the runs, in parallel."""
        wanted = list(dict.fromkeys(jobs))
        models = list(dict.fromkeys(part for job in wanted for part in _models(job)))
        for stage in (
            [job for job in models if isinstance(job, Trained)],
            [job for job in models if isinstance(job, Refitted)],
            [job for job in wanted if isinstance(job, Analysed)],
        ):
            self._run([job for job in stage if not self.folder(job).exists()])

    def _run(self, jobs: Sequence[Job]) -> None:
        self.work.mkdir(parents=True, exist_ok=True)
        if not jobs:
            return
        if self.workers == 1:
            self._note((job, _make(job, self.folder(job))) for job in jobs)
            return
        # Fresh processes, because torch's threads do not survive a fork.
        with ProcessPoolExecutor(min(self.workers, len(jobs)), get_context("spawn")) as pool:
            futures = {pool.submit(_make, job, self.folder(job)): job for job in jobs}
            self._note((futures[future], future.result()) for future in as_completed(futures))

    def _note(self, made: Iterable[tuple[Job, float]]) -> None:
        for job, seconds in made:
            kind = type(job).__name__.lower()
            self.seconds[kind] = self.seconds.get(kind, 0.0) + seconds
            print(f"{seconds:6.0f} s  {job.title}", file=sys.stderr, flush=True)

    def folder(self, job: Job) -> Path:
        """Where a job's outcome is."""
        return self.work / key_of(job)

    def result(self, job: Analysed) -> Result:
        """The result of a run that was made."""
        return Result.load(self.folder(job))

    def model(self, job: Trained | Refitted, checkpoint: int | None = None) -> Any:
        """A model that was made."""
        folder = self.folder(job)
        return load_model(folder / "model.pt" if checkpoint is None else Analysed(job, 1, (), checkpoint).at(folder))


def _models(job: Job) -> tuple[Trained | Refitted, ...]:
    if isinstance(job, Analysed):
        return _models(job.of)
    return (job.of, job) if isinstance(job, Refitted) else (job,)
