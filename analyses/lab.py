"""Where an analysis works: models are trained and runs are made once, in parallel, and kept in a folder.

A job is a frozen value of settings, and its name is that of the folder it is kept in: asked for twice, it is made once,
and a long analysis that was stopped goes on where it was. The name knows nothing of gapkit's version or of what a data
file holds: after a change of these, begin with another folder.
"""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
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

__all__ = ["Analysed", "Lab", "Refitted", "Sets", "Source", "Trained", "Turned", "models_of"]

SECONDS = "seconds.txt"


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
class Turned(Source):
    """The same images upside down: unusual data of the same kind."""

    def sets(self) -> Sets:
        """Load and turn."""
        found = super().sets()
        return Sets({split: x.flip(-2) for split, x in found.x.items()}, found.labels)


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
        train(config, self.source.sets().x["train"], path, device=_device())


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
        data: other data than those of the training; None for these.
    """

    of: Trained | Refitted
    points: int
    families: tuple[str, ...] = ()
    checkpoint: int | None = None
    spec: tuple[tuple[str, Any], ...] = ()
    effort: str = "quick"
    splits: tuple[str, ...] = ("train", "test")
    data: Source | None = None

    @property
    def source(self) -> Source:
        """The data."""
        return self.data or self.of.source

    @property
    def title(self) -> str:
        """What the progress line says."""
        at = "" if self.checkpoint is None else f" at epoch {self.checkpoint}"
        return f"analyse {self.of.title}{at} by {' '.join(self.families) or 'its own family'}"

    def make(self, path: Path, work: Path) -> None:
        """Analyse and keep the result in a folder."""
        folder = work / key_of(self.of)
        place = _weights(folder, self.checkpoint)
        sets = self.source.sets()
        x = {split: sets.x[split][: self.points] for split in self.splits}
        labels = {split: sets.labels[split][: self.points] for split in self.splits}
        own = {"families": self.families} if self.families else {}
        spec = spec_for(self.effort, **own, **dict(self.spec))
        result = analyze(load_model(place), x, spec, labels=labels, device=_device())
        result.save(path)


Job = Trained | Refitted | Analysed


def key_of(job: Job) -> str:
    """The name of the folder of a job's outcome."""
    kind = type(job).__name__.lower()
    return f"{kind}-{job.source.name.replace(' ', '_')}-{hashlib.sha256(repr(job).encode()).hexdigest()[:16]}"


def _weights(folder: Path, checkpoint: int | None) -> Path:
    return folder / ("model.pt" if checkpoint is None else f"checkpoints/epoch-{checkpoint:04d}.pt")


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _note(job: Job, seconds: float) -> None:
    print(f"{seconds:6.0f} s  {job.title}", file=sys.stderr, flush=True)


def _words(settings: Sequence[tuple[str, Any]]) -> str:
    return " ".join(f"{key}={value}".replace(" ", "") for key, value in settings)


def _make(job: Job, path: Path) -> float:
    """Make the outcome of a job, whole or not at all, on one thread."""
    torch.set_num_threads(1)
    began, processor = time.perf_counter(), time.process_time()
    unfinished = path.with_name(f"unfinished-{os.getpid()}-{path.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    job.make(unfinished, path.parent)
    seconds = time.perf_counter() - began
    # Those of the processor are what it takes where nothing else runs, however busy the machine is now.
    (unfinished / SECONDS).write_text(f"{time.process_time() - processor:.1f}\n", "utf-8")
    try:
        unfinished.replace(path)
    except OSError:
        if not path.exists():
            raise
        shutil.rmtree(unfinished)  # another process was faster
    return seconds


@dataclass
class Lab:
    """A folder of outcomes.

    Attributes:
        work: the folder.
        workers: processes of one thread each.
    """

    work: Path
    workers: int = 2

    def make(self, jobs: Sequence[Job]) -> None:
        """Make what is missing: first the models, then the runs, in parallel."""
        wanted = list(dict.fromkeys(jobs))
        models = list(dict.fromkeys(part for job in wanted for part in models_of(job)))
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
            for job in jobs:
                _note(job, _make(job, self.folder(job)))
            return
        for source in dict.fromkeys(job.source for job in jobs):
            source.sets()  # what is loaded by name is fetched once, and what is missing is told before the work
        # Fresh processes, because torch's threads do not survive a fork.
        with ProcessPoolExecutor(min(self.workers, len(jobs)), get_context("spawn")) as pool:
            futures = {pool.submit(_make, job, self.folder(job)): job for job in jobs}
            for future in as_completed(futures):
                if future.exception():
                    pool.shutdown(cancel_futures=True)
                    print(f"failed: {futures[future].title}", file=sys.stderr)
                _note(futures[future], future.result())

    def seconds(self, jobs: Sequence[Job]) -> dict[str, float | None]:
        """What the jobs and their models took, by kind, in seconds of one thread; None where that was not noted."""
        found: dict[str, list[Path]] = {}
        for made in dict.fromkeys([*jobs, *(part for job in jobs for part in models_of(job))]):
            found.setdefault(type(made).__name__.lower(), []).append(self.folder(made) / SECONDS)
        return {
            kind: round(sum(float(note.read_text("utf-8")) for note in notes), 1)
            if all(note.exists() for note in notes)
            else None
            for kind, notes in found.items()
        }

    def folder(self, job: Job) -> Path:
        """Where a job's outcome is."""
        return self.work / key_of(job)

    def result(self, job: Analysed) -> Result:
        """The result of a run that was made."""
        return Result.load(self.folder(job))

    def model(self, job: Trained | Refitted, checkpoint: int | None = None) -> Any:
        """A model that was made."""
        folder = self.folder(job)
        return load_model(_weights(folder, checkpoint))


def models_of(job: Job) -> tuple[Trained | Refitted, ...]:
    """The models that a job needs, and itself if it is one."""
    if isinstance(job, Analysed):
        return models_of(job.of)
    return (job.of, job) if isinstance(job, Refitted) else (job,)
