"""A Lightning callback: the inference gaps of the model in training, every few epochs, on a held-out batch."""

import contextlib
import importlib
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.engine import AnalysisSpec, analyze, spec_for
from gapkit.ladder import Ladder
from gapkit.models import LatentModel, from_pair
from gapkit.results import Result
from gapkit.results.records import Summary
from gapkit.trackers import metrics

__all__ = ["GapCallback"]

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")  # one library under two names
_ENDINGS = ("", "_se_monte_carlo", "_se_datapoints")  # of what is logged of a quantity
# Strategies that leave no process with all weights: to read them there, all processes would have to take part.
_SPREAD = {"DeepSpeedStrategy", "FSDPStrategy", "ModelParallelStrategy"}


class GapCallback:
    """Analyses the model at the end of every n-th epoch and logs the gaps with their errors.

    The model must have ``encode``, ``decode`` and ``prior`` that return distributions; else say how to read it, with
    ``likelihood`` or ``to_model``. Training goes on as without the callback, bit for bit: weights, gradients, modes and
    random states are left as they were.

    Names are those of :func:`gapkit.trackers.metrics`, such as ``gapkit/test/amortization_gap`` and
    ``gapkit/test/amortization_gap_se_datapoints``, in nats, for the gaps, log p(x), L[q*] and L[q]; values that are
    not finite are left out. Lightning keeps logged numbers in single precision, ``history`` in double.

    Where there is validation at the end of the epoch the numbers are logged with it, so that other callbacks can
    monitor them; else at the end of the training epoch. With several processes only the first analyses and logs, and
    the others meet it at their next synchronisation: let the analysis be shorter than the timeout of the process
    group. Models whose weights are spread over processes cannot be analysed this way.

    An instance is also a ``Callback`` of the Lightning that is installed, under either of its names.

    Args:
        x: held-out data of shape (N, *x_shape), or several data sets by the name of their split; plain data are the
            split "test".
        every_n_epochs: analyse after so many epochs.
        effort: ``quick``, ``standard`` or ``thorough``.
        limit: analyse only the first datapoints of each data set.
        likelihood: p(x|z), such as "bernoulli", of a module whose ``encode`` returns (mean, logvar) and whose
            ``decode`` returns the likelihood's parameters; see :func:`gapkit.from_pair`.
        to_model: makes an object of the model contract from the module, for all else.
        prefix: first part of every name.
        seed: of the analysis.
        strict: whether an analysis that fails stops the training; else it is a warning, given once.

    Attributes:
        spec: the settings of the analyses: those of the effort, without what only pictures need.
        result: the last :class:`gapkit.Result`, None before the first.
        history: the summary of every analysed epoch; epochs are numbered from 0, as in Lightning's logs.

    Raises:
        InputError: Lightning is not installed, or an argument is out of range.
    """

    result: Result | None
    history: dict[int, Summary]

    def __new__(cls, *args: Any, **kwargs: Any) -> "GapCallback":
        """Make an instance that is a Lightning callback too; Lightning is not imported before it is needed."""
        known: Any = cls
        return object.__new__(_with_bases(known, _callback_classes()))

    def __init__(
        self,
        x: Tensor | np.ndarray | Mapping[str, Tensor],
        every_n_epochs: int = 5,
        effort: str = "quick",
        limit: int | None = None,
        likelihood: str | None = None,
        to_model: Callable[[Any], LatentModel] | None = None,
        prefix: str = "gapkit",
        *,
        seed: int = 0,
        strict: bool = False,
    ) -> None:
        super().__init__()
        for name, value in (("every_n_epochs", every_n_epochs), ("limit", limit)):
            if value is not None and value < 1:
                raise InputError(f"{name}={value}", "less than one", "use 1 or more")
        if likelihood is not None and to_model is not None:
            raise InputError("likelihood= and to_model=", "two ways to read the module", "give one of them")
        self.x = _splits(x, limit)
        self.every_n_epochs, self.prefix, self.strict = every_n_epochs, prefix, strict
        self.likelihood, self.to_model = likelihood, to_model
        self.spec = _small(spec_for(effort, seed=seed, details=0, convergence=0), self.x)  # those are for pictures
        self.result, self.history = None, {}
        self._last_epoch: int | None = None
        self._warned: set[str] = set()

    def __reduce__(self) -> tuple[Any, ...]:
        return _blank, (type(self).__mro__[1],), dict(vars(self))

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to count epochs anew."""
        self._last_epoch = None

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Analyse with the validation that ends the epoch, not with one in its midst."""
        fitting = trainer.state.fn == "fit" and not trainer.sanity_checking
        if fitting and trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            self._at_epoch_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Analyse where no validation ended the epoch."""
        self._at_epoch_end(trainer, pl_module)

    def _at_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        epoch = trainer.current_epoch
        if not trainer.is_global_zero or epoch == self._last_epoch or (epoch + 1) % self.every_n_epochs:
            return
        self._last_epoch = epoch
        try:
            _refuse_spread_weights(trainer.strategy)
            with _random_states_kept():
                result = analyze(self._model(pl_module), self.x, self.spec, device=pl_module.device)
        except Exception as error:  # whatever it is, it is not worth the training
            if self.strict:
                raise
            self._warn_once(f"no gaps of epoch {epoch}", f"{type(error).__name__}: {error}")
            return
        self.result, self.history[epoch] = result, result.summary_values
        numbers = metrics(result.summary_values, self.prefix)
        names = _logged(result.ladder)
        logged = {name: value for name, value in numbers.items() if name.rpartition("/")[2] in names}
        pl_module.log_dict(logged, batch_size=1, rank_zero_only=True)

    def _model(self, pl_module: Any) -> LatentModel:
        if self.to_model is not None:
            return self.to_model(pl_module)
        if self.likelihood is None:
            return pl_module
        prior = pl_module.prior if callable(getattr(pl_module, "prior", None)) else "standard_normal"
        return from_pair(pl_module.encode, pl_module.decode, self.likelihood, prior)

    def _warn_once(self, where: str, reason: str) -> None:
        if reason not in self._warned:
            self._warned.add(reason)
            said = "; the same in later epochs is not repeated, strict=True stops instead"
            warnings.warn(f"{where}: {reason}{said}", GapkitWarning, stacklevel=2)


def _logged(ladder: Ladder) -> set[str]:
    """What of all numbers of a split is logged: rungs and gaps, with their errors."""
    return {f"{name}{ending}" for name in ladder.names for ending in _ENDINGS}


def _splits(x: Tensor | np.ndarray | Mapping[str, Tensor], limit: int | None) -> dict[str, Tensor]:
    """Copies of the first datapoints of every split.

    Raises:
        InputError: nothing to analyse.
    """
    splits = {name: torch.as_tensor(data) for name, data in (x if isinstance(x, Mapping) else {"test": x}).items()}
    shapes = {name: tuple(data.shape) for name, data in splits.items()}
    if not splits or not all(data.ndim and len(data) for data in splits.values()):
        raise InputError("held-out data of shape (N, ...) with N >= 1", f"{shapes or 'none'}", "give some datapoints")
    return {name: data[:limit].detach().clone() for name, data in splits.items()}


def _small(spec: AnalysisSpec, x: Mapping[str, Tensor]) -> AnalysisSpec:
    """Units are padded to their size, which would make a batch of 20 datapoints as expensive as 200."""
    return replace(spec, unit_size=min(spec.unit_size, max(len(data) for data in x.values())))


def _refuse_spread_weights(strategy: object) -> None:
    """Refuse to wait for processes that do not know of the analysis.

    Raises:
        InputError: no process has all weights.
    """
    spread = _SPREAD & {base.__name__ for base in type(strategy).__mro__}
    if spread:
        found = f"weights that {spread.pop()} spreads over processes"
        raise InputError("an analysis in the first process", found, "analyse the saved checkpoints: gapkit analyze")


@contextlib.contextmanager
def _random_states_kept() -> Iterator[None]:
    """Give the training the random numbers that it would have had: of torch, its CUDA devices, NumPy and Python."""
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002  the global one is what is kept
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002


def _callback_classes() -> tuple[type, ...]:
    """The base class of every Lightning that is loaded; of the one that is installed, if none is.

    A trainer knows callbacks by the class of its own package, and importing the other one costs seconds.

    Raises:
        InputError: there is no Lightning.
    """
    for names in ([name for name in _PACKAGES if name in sys.modules], *((name,) for name in _PACKAGES)):
        with contextlib.suppress(ImportError):
            found = tuple(importlib.import_module(name).Callback for name in names)
            if found:
                return found
    found_none = "neither lightning nor pytorch_lightning can be imported"
    raise InputError("a Lightning callback", found_none, "pip install 'gapkit[lightning]'")


@cache
def _with_bases(cls: Any, bases: tuple[type, ...]) -> Any:
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (cls, *bases), names)


def _blank(cls: Any) -> Any:
    """An instance without attributes, for unpickling: in another process, another Lightning may be loaded."""
    return cls.__new__(cls)
