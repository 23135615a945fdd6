"""What is trained and how long: the models of the paper's tables, by three budgets."""

from dataclasses import dataclass, field, replace
from typing import Any

from analyses.lab import Analysed, Refitted, Source, Trained
from gapkit.engine import spec_for

__all__ = ["AF", "BUDGETS", "FFG", "KINDS", "OVER_TIME", "Budget", "analysed", "refitted", "sources", "trained"]

# Beside 784-200-200-50 with ELU and entropy annealing: what each kind of model has of its own.
KINDS: dict[str, dict[str, Any]] = {
    "FFG": {},
    "AF": {"posterior": "auxiliary"},
    "FFG, larger encoder": {"larger": True},
    "AF, larger encoder": {"larger": True, "posterior": "auxiliary"},
    "FFG, no annealing": {"annealing": "none"},
    "AF, no annealing": {"annealing": "none", "posterior": "auxiliary"},
    "FFG, decoder without hidden layers": {"decoder": 0},
    "FFG, decoder of 4 hidden layers": {"decoder": 4},
}
# Those that are looked at over their training, too.
OVER_TIME = ("FFG", "AF", "FFG, larger encoder", "FFG, decoder of 4 hidden layers")
FFG, AF = "mean_field", "auxiliary"


@dataclass(frozen=True)
class Budget:
    """How much is spent.

    Attributes:
        name: of the budget.
        seeds: trainings of each kind.
        epochs: of a training, by data set.
        images: of the training set, the first ones; None for all.
        points: datapoints of each split that are analysed.
        conv_points: the same where the model is convolutional.
        width: units of a hidden layer; a larger encoder has 2.5 times as many.
        latent: dimension of z.
        channels: of the convolutional model.
        sets: the data sets of the gap table, the first one that of the other experiments.
        checkpoints: of a training that is looked at over time.
        long: epochs of the one longer training of the first model, all of whose datapoints are 1,000; 0 for none.
        conv_seeds: trainings of the convolutional models.
        effort: of the analyses.
    """

    name: str
    seeds: int
    epochs: dict[str, int]
    images: int | None
    points: int
    conv_points: int
    width: int
    latent: int
    channels: tuple[int, ...]
    sets: tuple[str, ...]
    checkpoints: int
    long: int = 0
    conv_seeds: int = 3
    effort: str = "quick"
    spec: dict[str, Any] = field(default_factory=dict)


# Fits and evidence of a smoke test: enough for every line of code, and for nothing else.
_QUICK = spec_for("quick")
_SMOKE_SPEC: dict[str, Any] = {
    "certificate": 5,
    "bank_data": 200,
    "fit": replace(_QUICK.fit, num_starts=1, most_starts=2, gradient_steps=20, polish_steps=4),
    "route_control": 0.0,
}
# Of 300 gradient steps an auxiliary flow of 50 latents would lack more than a nat; of these it lacks half of one.
_CPU_SPEC: dict[str, Any] = {"certificate": 25, "fit": replace(_QUICK.fit, gradient_steps=1000)}
_CPU = {"MNIST": 20, "digits": 150, "3-bit CIFAR": 8, "Fashion-MNIST": 20}
LARGEST_UNIT = 200
_GPU = {"MNIST": 3280, "digits": 3280, "3-bit CIFAR": 400, "Fashion-MNIST": 3280}
BUDGETS = {
    "smoke": Budget(
        name="smoke",
        seeds=2,
        epochs={"digits": 4},
        images=200,
        points=10,
        conv_points=10,
        width=12,
        latent=3,
        channels=(4, 8),
        sets=("digits",),
        checkpoints=2,
        spec=_SMOKE_SPEC,
    ),
    "cpu": Budget(
        name="cpu",
        seeds=3,
        epochs=_CPU,
        images=None,
        points=50,
        conv_points=10,
        width=200,
        latent=50,
        channels=(16, 32, 64),
        sets=("MNIST", "digits", "3-bit CIFAR"),
        checkpoints=5,
        long=100,
        conv_seeds=1,
        spec=_CPU_SPEC,
    ),
    "gpu": Budget(
        name="gpu",
        seeds=3,
        epochs=_GPU,
        images=None,
        points=1000,
        conv_points=100,
        width=200,
        latent=50,
        channels=(64, 128, 256),
        sets=("MNIST", "Fashion-MNIST", "digits", "3-bit CIFAR"),
        checkpoints=5,
        spec={"certificate": 50},
        effort="standard",
    ),
}


