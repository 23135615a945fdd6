"""Several encoders of one decoder against each other: L[q] of each on the same data and the same noise.

log p(x) and L[q*] are the decoder's and the family's, so they cancel: a difference of two L[q] is a difference of two
amortization gaps, without an estimate of either top rung.
Source: Cremer, Li & Duvenaud, "Inference Suboptimality in Variational Autoencoders" (2018),
https://arxiv.org/abs/1801.03558, sections 3 and 5.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.datapoints import Loaded
from gapkit.core.errors import InputError
from gapkit.core.means import Mean, Uncertain
from gapkit.core.phrases import span_words
from gapkit.core.randomness import Key
from gapkit.core.records import Record
from gapkit.core.trees import Tree, rows_of
from gapkit.estimators import Elbo, Estimate
from gapkit.ladder.arithmetic import Difference, gap
from gapkit.models.conditions import condition_for, require_condition, users_of_condition
from gapkit.models.encoding import encoded
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel
from gapkit.results.summary import difference_of_means, summarise_values
from gapkit.results.summary_frame import summary_frame
from gapkit.results.verdict import plus_minus, with_error
from gapkit.results.with_errors import WithErrors
from gapkit.target import Target, recognise

__all__ = ["EncoderComparison", "EncoderSummary", "compare_encoders", "in_words", "require_one_decoder"]

_UNIT = 100  # datapoints computed together: memory stays bounded
_PROBES = 4  # latents at which decoders are held against each other


@dataclass(frozen=True)
class EncoderSummary(Record):
    """The means of L[q] of several encoders, and of their differences, in nats.

    Attributes:
        bounds: by name of the encoder.
        differences: by "one minus other", every pair in both directions.
    """

    bounds: Mapping[str, Mean]
    differences: Mapping[str, Mean]


@dataclass(frozen=True)
class EncoderComparison:
    """L[q] of several encoders and their differences, in nats.

    Attributes:
        bounds: by name of the encoder, ``value`` and ``std_error`` of L[q] per datapoint, each of shape (N,).
        differences: by (one, other), L[q] of the one minus that of the other, with paired errors, each of shape (N,).
    """

    bounds: Mapping[str, Difference]
    differences: Mapping[tuple[str, str], Difference]

    @property
    def summary(self) -> WithErrors:
        """The means in nats, with their errors and 95% intervals: a row for each ``encoder`` and each difference.

        Differences are called "one minus other", every pair in both directions. Columns are those of
        :attr:`gapkit.results.Result.summary`; printed, the error over datapoints stands beside the mean.
        """
        values = self.summary_values
        return summary_frame({**values.bounds, **values.differences}, ("encoder",))

    @property
    def summary_values(self) -> EncoderSummary:
        """The same as values."""
        return EncoderSummary(
            bounds={name: _summary(values) for name, values in self.bounds.items()},
            differences={f"{a} minus {b}": _summary(values) for (a, b), values in self.differences.items()},
        )


def compare_encoders(
    models: Mapping[str, LatentModel],
    x: Tensor,
    *,
    condition: Tree = None,
    elbo: Elbo | None = None,
    seed: int | Key = 0,
) -> EncoderComparison:
    """Compare encoders that share a decoder and a prior.

    Args:
        models: by name; their order changes no number.
        x: data of shape (N, *x_shape) in the shape that decode describes, where the models are.
        condition: c of conditional models, one row for each datapoint.
        elbo: the estimator of L[q]; ``None`` draws 500 pairs of antithetic samples.
        seed: of the noise, which is the same for all encoders.

    Returns:
        Bounds and paired differences for every datapoint.

    Raises:
        InputError: no datapoints, fewer than two models, or models that differ in more than their encoders.

    Example:
        >>> from gapkit.models.reference import build
        >>> from gapkit.training import RefitConfig, refit
        >>> given, x = build("mlp_vae", x_shape=(4,), latent=2, hidden=(8,)), torch.ones(50, 4)
        >>> new = refit(given, x, RefitConfig(epochs=20, batch_size=10, learning_rate=0.01)).model
        >>> gain = compare_encoders({"given": given, "new": new}, x).summary.loc["new minus given"]
        >>> bool(gain["mean"] > 4 * gain["se_monte_carlo"])
        True
    """
    elbo = elbo or Elbo(num_samples=1000, antithetic=True)
    if len(models) < 2:
        raise InputError("a comparison of encoders", f"{len(models)} models", "pass two or more, by name")
    if len(x) == 0:
        raise InputError("a comparison of encoders", "no datapoints", "pass data of shape (N, ...) with N >= 1")
    if condition is None:
        for model in models.values():
            require_condition(model)
    else:  # those that have no place for it are not given it
        first = next((model for model in models.values() if users_of_condition(model)), next(iter(models.values())))
        condition = condition_for(first, condition, len(x), x.dtype, x.device)
    points = Loaded.of(x, condition=condition)
    indices = seed.indices if isinstance(seed, Key) else tuple(range(len(x)))
    key = Key(seed.seed if isinstance(seed, Key) else seed, indices)
    bounds: dict[str, list[Difference]] = {name: [] for name in models}
    pairs = list(itertools.permutations(models, 2))
    differences: dict[tuple[str, str], list[Difference]] = {pair: [] for pair in pairs}
    for rows in torch.arange(len(x)).split(_UNIT):
        part = key.select(rows)
        seen = points[rows]
        require_one_decoder(models, seen.x, part, seen.condition)
        found = {name: _bound(model, seen, elbo, part) for name, model in models.items()}
        for name, estimate in found.items():
            bounds[name].append(Difference(estimate.value, estimate.std_error))
        for one, other in pairs:
            differences[one, other].append(gap(found[one], found[other]))
    return EncoderComparison(
        {name: _joined(parts) for name, parts in bounds.items()},
        {pair: _joined(parts) for pair, parts in differences.items()},
    )


_TRAINED = {
    "fine_tune": (
        "Fine-tuning the encoder",
        "so much of its gap was unfinished optimisation",
        "no unfinished optimisation shows with this much training",
    ),
    "fresh": (
        "A new encoder of the same size",
        "so much of the gap was due to how the given one was trained, not to its capacity",
        "training from another start gives nothing",
    ),
    "larger": (
        "A larger encoder",
        "so much of the gap was missing capacity and unfinished training together (start fine_tune tells the latter)",
        "no lack of capacity shows with this much training",
    ),
    "other": (
        "A new encoder of other layers or another family",
        "so much comes from its layers, its family and its training together",
        "neither its layers nor its family bring anything with this much training",
    ),
}


def in_words(summaries: Mapping[str, EncoderSummary], start: str, new: str = "refit", old: str = "given") -> list[str]:
    """Say what a refit found, one sentence for each part of the amortization gap.

    Errors after ± are standard errors over datapoints. A part is said to be there if its 95% interval is above 0.

    Args:
        summaries: :attr:`EncoderComparison.summary_values` of ``test`` data and, where the gain on them is to be
            distinguished from what does not generalise, of ``train`` data.
        start: one of ``gapkit.training.refit_config.STARTS``; ``other`` of other layers or another family.
        new: its name in the comparisons.
        old: the name of the encoder that the refit began with; further ones are compared in sentences of their own.

    Example:
        >>> gain = Mean(0.42, 0.01, 0.03, (0.36, 0.48), (-0.1, 1.2), 100, 0)
        >>> print(*in_words({"test": EncoderSummary({}, {"refit minus given": gain})}, "fine_tune"))
        Fine-tuning the encoder gains 0.42 ± 0.03 nats on test data: so much of its gap was unfinished optimisation.
    """
    who, meaning, nothing = _TRAINED[start]
    gains = summaries["test"].differences
    sentences = [_gain(who, gains[f"{new} minus {old}"], meaning, nothing)]
    others = [name for name in summaries["test"].bounds if name not in (new, old)]
    for other in others:
        sentences.append(_against(other, gains[f"{new} minus {other}"], start))
    if "train" in summaries:
        gain = summaries["train"].differences[f"{new} minus {old}"]
        sentences.append(_generalisation(gain, difference_of_means(gain, gains[f"{new} minus {old}"])))
    return sentences


def _gain(who: str, gain: Uncertain, meaning: str, nothing: str) -> str:
    side = _side(gain)
    if side is None:
        return f"{who} {_inconclusive(gain)}"
    if side == 0:
        return f"{who} changes L[q] by {plus_minus(gain)} nats on test data, which may be chance: {nothing}."
    if side < 0:
        return (
            f"{who} loses {with_error(-gain.value, gain.error)} nats on test data: it was trained too little "
            "(--epochs), or too long on too few data."
        )
    return f"{who} gains {plus_minus(gain)} nats on test data: {meaning}."


def _against(other: str, gain: Uncertain, start: str) -> str:
    side = _side(gain)
    if side is None:
        return f"Against the encoder of {other}, it {_inconclusive(gain)}"
    if side == 0:
        return f"It is as good as the encoder of {other} within the error ({plus_minus(gain)} nats on test data)."
    if side < 0:
        return f"It is {with_error(-gain.value, gain.error)} nats below the encoder of {other} on test data."
    meaning = ": so much is capacity, if that one is of the given size and trained as long" if start == "larger" else ""
    return f"It is {plus_minus(gain)} nats above the encoder of {other} on test data{meaning}."


def _generalisation(gain: Uncertain, excess: Uncertain) -> str:
    side = _side(excess)
    if side is None:
        return f"On training data, it {_inconclusive(excess if excess.mean is None else gain)}"
    on_train = f"On training data the gain is {plus_minus(gain)} nats"
    if side > 0:
        return f"{on_train}, {plus_minus(excess)} more than on test data: so much of it does not generalise."
    if side < 0:
        turned = with_error(-excess.value, excess.error)
        return f"{on_train}, {turned} less than on test data: so much the given encoder owed to having seen them."
    return (
        f"{on_train}, the same within the error ({plus_minus(excess)}){': it generalises' if _side(gain) == 1 else ''}."
    )


def _inconclusive(gain: Uncertain) -> str:
    """The rest of a sentence about a gain without an interval."""
    if gain.mean is None:
        return "gives no numbers that a conclusion could rest on."
    few = "" if gain.ci95 else f" ({span_words(gain)})"
    return f"changes L[q] by {plus_minus(gain)} nats{few}: nothing follows from so few datapoints."


def _side(values: Uncertain) -> int | None:
    """On which side of zero the 95% interval lies: 1, -1, 0 if it holds zero, None if there is none."""
    if values.mean is None or values.ci95 is None:
        return None
    low, high = values.ci95
    return 1 if low > 0 else -1 if high < 0 else 0


def _bound(model: LatentModel, points: Loaded, elbo: Elbo, key: Key) -> Estimate:
    with frozen(model), torch.no_grad():
        target = Target(model, points.x, condition=points.condition)
        return elbo.on(target, recognise(encoded(model, points.inputs, points.condition)), key)


def require_one_decoder(models: Mapping[str, LatentModel], x: Tensor, key: Key, condition: Tree = None) -> None:
    """Hold log p(x, z) of all models against each other, at a few latents of the first few datapoints.

    Args:
        models: by name.
        x: data of shape (N, *x_shape).
        key: of these datapoints; names the latents.
        condition: one row for each datapoint, where the models have one.

    Raises:
        InputError: latents of another shape, or another log p(x, z), so that a difference of bounds would say nothing
            about encoders.
    """
    x, key = x[:_PROBES], Key(key.seed, key.indices[:_PROBES])
    first: tuple[str, torch.Size, Tensor] | None = None
    for name, model in models.items():
        with frozen(model), torch.no_grad():
            target = Target(model, x, condition=rows_of(condition, slice(_PROBES)))
            if first is not None and target.latent_shape != first[1]:
                found = f"latents of shape {tuple(first[1])} in {first[0]} and {tuple(target.latent_shape)} in {name}"
                raise InputError("encoders of one decoder", found, "compare models that share decoder and prior")
            z = key.streams("decoders", target.dtype, target.device).normal(2, target.dim)
            values = target.log_joint(z)
        if first is None:
            first = name, target.latent_shape, values
        elif not torch.allclose(values, first[2], rtol=1e-4, atol=1e-4, equal_nan=True):
            found = f"{first[0]} and {name} give the same x and z different log p(x, z)"
            raise InputError("encoders of one decoder", found, "compare models that share decoder and prior")


def _joined(parts: list[Difference]) -> Difference:
    return Difference(torch.cat([part.value for part in parts]), torch.cat([part.std_error for part in parts]))


def _summary(values: Difference) -> Mean:
    return summarise_values(values.value.cpu().numpy(), values.std_error.cpu().numpy())
