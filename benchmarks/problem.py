"""The problem that the benchmarks share: a VAE trained on MNIST, test images, fitted q* and a gold log p(x)."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from gapkit.data import binarize, load
from gapkit.estimators import Ais
from gapkit.families import DiagonalGaussian, FullRankGaussian, recognise
from gapkit.local import Bank, LocalFits, build_bank, fit
from gapkit.models.protocol import LatentModel
from gapkit.models.target import Target
from gapkit.randomness import Key
from gapkit.training import TrainConfig, train

__all__ = ["Gold", "Problem", "gold", "make_problem", "trained"]


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


def make_problem(model: LatentModel, data: str, count: int) -> Problem:
    """Bind the model to test images and fit q*."""
    x = images(data, count)
    target, key = Target(model, x), Key(0, tuple(range(count)))
    with torch.no_grad():
        q, others = recognise(model.encode(x)), recognise(model.encode(images(data, 10_000, "train")))
        bank = build_bank(target, others.loc, others.marginal_scale(), 4096, 0)
    before = target.work.copy()
    fits = fit(target, q, bank, key)
    return Problem(model, target, key, bank, fits, (target.work - before).equivalents / count)


def gold(problem: Problem, num_temperatures: int = 1000) -> Gold:
    """AIS from q* full-rank and from q* mean-field, 64 chains each, noise of their own; the mean of both."""
    ais = Ais(num_chains=64, num_temperatures=num_temperatures, num_leapfrogs=2, pilot_chains=8)
    starts: tuple[FullRankGaussian | DiagonalGaussian, ...] = (problem.full_rank, problem.fits.mean_field.q)
    runs = [
        replace(ais, stage=f"gold/{number}")(problem.target, problem.target.x, start, problem.key).value
        for number, start in enumerate(starts)
    ]
    return Gold(torch.stack(runs).mean(0), rms(runs[0] - runs[1]))


def rms(errors: Tensor) -> float:
    """Root mean square over datapoints, in nats."""
    return math.sqrt(float(errors.double().square().mean()))
