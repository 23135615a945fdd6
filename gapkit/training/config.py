"""What a training run is asked to do, refused early when it makes no sense."""

import math
import warnings
from dataclasses import dataclass, fields
from pathlib import Path

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.ranges import above, check_ranges, each, one_of, optional, share, whole
from gapkit.models.heads import HEADS

__all__ = ["MODELS", "RANGES", "TrainConfig"]

MODELS = {"mlp": "mlp_vae", "conv": "conv_vae"}  # short name -> reference builder
_STAGES = 8
RANGES = {
    "model": one_of(*MODELS),
    "hidden": optional(each(whole(1))),
    "decoder_hidden": optional(each(whole(1))),
    "latent": whole(1),
    "posterior": one_of(*HEADS),
    "epochs": whole(1),
    "batch_size": whole(1),
    "learning_rate": above(0, "0.001"),
    "optimizer": one_of("adam", "adagrad"),
    "schedule": one_of("constant", "cosine", "stages"),
    "objective": one_of("elbo", "iwae", "wake_sleep", "mcem", "full_vb"),
    "sgvb": one_of("a", "b"),
    "num_samples": whole(1),
    "annealing": one_of("none", "kl", "entropy"),
    "annealing_epochs": whole(0),
    "binarize": one_of("none", "threshold", "dynamic", "sample"),
    "early_stopping": whole(0, or_zero="to never stop early"),
    "validation_fraction": share(zero=False, one=False),
    "encoder_noise": above(0, "0.3", or_zero="for none"),
    "weight_norm_bound": above(0, "1", or_zero="for none"),
    "weight_prior": above(0, "1", or_zero="for none"),
    "initial_std": above(0, "0.1", or_zero="for those of torch"),
    "checkpoint_every": whole(0, or_zero="for none"),
    "seed": whole(0),
}


