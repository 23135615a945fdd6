"""Train another encoder on a decoder that stays as it is.

Only q changes, so log p(x) and the best q of a family stay where they are, and whatever L[q] gains was part of the
amortization gap:

    the same encoder, trained on           unfinished optimisation
    a new or a larger encoder              what the start, or the capacity, of the given one kept it from
    gain on training minus on test data    what does not generalise

Draws from the model never run out, so an encoder trained on them cannot learn them by heart.
Sources: Cremer, Li & Duvenaud, "Inference Suboptimality in Variational Autoencoders" (2018),
https://arxiv.org/abs/1801.03558, section 5 (capacity of the encoder); Mattei & Frellsen, "Refit your Encoder when New
Data Comes by" (2018), https://arxiv.org/abs/1803.10548 (its overfitting); Shu et al., "Amortized Inference
Regularization" (2018), https://arxiv.org/abs/1805.08913.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.datapoints import Loaded, joined
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.following import followed
from gapkit.core.randomness import seeded
from gapkit.core.trees import Tree, mapped, rows_of, size_of
from gapkit.inputs.data import binarize, require_unit_interval
from gapkit.models.conditions import behind, condition_for, decode_with, encode_with, prior_with, require_condition
from gapkit.models.freeze import frozen
from gapkit.models.priors import moved
from gapkit.models.protocol import LatentModel
from gapkit.models.support import check_support
from gapkit.models.unvalidated import unvalidated
from gapkit.target.simulate import simulate
from gapkit.training.encoder import copied, replace_encoder, split_weights
from gapkit.training.objectives import elbo
from gapkit.training.progress import EpochReport
from gapkit.training.refit_config import RefitConfig

__all__ = ["Refit", "refit"]

_ROWS_CHECKED = 500


@dataclass(frozen=True)
class Refit:
    """A model with another encoder, and how it was trained.

    Attributes:
        model: a copy of the given model; decoder, prior and likelihood are the same bit by bit.
        config: the settings.
        history: one dict per epoch: ``epoch`` and ``loss``, the negative ELBO in nats per datapoint.
        trained: how many numbers were trained.
        left: how many numbers of the encoder stayed as they were because decoder or prior use them too.
        seconds: of the epochs, together.
    """

    model: Any
    config: RefitConfig
    history: list[dict[str, Any]]
    trained: int
    left: int
    seconds: float


def refit(
    model: LatentModel,
    x: Tensor | None,
    config: RefitConfig | None = None,
    *,
    condition: Tree = None,
    progress: Callable[[EpochReport], None] | bool | None = None,
) -> Refit:
    """Train another encoder for a model, by the ELBO; the given model is left as it is.

    The encoder's weights are those that q(z|x) has a gradient in and p(x, z) has none. All layers act as in evaluation:
    no dropout, and batch statistics stay; so the bound that is trained is the one that is measured. Weights that do
    not require gradients are left alone.

    Args:
        model: an object of the model contract; for ``fresh`` and ``larger`` one that gapkit built.
        x: data of shape (N, *x_shape) in the shape that decode describes; ``None`` where all are drawn from the model.
        config: the settings.
        condition: c of a conditional model, one row for each datapoint; data drawn from the model are drawn with rows
            of it that are chosen at random. Without ``x``, any number of rows.
        progress: called after every epoch; True shows a bar.

    Returns:
        The model with its new encoder.

    Raises:
        InputError: data or a model that do not allow it, or a loss that is not finite.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> result = refit(model, torch.ones(20, 4), RefitConfig(start="larger", epochs=2))
        >>> result.model.config["hidden"], len(result.history)
        ([6], 2)
    """
    config = config or RefitConfig()
    if condition is None:
        require_condition(model)
    with followed(progress) as show, seeded(config.seed, "refit"):  # the caller's random numbers stay as they are
        return _Run(model, x, config, condition, show).run()


class _Placed:
    """The model with its prior where the weights are: a prior of plain tensors does not move with a module."""

    def __init__(self, model: LatentModel, like: Tensor) -> None:
        self._model, self._like = model, like
        self.encode, self.decode = model.encode, model.decode

    def behind(self, name: str) -> Any:
        return behind(self._model, name)

    def prior(self, c: Tree = None) -> Distribution:
        prior: Distribution = moved(prior_with(self._model, c), self._like.dtype, self._like.device)
        return prior


class _Run:
    """The state of one refit."""

    def __init__(
        self,
        model: LatentModel,
        x: Tensor | None,
        config: RefitConfig,
        condition: Tree,
        progress: Callable[[EpochReport], None] | None,
    ) -> None:
        self.config, self.progress = config, progress
        self.order = torch.Generator().manual_seed(config.seed)  # of permutations and binarization
        self.twin = copied(model)
        if config.start != "fine_tune":
            factor = config.factor if config.start == "larger" else 1.0
            self.twin = replace_encoder(self.twin, factor, config.hidden, config.posterior)
        self.weights = self.twin.weights
        if not self.weights:
            raise self._nothing_to_train()
        self.like = next((weight for weight in self.weights if weight.is_floating_point()), self.weights[0])
        self.model = _Placed(self.twin.model, self.like)
        self.x = self._ready(x)
        size = None if self.x is None else len(self.x)
        self.condition = condition_for(model, condition, size, self.like.dtype, "cpu")
        self.total = config.num_draws if self.x is None else len(self.x)  # datapoints of an epoch
        self.history: list[dict[str, Any]] = []

    def run(self) -> Refit:
        """Train; the decoder is checked bit by bit afterwards."""
        config = self.config
        with frozen(self.twin.model), unvalidated():
            self._check_support()
            own, shared = self._split()
            held = [t for t in self.twin.tensors if all(t is not weight for weight in own)]
            before = [tensor.detach().clone() for tensor in held]
            optimizer = torch.optim.Adam(own, lr=config.learning_rate, fused=True)
            steps = config.epochs * math.ceil(self.total / config.batch_size)
            start = time.perf_counter()
            for epoch in range(1, config.epochs + 1):
                began = time.perf_counter()
                loss = self._train_epoch(epoch, own, optimizer, steps)
                self.history.append({"epoch": epoch, "loss": loss})
                if self.progress is not None:
                    self.progress(EpochReport(epoch, config.epochs, loss, None, time.perf_counter() - began))
            optimizer.zero_grad()
            seconds = time.perf_counter() - start
            changed = sum(not torch.equal(now, then) for now, then in zip(held, before, strict=True))
            for weight in self.weights:
                weight.requires_grad_(True)
        if changed:
            found = f"{changed} tensors outside the encoder's weights changed: a layer keeps statistics in eval mode"
            do = "let the layer leave its buffers alone in eval mode"
            raise InputError("a decoder that stays as it is", found, do)
        trained, left = (sum(weight.numel() for weight in group) for group in (own, shared))
        return Refit(self.twin.model, config, self.history, trained, left, seconds)

    def _split(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Find the encoder's own weights; from here on only they have gradients."""
        for weight in self.weights:
            weight.requires_grad_(True)
        first: Loaded = next(self._batches(0))[:2]
        own, shared = split_weights(self.model, first, self.weights)
        for weight in self.weights:
            weight.requires_grad_(any(weight is mine for mine in own))
        if not own:
            raise self._nothing_to_train()
        if shared:
            count = sum(weight.numel() for weight in shared)
            text = (
                f"{len(shared)} of the encoder's parameters ({count} numbers) are also the decoder's or the prior's: "
                "they stay as they are, so the refit may find less than an encoder of its own would"
            )
            warnings.warn(text, GapkitWarning, stacklevel=4)
        return own, shared

    def _train_epoch(self, epoch: int, own: tuple[Tensor, ...], optimizer: torch.optim.Optimizer, steps: int) -> float:
        """One pass; returns the mean loss in nats per datapoint."""
        done = (epoch - 1) * steps // self.config.epochs
        total = 0.0
        for number, batch in enumerate(self._batches(epoch)):
            for group in optimizer.param_groups:
                group["lr"] = self.config.learning_rate * (1 - (done + number) / steps)
            loss = -elbo(self.model, batch.x, self.config.num_samples, condition=batch.condition).mean()
            value = loss.item()
            if not math.isfinite(value):
                raise self._diverged(epoch, f"the loss is {value}")
            optimizer.zero_grad()
            loss.backward(inputs=list(own))
            optimizer.step()
            total += value * len(batch)
        if not all(bool(torch.isfinite(weight).all()) for weight in own):
            raise self._diverged(epoch, "weights are NaN or infinite")
        return total / self.total

    def _batches(self, epoch: int) -> Iterator[Loaded]:
        """Yield an epoch: data in a fresh order, draws from the model, or half of each."""
        unseen = torch.randperm(0 if self.x is None else len(self.x), generator=self.order)
        for number, start in enumerate(range(0, self.total, self.config.batch_size)):
            size = min(self.config.batch_size, self.total - start)
            share = {"data": size, "mixture": size // 2, "samples": 0}[self.config.on]
            parts = []
            if share:
                parts.append(self._data(unseen[:share]))
                unseen = unseen[share:]
            if share < size:
                key = np.random.SeedSequence(self.config.seed, spawn_key=(epoch, number))
                parts.append(self._drawn(size - share, int(key.generate_state(1)[0])))
            yield parts[0] if len(parts) == 1 else joined(parts)

    def _drawn(self, count: int, seed: int) -> Loaded:
        """Draws from the model, with conditions chosen at random."""
        condition = self.condition
        if condition is not None:
            condition = self._conditions(torch.randint(size_of(condition), (count,), generator=self.order))
        return Loaded.of(simulate(self.twin.model, count, seed, condition)[0], condition=condition)

    def _conditions(self, index: Tensor) -> Tree:
        return mapped(rows_of(self.condition, index), lambda leaf: leaf.to(self.like.device))

    def _data(self, index: Tensor) -> Loaded:
        """Rows of the data on the model's device; a dynamic binarization is drawn on the way."""
        assert self.x is not None
        rows = self.x[index]
        if self.config.binarize == "dynamic":
            rows = torch.bernoulli(rows, generator=self.order)
        return Loaded.of(rows.to(self.like.device), condition=self._conditions(index))

    def _ready(self, x: Tensor | None) -> Tensor | None:
        """Data in the weights' floating-point type, binarized where that is done once."""
        config = self.config
        if x is None:
            if config.on == "samples":
                return None
            raise InputError(f"refit an encoder on {config.on}", "no data", "pass x, or train on='samples'")
        if x.dim() == 0 or x.numel() == 0:
            raise InputError("refit an encoder", f"data of shape {tuple(x.shape)}", "pass datapoints, (N, ...)")
        if not bool(x.isfinite().all()):
            raise InputError("refit an encoder", "data with NaN or infinity in them", "remove or fill them")
        x = x.detach().cpu()
        if x.is_floating_point():
            x = x.to(self.like.dtype)
        if config.binarize == "dynamic":
            require_unit_interval(x, "dynamic")
            return x
        return binarize(x, config.binarize, config.seed)

    def _check_support(self) -> None:
        """Refuse data that p(x|z) gives no density to; draws from it need no check."""
        if self.x is None or self.config.on == "samples":
            return
        # Fresh binary draws are all alike in this; anything else is looked at row by row.
        seen = self.x[:_ROWS_CHECKED] if self.config.binarize == "dynamic" else self.x
        with torch.no_grad():
            for index in torch.arange(len(seen)).split(_ROWS_CHECKED):
                rows = self._data(index)
                z = encode_with(self.model, rows.x, rows.condition).sample()
                check_support(decode_with(self.model, z, rows.condition), rows.x)

    def _nothing_to_train(self) -> InputError:
        do = (
            "keep the encoder's modules as attributes of the model, with requires_grad=True and apart from the "
            "decoder's and the prior's"
        )
        found = "no weights that q(z|x) alone depends on and that a copy of the model has for itself"
        return InputError(f"refit the encoder of a {type(self.twin.model).__name__}", found, do)

    def _diverged(self, epoch: int, found: str) -> InputError:
        do = f"try a smaller learning rate (now {self.config.learning_rate:g}), or check the scale of the data"
        return InputError("refit an encoder", f"{found} in epoch {epoch}; the given model is as it was", do)
