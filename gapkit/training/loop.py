"""Training: epoch -> batch -> loss -> step, on one tensor in memory, fixed by one seed."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.following import followed
from gapkit.inputs.data import COUNTS, Dataset, load
from gapkit.models.native import check_extra, save_model
from gapkit.models.pair import PairModel
from gapkit.models.reference import build
from gapkit.training.config import TrainConfig
from gapkit.training.prepare import bound_norms, check_folder, earlier_files, make_optimizer, prepare_data
from gapkit.training.progress import EpochReport
from gapkit.training.refit import refit
from gapkit.training.refit_config import RefitConfig
from gapkit.training.steps import Steps

__all__ = ["TrainResult", "train"]

State = dict[str, Tensor]


@dataclass(frozen=True)
class TrainResult:
    """Outcome of a training run.

    Attributes:
        path: of ``model.pt``.
        history: one dict per epoch: ``epoch``, ``loss`` (with annealing weights), ``validation_loss`` (without; or
            ``None``), in nats per datapoint; without the prior over weights. With ``mcem`` the loss is the mean of
            -log p(x, z) at the draws, which is no bound, beside ``acceptance`` and ``step`` of the last transitions.
        best_epoch: the epoch whose weights ``model.pt`` holds: the best one with early stopping, else the last.
        stopped_early: whether patience ended the run.
        seconds: of the epochs, together.
    """

    path: Path
    history: list[dict[str, Any]]
    best_epoch: int
    stopped_early: bool
    seconds: float


def train(
    config: TrainConfig,
    data: Dataset | Tensor | None = None,
    out: str | Path = "run",
    *,
    progress: Callable[[EpochReport], None] | bool | None = None,
    overwrite: bool = False,
    device: torch.device | str = "cpu",
) -> TrainResult:
    """Train a reference model and write ``out/model.pt``, with ``out/checkpoints/epoch-0010.pt`` and so on if asked.

    Args:
        config: the settings.
        data: (N, *x_shape), float; ``None`` loads the training split of ``config.data``.
        out: folder of the results.
        progress: called after every epoch; True shows a bar.
        overwrite: replace the model and the checkpoints of an earlier run, which stay until the new model is written.
        device: where to train; data stay where they are, and batches are moved.

    Returns:
        Where the model is and how training went.

    Raises:
        InputError: ``out`` holds a model already, data the likelihood cannot explain, or a loss that is not finite
            (the last good weights are then kept under ``out/checkpoints``). What cannot be saved beside the weights,
            such as a name of the data that is no text, is refused before the first epoch.

    Example:
        >>> import tempfile
        >>> config = TrainConfig(data="digits", hidden=(16,), latent=2, epochs=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = train(config, out=folder)
        >>> result.best_epoch, len(result.history), result.path.name
        (2, 2, 'model.pt')
    """
    out = Path(out)
    check_folder(out, overwrite)
    if data is None:
        data = load(config.data, split="train", counts=config.likelihood.partition(":")[0] in COUNTS)
    x, name = (data.x, data.name) if isinstance(data, Dataset) else (data, str(config.data))
    with followed(progress) as show, torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
        torch.manual_seed(config.seed)
        run = _Run(config, x, name, out, show, torch.device(device))
        earlier = earlier_files(out, overwrite)  # now that nothing else is left to be refused
        result = run.run()
        for path in earlier:
            if path not in run.written:
                path.unlink(missing_ok=True)
        return result


class _Run:
    """The state of one training run."""

    def __init__(
        self,
        config: TrainConfig,
        x: Tensor,
        data_name: str,
        out: Path,
        progress: Callable[[EpochReport], None] | None,
        device: torch.device,
    ) -> None:
        self.config, self.data_name, self.out, self.progress, self.device = config, data_name, out, progress, device
        self.order = torch.Generator().manual_seed(config.seed)  # of permutations and binarization
        self.x, self.held_out = prepare_data(config, x, self.order)
        builder, arguments = config.builder_arguments(tuple(x.shape[1:]))
        self.model: PairModel = build(builder, **arguments).to(device)
        seen = next(self._batches())[1].cpu() if config.binarize == "dynamic" else self.x
        self.model.likelihood.check_support(seen)
        self.steps = Steps(config, self.model, len(self.x))
        self.optimizer = make_optimizer(config, self.model, self.steps.weights)
        self.history: list[dict[str, Any]] = []
        self.good: tuple[int, State, dict[str, Any]] | None = None  # last epoch that ended with finite weights
        self.best: tuple[float, int, State] | None = None  # validation loss, epoch, weights
        self.written: set[Path] = set()
        check_extra(self._extra(0), out / "model.pt")

    def run(self) -> TrainResult:
        """Train, then write the model."""
        start, stopped = time.perf_counter(), False
        for epoch in range(1, self.config.epochs + 1):
            epoch_start = time.perf_counter()
            loss = self._train_epoch(epoch)
            validation = self._validate()
            self.history.append({"epoch": epoch, "loss": loss, "validation_loss": validation, **self.steps.told()})
            self._remember(epoch, validation)
            if self.config.checkpoint_every and epoch % self.config.checkpoint_every == 0:
                self._save(self._checkpoint_path(epoch), epoch)
            if self.progress is not None:
                seconds = time.perf_counter() - epoch_start
                self.progress(EpochReport(epoch, self.config.epochs, loss, validation, seconds))
            if self.best is not None and epoch - self.best[1] >= self.config.early_stopping:
                stopped = True
                break
        seconds = time.perf_counter() - start
        kept = len(self.history)
        if self.best is not None:
            kept = self.best[1]
            self.model.load_state_dict(self.best[2])
        if self.config.objective == "mcem":
            self._fit_encoder()
        path = self._save(self.out / "model.pt", kept)
        return TrainResult(path, self.history, kept, stopped, seconds)

    def _train_epoch(self, epoch: int) -> float:
        """One pass over the data; returns the mean loss in nats per datapoint."""
        kl_weight, entropy_weight = self.config.annealing_weights(epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate_in(epoch)
        self.model.train()
        total = 0.0
        for index, batch in self._batches():
            values = []
            for bound in self.steps.bounds(batch, index, self._noisy(batch), kl_weight, entropy_weight):
                loss = -bound.mean()
                values.append(loss.item())
                if not math.isfinite(values[-1]):
                    raise self._diverged(epoch, f"the loss is {values[-1]}")
                self.optimizer.zero_grad()
                (loss + self.steps.penalty()).backward()
                self.optimizer.step()
                bound_norms(self.model.encoder, self.config.weight_norm_bound)
            total += sum(values) / len(values) * len(batch)
        return total / len(self.x)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the data in a fresh order, with their numbers; a dynamic binarization is drawn on the way."""
        for index in torch.randperm(len(self.x), generator=self.order).split(self.config.batch_size):
            batch = self.x[index]
            batch = torch.bernoulli(batch, generator=self.order) if self.config.binarize == "dynamic" else batch
            yield index, batch.to(self.device)

    def _noisy(self, batch: Tensor) -> Tensor | None:
        """What the encoder is given in the place of a batch, where it is not that."""
        noise = self.config.encoder_noise
        return batch + noise * torch.randn_like(batch) if noise else None

    def _validate(self) -> float | None:
        """Loss on the held-out data without annealing, with the same draws in every epoch; nats per datapoint."""
        if self.held_out is None:
            return None
        self.model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            bounds = [self.steps.validate(part.to(self.device)) for part in self.held_out.split(1000)]
        return -torch.cat(bounds).mean().item()

    def _remember(self, epoch: int, validation: float | None) -> None:
        """Keep the weights of this epoch as the last good ones, and as the best where they are."""
        state = {name: value.clone() for name, value in self.model.state_dict().items()}
        if not all(torch.isfinite(value).all() for value in (*state.values(), *self.steps.weights)):
            raise self._diverged(epoch, "weights are NaN or infinite")
        if validation is not None and not math.isfinite(validation):
            raise self._diverged(epoch, f"the validation loss is {validation}")
        self.good = epoch, state, self.steps.kept()
        if validation is not None and (self.best is None or validation < self.best[0]):
            self.best = validation, epoch, state

    def _fit_encoder(self) -> None:
        """An encoder for a decoder that was trained without one; the decoder stays."""
        binarize = "dynamic" if self.config.binarize == "dynamic" else "none"
        config = RefitConfig(
            epochs=self.steps.updates * self.config.epochs,  # as many updates as the decoder had
            batch_size=self.config.batch_size,
            binarize=binarize,
            seed=self.config.seed,
        )
        self.model = refit(self.model.eval(), self.x, config).model

    def _diverged(self, epoch: int, found: str) -> InputError:
        kept = "there is no earlier good state to keep"
        if self.good is not None:
            last, state, beside = self.good
            self.model.load_state_dict(state)
            kept = f"the last good weights are in {self._save(self._checkpoint_path(last), last, beside)}"
        do = f"try a smaller learning rate (now {self.config.learning_rate:g}), KL annealing, or data scaled to [0, 1]"
        return InputError(f"train {self.config.model} on {self.data_name}", f"{found} in epoch {epoch}; {kept}", do)

    def _checkpoint_path(self, epoch: int) -> Path:
        return self.out / "checkpoints" / f"epoch-{epoch:04d}.pt"

    def _save(self, path: Path, epoch: int, beside: dict[str, Any] | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.model.eval()
        save_model(self.model, path, extra={**self._extra(epoch), **(beside or {})})
        self.written.add(path)
        return path

    def _extra(self, epoch: int) -> dict[str, Any]:
        """What is kept beside the weights of an epoch."""
        return {
            "epoch": epoch,
            "history": self.history,
            "config": self.config.as_dict(),
            "data": self.data_name,
            "binarize": self.config.binarize,
            **self.steps.kept(),
        }