_NO_PLACE = {
    "posterior": "q without a density of z",
    "binarize": "a chain for each datapoint, which stays in one posterior only where x stays",
}


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of :func:`gapkit.training.train`.

    Attributes:
        data: source of the data, as for :func:`gapkit.inputs.data.load`; a path is kept as text.
        model: ``mlp`` or ``conv``.
        hidden: widths of the hidden layers (mlp) or channels of the convolutions (conv), from the data inwards;
            ``None`` takes (200, 200) and (32, 64), () an encoder and a decoder without hidden layers (mlp).
        decoder_hidden: those of the decoder, from z outwards; ``None`` mirrors ``hidden``.
        activation: of the hidden layers.
        latent: dimension of z.
        posterior: family of q(z|x): ``mean_field``, ``full_rank``, ``low_rank``, ``flow`` or ``auxiliary``.
        likelihood: of p(x|z), e.g. ``bernoulli`` or ``gaussian:sigma=0.1``.
        epochs: passes over the data.
        batch_size: datapoints of a step.
        learning_rate: of the optimizer, in the first epoch.
        schedule: ``constant``; ``cosine``, falling to a hundredth; or ``stages``: eight of them, each three times as
            long as the one before, in which the rate falls to a tenth (Burda et al. 2016, section 5, who take 3,280
            epochs).
        optimizer: ``adam`` or ``adagrad``.
        objective: ``elbo`` (AEVB); ``iwae``; ``wake_sleep``; ``mcem``, Monte Carlo EM with Hamiltonian draws of the
            posterior, five weight updates for each, and at the end an encoder that is fitted to the decoder in as many
            updates (checkpoints before have one that is not trained); or ``full_vb``, the ELBO with
            a Gaussian q over the decoder's weights too, whose means the model then has as weights (Kingma & Welling
            2014, sections 2 and 5, appendices E and F).
        sgvb: ``b`` takes the KL term of the ELBO in closed form where there is one, ``a`` samples it.
        num_samples: latent draws per datapoint and step, the k of IWAE.
        annealing: ``kl`` multiplies the KL term, ``entropy`` only log q(z|x), by a weight that rises linearly from 0
            in the first epoch to 1 after ``annealing_epochs`` (Cremer et al. 2018).
        annealing_epochs: length of that rise.
        binarize: ``none``, ``threshold``, ``sample`` (one fixed draw), ``dynamic`` (a fresh draw every epoch), or
            ``None``: ``dynamic`` for a Bernoulli likelihood (``sample`` with ``mcem``, whose chains are of one
            posterior each), ``none`` for all others.
        encoder_noise: standard deviation of normal noise on what the encoder is given in training, in the units of the
            data; log p(x|z) stays that of the clean x. 0 for none.
        weight_norm_bound: the largest norm of the weights of an encoder's unit: longer ones are cut to it after every
            step. 0 for none. Both are amortized inference regularisation (Shu et al. 2018,
            https://arxiv.org/abs/1805.08913): a restricted encoder regularises the decoder.
        weight_prior: standard deviation of a normal prior over the decoder's weights: the weights are then those of
            maximum a posteriori; with ``full_vb`` the prior of the bound. 0 for none (``full_vb``: 1).
        initial_std: standard deviation of the normal distribution that all weights and biases are drawn from; 0 for
            torch's own of each layer.
        early_stopping: stop after so many epochs without a better loss on held-out data; 0 never stops, holds
            nothing out and keeps the last epoch.
        validation_fraction: share of the data held out for early stopping.
        checkpoint_every: write a checkpoint every so many epochs; 0 writes none.
        seed: of everything random: initial weights, held-out part, order, binarization, latent draws.

    Raises:
        InputError: a value out of its range.

    Example:
        >>> TrainConfig(data="digits", epochs=5).binarize
        'dynamic'
    """

    data: str | Path = "mnist"
    model: str = "mlp"
    hidden: tuple[int, ...] | None = None
    decoder_hidden: tuple[int, ...] | None = None
    activation: str = "elu"
    latent: int = 50
    posterior: str = "mean_field"
    likelihood: str = "bernoulli"
    epochs: int = 100
    batch_size: int = 100
    learning_rate: float = 1e-3
    schedule: str = "constant"
    optimizer: str = "adam"
    objective: str = "elbo"
    sgvb: str = "b"
    num_samples: int = 1
    annealing: str = "none"
    annealing_epochs: int = 0
    binarize: str | None = None
    encoder_noise: float = 0.0
    weight_norm_bound: float = 0.0
    weight_prior: float = 0.0
    initial_std: float = 0.0
    early_stopping: int = 0
    validation_fraction: float = 0.1
    checkpoint_every: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", str(self.data))  # a checkpoint holds no path objects
        bernoulli = self.likelihood.partition(":")[0] == "bernoulli"
        if self.binarize is None:
            drawn = "sample" if self.objective == "mcem" else "dynamic"
            object.__setattr__(self, "binarize", drawn if bernoulli else "none")
        check_ranges("training", self, RANGES)
        for name in ("hidden", "decoder_hidden"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if (self.annealing == "none") != (self.annealing_epochs == 0):
            found = f"annealing is {self.annealing!r} and annealing_epochs is {self.annealing_epochs}"
            raise InputError("training with annealing", found, "set both, e.g. annealing='kl' with annealing_epochs=50")
        self._check_objective()
        if self.annealing_epochs > self.epochs:
            text = f"annealing over {self.annealing_epochs} of {self.epochs} epochs: the weight never reaches 1"
            warnings.warn(text, GapkitWarning, stacklevel=3)
        if self.binarize != "none" and not bernoulli:
            text = f"binarize={self.binarize!r} gives the {self.likelihood} likelihood zeros and ones"
            warnings.warn(text, GapkitWarning, stacklevel=3)

    def _check_objective(self) -> None:
        """Refuse settings that the objective has no place for."""
        bound = self.objective in ("elbo", "iwae")
        refused = {
            "annealing": self.annealing != "none" and not bound,
            "num_samples": self.num_samples > 1 and self.objective == "mcem",
            "encoder_noise": self.encoder_noise > 0 and self.objective == "mcem",
            "weight_norm_bound": self.weight_norm_bound > 0 and self.objective == "mcem",
            "binarize": self.binarize == "dynamic" and self.objective == "mcem",
            "early_stopping": self.early_stopping > 0 and self.objective in ("mcem", "full_vb"),
            "sgvb": self.sgvb == "a" and self.objective not in ("elbo", "full_vb"),
            "posterior": self.posterior == "auxiliary" and self.objective == "wake_sleep",
        }
        for name, wrong in refused.items():
            if wrong:
                asked = f"training with objective={self.objective!r} and {name}={getattr(self, name)!r}"
                found = _NO_PLACE.get(name, "an objective that has no place for it")
                raise InputError(asked, found, f"leave {name} out, or take objective='elbo'")

    def builder_arguments(self, x_shape: tuple[int, ...]) -> tuple[str, dict[str, object]]:
        """Return the name of the reference builder and its arguments for data of shape (N, *x_shape)."""
        arguments: dict[str, object] = {
            "x_shape": x_shape,
            "latent": self.latent,
            "posterior": self.posterior,
            "activation": self.activation,
            "likelihood": self.likelihood,
        }
        sizes, default = ("hidden", (200, 200)) if self.model == "mlp" else ("channels", (32, 64))
        arguments[sizes] = default if self.hidden is None else self.hidden
        if self.decoder_hidden is not None:
            arguments[f"decoder_{sizes}"] = self.decoder_hidden
        return MODELS[self.model], arguments

    def as_dict(self) -> dict[str, object]:
        """Return the settings as plain values, as they are stored in checkpoints."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    def annealing_weights(self, epoch: int) -> tuple[float, float]:
        """Return the weights of the KL term and of log q(z|x) in an epoch, counted from 1."""
        if self.annealing == "none":
            return 1.0, 1.0
        weight = min(1.0, (epoch - 1) / self.annealing_epochs)
        return (weight, 1.0) if self.annealing == "kl" else (1.0, weight)

    def learning_rate_in(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1.

        Example:
            >>> config = TrainConfig(epochs=3280, schedule="stages")
            >>> [round(config.learning_rate_in(epoch), 6) for epoch in (1, 2, 4, 5, 3280)]
            [0.001, 0.00072, 0.00072, 0.000518, 0.0001]
        """
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "cosine":
            done = (epoch - 1) / self.epochs
            return self.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
        ends = [(3 ** (stage + 1) - 1) / 2 for stage in range(_STAGES)]  # 1, 4, 13, ... 3,280
        at = (epoch - 0.5) / self.epochs * ends[-1]
        return float(self.learning_rate * 10 ** (-sum(end <= at for end in ends) / (_STAGES - 1)))
