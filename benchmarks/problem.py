"""The problem that the benchmarks share: a VAE trained on MNIST, test images, fitted q* and a gold log p(x)."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.estimators import Ais
from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.families.protocol import Posterior
from gapkit.inputs.data import binarize, load
from gapkit.local import Bank, LocalFits, build_bank, fit_batch
from gapkit.models.protocol import LatentModel
from gapkit.target import Target, recognise
from gapkit.training import TrainConfig, train

__all__ = ["Gold", "Problem", "Unfitted", "gold", "images", "make_problem", "rms", "trained", "unfitted"]


@dataclass(frozen=True)
class Unfitted:
    """A batch of images with all that a local fit begins with: the encoder's posteriors and the bank of starts."""

    target: Target
    q: Posterior
    bank: Bank
    key: Key


@dataclass(frozen=True)
class Problem:
    """A frozen model and a batch of test images, with q* fitted at standard effort."""

    model: LatentModel
    target: Target
    key: Key
    bank: Bank
    fits: LocalFits
    fit_gradients: float  # gradient equivalents per datapoint of those fits

    @property
    def full_rank(self) -> FullRankGaussian:
        """q* in the full-rank family."""
        assert self.fits.full_rank is not None
        return self.fits.full_rank.q  # type: ignore[return-value]


@dataclass(frozen=True)
class Gold:
    """log p(x) per datapoint from two long runs from different starts, and how far they are apart (rms, nats)."""

    log_px: Tensor
    apart: float


def trained(model: Path | None, data: str, folder: Path, epochs: int = 60) -> Path:
    """Path of a trained 784-200-200-50 VAE: the given one, or one trained here on dynamically binarised MNIST."""
    if model is not None:
        return model
    path = folder / "model.pt"
    if not path.exists():
        config = TrainConfig(data=data, hidden=(200, 200), latent=50, activation="elu", epochs=epochs)
        train(config, out=folder)
    return path


def images(data: str, count: int, split: str = "test") -> Tensor:
    """Binarised images, one fixed draw for each split."""
    return binarize(load(data, split=split, limit=count).x, "sample", 0 if split == "test" else 2**32)


def unfitted(model: LatentModel, x: Tensor, others: Tensor) -> Unfitted:
    """Bind the model to images; others are those whose encodings are in the bank of starts."""
    target = Target(model, x)
    with torch.no_grad():
        q, encoded = recognise(model.encode(x)), recognise(model.encode(others))
        bank = build_bank(target, encoded.loc, 4096, 0)
    return Unfitted(target, q, bank, Key(0, tuple(range(len(x)))))


def make_problem(model: LatentModel, data: str, count: int) -> Problem:
    """Bind the model to test images and fit q*."""
    batch = unfitted(model, images(data, count), images(data, 10_000, "train"))
    before = batch.target.work.copy()
    fits = fit_batch(batch.target, batch.q, batch.bank, batch.key)
    work = (batch.target.work - before).equivalents / count
    return Problem(model, batch.target, batch.key, batch.bank, fits, work)


def gold(problem: Problem, num_temperatures: int = 1000) -> Gold:
    """AIS from q* full-rank and from q* mean-field, 64 chains each, noise of their own; the mean of both."""
    ais = Ais(num_chains=64, num_temperatures=num_temperatures, num_leapfrogs=2, pilot_chains=8)
    starts: tuple[FullRankGaussian | DiagonalGaussian, ...] = (problem.full_rank, problem.fits.mean_field.q)
    runs = [
        replace(ais, stage=f"gold/{number}").on(problem.target, start, problem.key).value
        for number, start in enumerate(starts)
    ]
    return Gold(torch.stack(runs).mean(0), rms(runs[0] - runs[1]))


def rms(errors: Tensor) -> float:
    """Root mean square over datapoints, in nats."""
    return math.sqrt(float(errors.double().square().mean()))
