"""The best encoder of each data set: the third rung of the ladder, with the decoders as they are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gapkit.core.randomness import seeded
from gapkit.meta.config import MetaTrainConfig
from gapkit.meta.data import MetaData, numbers_of
from gapkit.meta.train import MetaTraining, Step, descend, require_datasets, steps_of
from gapkit.models.meta_vae import encoder_of, of_each_dataset
from gapkit.models.pair import PairModel
from gapkit.models.reference import build
from gapkit.models.stacked import EncoderBank
from gapkit.training.objectives import elbo

__all__ = ["fit_each_dataset"]

_SUPPORTS = 8  # support sets whose h(D) are tried as the first context of a data set
_FEW, _MANY = 64, 512  # training datapoints of a data set that decide between those, and between begin and end
_DRAWS = 8 * _MANY  # of z, in all, at least: small differences have to be told apart

_ROWS = 65_536  # draws at a time


def fit_each_dataset(
    model: PairModel, data: MetaData, config: MetaTrainConfig | None = None, datasets: Sequence[int] | None = None
) -> MetaTraining:
    """Train the best encoder of each data set, its decoder left as it is.

    Each is r with a context vector of its own in the place of h(D), so that its class contains g(D, .) for every fixed
    D. It begins at r of the doubly amortized encoder and the best of several h(D) and of their mean, and where the end
    of the training is no better than that on the training data, the beginning is kept: on the data that it is fitted
    to it is not below g, on average over support sets, up to the error of a few hundred draws. On other data it may be.

    Args:
        model: a ``meta_vae``; it stays as it is.
        data: the data sets, whose training split is used.
        config: the settings; ``context_size`` is that of the support sets at the start.
        datasets: their numbers; None for all. The encoders of others stay at the beginning.

    Returns:
        A ``meta_vae`` that has them too: :func:`gapkit.models.meta_vae.of_each_dataset`.

    Raises:
        InputError: as :func:`gapkit.meta.train_meta`.
    """
    config = config or MetaTrainConfig()
    require_datasets(model, data)
    assert model.config is not None
    count = len(data.train)
    wanted = list(range(count)) if datasets is None else numbers_of(datasets, count).tolist()
    with seeded(config.seed, "each"):
        trained = build("meta_vae", **{**model.config, "per_dataset": True})
        trained.to(next(model.parameters()).dtype)
        trained.load_state_dict(model.state_dict(), strict=False)
        single, each = encoder_of(trained).single, of_each_dataset(trained)
        assert single is not None
        single.net.copy_from(encoder_of(trained).net)
        _begin(trained, single, each, data.train, replace(config, datasets_per_step=count, any_size=False))
        before = {name: value.clone() for name, value in single.state_dict().items()}
        first = _bounds(each, data.train, _MANY)

        def loss(step: Step) -> Tensor:
            condition = {"dataset": step.dataset.repeat_interleave(step.x.shape[1])}
            return -elbo(each, step.x.flatten(0, 1), config.num_samples, condition=condition).mean()

        without = replace(config, context_size=0, any_size=False)
        weights = [single.contexts, *single.net.parameters()]
        history, seconds = descend(weights, steps_of(data.train, wanted, without), loss, config)
        _keep(single, before, first >= _bounds(each, data.train, _MANY))
    return MetaTraining(trained.eval(), history, seconds)


@torch.no_grad()
def _begin(model: PairModel, single: EncoderBank, each: Any, pool: Tensor, config: MetaTrainConfig) -> None:
    """Set every context to the best of some h(D) and their mean, by the bound of a few training datapoints."""
    found = []
    for step in steps_of(pool, range(len(pool)), replace(config, steps=_SUPPORTS, queries=1)):
        summary = encoder_of(model).summary_of({"support": step.support})
        found.append(torch.empty_like(summary).index_copy_(0, step.dataset, summary))
    found.append(torch.stack(found).mean(0))
    best = torch.full((len(pool),), -torch.inf, dtype=torch.float64)
    chosen = found[-1]
    for contexts in found:
        single.contexts.copy_(contexts)
        bounds = _bounds(each, pool, _FEW)
        chosen = torch.where((bounds > best).unsqueeze(1), contexts, chosen)
        best = torch.maximum(best, bounds)
    single.contexts.copy_(chosen)


@torch.no_grad()
def _bounds(each: Any, pool: Tensor, most: int) -> Tensor:
    """The mean ELBO of every data set's first training datapoints, (T,), with the same draws in every call."""
    x = pool[:, :most]
    draws = -(-_DRAWS // x.shape[1])
    together = max(1, _ROWS // (draws * x.shape[1]))
    parts = []
    for number, part in enumerate(x.split(together)):
        dataset = torch.arange(len(part)) + number * together
        with seeded(0, "which is better", number):
            bound = elbo(each, part.flatten(0, 1), draws, condition={"dataset": dataset.repeat_interleave(x.shape[1])})
        parts.append(bound.double().unflatten(0, part.shape[:2]).mean(1))
    return torch.cat(parts)


@torch.no_grad()
def _keep(single: EncoderBank, before: dict[str, Tensor], better: Tensor) -> None:
    """Take back the encoders of those data sets whose beginning was better than their end."""
    for name, value in single.state_dict().items():
        if name.split(".")[0] in ("contexts", "net"):
            value[better] = before[name][better]