def sources(
    budget: Budget, mnist: str = "mnist", cifar: str = "cifar10", fashion: str = "fashion_mnist"
) -> dict[str, Source]:
    """The data sets of a budget, by name.

    Args:
        budget: says which.
        mnist: name or file.
        cifar: name or file; each colour channel is cut at a half.
        fashion: name or file; pixels are cut at a half.
    """
    found = {
        "MNIST": Source("MNIST", mnist, images=budget.images),
        "Fashion-MNIST": Source("Fashion-MNIST", fashion, "threshold", budget.images),
        "digits": Source("digits", "digits", images=budget.images),
        "3-bit CIFAR": Source("3-bit CIFAR", cifar, "threshold", budget.images),
    }
    return {name: found[name] for name in budget.sets}


def trained(budget: Budget, source: Source, kind: str, seed: int = 0, **further: Any) -> Trained:
    """The training of a kind of model on a data set.

    Args:
        budget: says how long.
        source: of the data.
        kind: one of ``KINDS``.
        seed: of the training.
        further: settings of ``TrainConfig``.
    """
    own = dict(KINDS[kind])
    epochs, width = budget.epochs[source.name], budget.width
    settings: dict[str, Any] = {
        "latent": budget.latent,
        "epochs": epochs,
        "schedule": "cosine",
        "annealing": "entropy",
        "seed": seed,
    }
    larger, decoder = own.pop("larger", False), own.pop("decoder", 2)
    wide = int(2.5 * width)
    if source.name == "3-bit CIFAR":
        channels = tuple(2 * size for size in budget.channels) if larger else budget.channels
        settings |= {"model": "conv", "hidden": channels, "decoder_hidden": budget.channels[::-1]}
    else:
        settings |= {"hidden": (wide if larger else width,) * 2, "decoder_hidden": (width,) * decoder}
    settings |= own
    if kind in OVER_TIME and source.name == budget.sets[0]:
        settings["checkpoint_every"] = epochs // budget.checkpoints
    if settings["annealing"] != "none":
        settings["annealing_epochs"] = max(1, epochs // 8)  # 400 of 3,280 in the paper's code
    return Trained.of(source, **(settings | further))


def refitted(budget: Budget, source: Source, seed: int, **settings: Any) -> Refitted:
    """Another encoder for the FFG model of a seed, trained for a quarter of its epochs.

    Args:
        budget: of the model.
        source: of the data.
        seed: of both trainings.
        settings: of ``RefitConfig``.
    """
    epochs = max(1, budget.epochs[source.name] // 4)
    whole = {"start": "fresh", "epochs": epochs, "seed": seed, **settings}
    return Refitted(trained(budget, source, "FFG", seed), tuple(sorted(whole.items())))


def analysed(
    budget: Budget, of: Trained | Refitted, *families: str, points: int | None = None, **further: Any
) -> Analysed:
    """The run of a model on both splits.

    Args:
        budget: says on how many datapoints and with which effort.
        of: the model.
        families: of q*, the first one that of the split; none for the encoder's own.
        points: other than the budget's.
        further: settings of the analysis.
    """
    conv = dict(of.settings).get("model") == "conv" if isinstance(of, Trained) else False
    count = points or (budget.conv_points if conv else budget.points)
    further = {"unit_size": min(count, LARGEST_UNIT), **further}  # a whole unit is computed, however few it holds
    checkpoint, data = further.pop("checkpoint", None), further.pop("data", None)
    spec = tuple(sorted((budget.spec | further).items()))
    return Analysed(of, count, families, checkpoint, spec, budget.effort, data=data)
