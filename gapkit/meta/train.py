"""Trainers of doubly amortized VAEs: step -> data sets -> queries and support sets -> bound -> step of Adam."""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.core.errors import InputError
from gapkit.core.randomness import seeded
from gapkit.meta.config import MetaTrainConfig
from gapkit.meta.data import MetaData, draw_support, numbers_of
from gapkit.meta.objective import meta_elbo
from gapkit.models.meta_vae import decoders_of, encoder_of
from gapkit.models.pair import PairModel

__all__ = ["MetaTraining", "Step", "descend", "fit_decoders", "require_datasets", "steps_of", "train_meta"]


@dataclass(frozen=True)
class MetaTraining:
    """Outcome of a training.

    Attributes:
        model: a trained copy of what was given, in eval mode.
        history: the negative bound of every step, in nats per datapoint.
        seconds: of the steps, together.
    """

    model: Any
    history: list[float]
    seconds: float


@dataclass(frozen=True)
class Step:
    """What a step sees: Q datapoints of each of G data sets, and a support set for each data set.

    Attributes:
        x: shape (G, Q, *x_shape).
        dataset: shape (G,).
        support: shape (G, M, *x_shape).
    """

    x: Tensor
    dataset: Tensor
    support: Tensor


def steps_of(pool: Tensor, datasets: Sequence[int], config: MetaTrainConfig) -> Iterator[Step]:
    """Draw the data sets, queries and support sets of every step.

    Args:
        pool: shape (T, N, *x_shape).
        datasets: the numbers of those to draw from.
        config: the settings.

    Raises:
        InputError: data sets that are too small for queries and support together.
    """
    generator, numbers = torch.Generator().manual_seed(config.seed), numbers_of(datasets, len(pool))
    size, groups = pool.shape[1], min(config.datasets_per_step, len(numbers))
    queries = min(config.queries, size - config.context_size)
    if queries < 1:
        found = f"data sets of {size} datapoints"
        raise InputError(f"support sets of {config.context_size} and queries beside them", found, "ask for fewer")
    for _ in range(config.steps):
        which = numbers[torch.randperm(len(numbers), generator=generator)[:groups]]
        context = config.context_size
        if config.any_size:
            context = int(torch.randint(context + 1, (1,), generator=generator))
        rows = torch.cat([draw_support(size, queries + context, generator) for _ in range(groups)])
        drawn = pool[which.unsqueeze(1), rows]
        yield Step(drawn[:, :queries], which, drawn[:, queries:])


def descend(
    weights: Sequence[nn.Parameter], steps: Iterator[Any], loss_of: Callable[[Any], Tensor], config: MetaTrainConfig
) -> tuple[list[float], float]:
    """Adam on a loss in nats per datapoint: its history, and seconds.

    Raises:
        InputError: a loss that is not finite.
    """
    optimizer = torch.optim.Adam(weights, lr=config.learning_rate, fused=True)
    history: list[float] = []
    began = time.perf_counter()
    for number, step in enumerate(steps):
        if config.schedule == "cosine":
            done = (1 + math.cos(math.pi * number / config.steps)) / 2
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * (0.01 + 0.99 * done)
        loss = loss_of(step)
        value = loss.item()
        if not math.isfinite(value):
            do = f"try a smaller learning rate (now {config.learning_rate:g}), or clip gradients (clip=1)"
            raise InputError("training over data sets", f"the loss is {value} in step {number + 1}", do)
        optimizer.zero_grad()
        loss.backward()
        if config.clip:
            nn.utils.clip_grad_norm_(weights, config.clip)
        optimizer.step()
        history.append(value)
    return history, time.perf_counter() - began


def train_meta(model: PairModel, data: MetaData, config: MetaTrainConfig | None = None) -> MetaTraining:
    """Train the doubly amortized encoder on the data sets that are seen, by the MetaELBO.

    Args:
        model: a ``meta_vae`` with a decoder for every data set of ``data``; it stays as it is.
        data: the data sets.
        config: the settings; ``known`` leaves the decoders as they are.

    Returns:
        The trained copy. Decoders of data sets that are held out stay as they were, see :func:`fit_decoders`.

    Raises:
        InputError: a model of another number of data sets, or a loss that is not finite.

    Example:
        >>> from gapkit.models.reference import build
        >>> data = MetaData(torch.zeros(3, 20, 4), torch.zeros(3, 5, 4), torch.tensor([True, True, False]))
        >>> model = build("meta_vae", x_shape=(4,), num_datasets=3, latent=2, hidden=(8,), summary=5, set_hidden=())
        >>> len(train_meta(model, data, MetaTrainConfig(steps=3)).history)
        3
    """
    config = config or MetaTrainConfig()
    require_datasets(model, data)
    with seeded(config.seed, "meta"):
        trained = copy.deepcopy(model)
        encoder = encoder_of(trained)
        weights = [*encoder.summarise.parameters(), *encoder.net.parameters(), *encoder.head.parameters()]
        if not config.known:
            weights += [*decoders_of(trained).parameters()]
            shared = trained.likelihood_param
            weights += [shared] if isinstance(shared, nn.Parameter) else []

        def loss(step: Step) -> Tensor:
            return -meta_elbo(trained, step.x, step.dataset, step.support, config.num_samples).mean()

        history, seconds = descend(weights, steps_of(data.train, data.seen_ones, config), loss, config)
    return MetaTraining(trained.eval(), history, seconds)


def fit_decoders(
    model: PairModel, data: MetaData, config: MetaTrainConfig | None = None, datasets: Sequence[int] | None = None
) -> MetaTraining:
    """Train the decoders of some data sets with the encoder left as it is: the inner maximum for unseen data sets.

    Args:
        model: a ``meta_vae``; it stays as it is.
        data: the data sets.
        config: the settings.
        datasets: their numbers; None for those that are held out.

    Returns:
        The copy with those decoders.

    Raises:
        InputError: as :func:`train_meta`.
    """
    config = config or MetaTrainConfig()
    require_datasets(model, data)
    wanted = data.held_out if datasets is None else list(datasets)
    with seeded(config.seed, "decoders"):
        trained = copy.deepcopy(model)
        weights = [*decoders_of(trained).parameters()]

        def loss(step: Step) -> Tensor:
            return -meta_elbo(trained, step.x, step.dataset, step.support, config.num_samples).mean()

        # Decoders of other data sets get no gradient, so that Adam leaves them where they are.
        history, seconds = descend(weights, steps_of(data.train, wanted, config), loss, config) if wanted else ([], 0.0)
    return MetaTraining(trained.eval(), history, seconds)


def require_datasets(model: PairModel, data: MetaData) -> None:
    """Refuse a model of another number of data sets.

    Raises:
        InputError: such a model, or one that is no ``meta_vae``.
    """
    count = decoders_of(model).net.count
    if count != len(data.train):
        do = "build the model with num_datasets= as many, those that are held out too"
        raise InputError(f"a model of {count} data sets", f"{len(data.train)} data sets", do)
