"""Is what the model returns read as it is meant? Other readings are tried, and a far better bound gives one away.

A sigmoid's output passes for logits, a standard deviation for a log-variance, pixels of [0, 1] for those of [-1, 1]:
each gives finite numbers, and each a bound tens or hundreds of nats too low that looks like a bad encoder.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Normal, Poisson

from gapkit.core.findings import Finding
from gapkit.doctor.probe import Probe, innermost
from gapkit.families import DiagonalGaussian
from gapkit.models.distributions import ContinuousBernoulli, CrossEntropy

__all__ = ["encoder_input", "far_better", "outputs", "scale"]

_SHARE, _NATS, _DATAPOINTS = 0.1, 1.0, 0.8
_FACTORS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.2, 1.4, 2.0, 3.0, 5.0, 10.0)

# What s, which is taken for a standard deviation, would be one of if encode's second output were something else; and
# whether no datapoint's "log-variance" is negative then, which the posteriors of a trained encoder hardly ever have.
_SCALES: tuple[tuple[str, str, Callable[[Tensor], Tensor], bool], ...] = (
    ("a standard deviation and no log-variance", "mean_std", lambda s: 2.0 * s.log(), True),
    ("a variance and no log-variance", "mean_var", lambda s: (2.0 * s.log()).sqrt(), True),
    ("a log standard deviation and no log-variance", "mean_logstd", lambda s: s.square(), False),
    ("a variance and no standard deviation", "mean_var", torch.sqrt, False),
    ("a log-variance and no standard deviation", "mean_logvar", lambda s: (0.5 * s).exp(), False),
)


def far_better(one: Tensor, other: Tensor, share: float = _SHARE, nats: float = _NATS) -> bool:
    """Whether bounds under another reading are so much better that it must be the right one.

    Args:
        one: bounds as the model is read, shape (B,).
        other: bounds under the other reading, shape (B,).
        share: of the first bounds' size that must be gained on average, at least.
        nats: the same, in nats.
    """
    gain = (other - one)[one.isfinite() | other.isfinite()].nan_to_num(nan=-math.inf)
    if len(gain) == 0:
        return False
    finite = one[one.isfinite()]
    size = float(finite.abs().mean()) if len(finite) else 0.0
    typical = float(gain.double().quantile(1.0 - _DATAPOINTS)) if bool(gain.isfinite().all()) else float(gain.min())
    return typical > 0 and float(gain.clamp(max=1e30).mean()) > max(nats, share * size)


def scale(probe: Probe) -> Finding | None:
    """Whether q would fit far better if its standard deviations were read otherwise."""
    q = probe.q
    if not isinstance(q, DiagonalGaussian):
        return None
    # One factor for all of them mends an encoder that is too sure or too wide; a wrong reading is more than that.
    rescaled = torch.stack(
        [probe.bound_of(DiagonalGaussian(q.loc, factor * q.scale)) for factor in _FACTORS]
    ).nan_to_num(nan=-math.inf)
    best = torch.maximum(rescaled.mean(1).max(), probe.bound.mean())
    tried = []
    for what, name, read, telling in _SCALES:
        other = read(q.scale)
        if not bool((other.isfinite() & (other > 0)).all()):
            continue
        bound = probe.bound_of(DiagonalGaussian(q.loc, other))
        if far_better(probe.bound, bound) and (telling or far_better(best.expand_as(bound), bound, 0.02, 0.5)):
            tried.append((float(bound.mean()), what, name))
    if not tried:
        return None
    value, what, name = max(tried)
    now = float(probe.bound.mean())
    found = f"L[q] is about {now:.1f} nats, and about {value:.1f} if what encode returns second is {what}"
    do = (
        f"say what encode returns: --encoder-output {name} (encoder_output={name!r} in gapkit.from_pair), or return "
        "Normal(mean, standard deviation) from encode; if it is right as it is, go on: this is only a warning"
    )
    return Finding("scale", "warning", "standard deviations of q(z|x)", found, do)


def outputs(probe: Probe) -> Finding | None:
    """Whether decode returns probabilities that are read as logits, rates as log rates, scales as log-variances."""
    base, _ = innermost(probe.decoded)
    for what, do, change, sure in _other_outputs(probe, base):
        bound = probe.bound_of(probe.q, change)
        better = float((bound - probe.bound).nanmean()) > 0
        if sure or far_better(probe.bound, bound):
            values = f"L[q] is about {float(probe.bound.mean()):.1f} nats as it is read now, and about "
            found = f"{what}; {values}{float(bound.mean()):.1f} if they are"
            return Finding(
                "outputs", "error" if sure and better else "warning", "outputs of decode read as meant", found, do
            )
    return None


_NAMES = {Bernoulli: "bernoulli", CrossEntropy: "cross_entropy", ContinuousBernoulli: "continuous_bernoulli"}
_Reading = tuple[str, str, Callable[[Any], Distribution], bool]


def _other_outputs(probe: Probe, base: Distribution) -> Iterator[_Reading]:
    """Other readings of what decode returns: what speaks for each, what to do, the reading, and whether it is sure."""
    if type(base) in _NAMES and "logits" in vars(base):
        if getattr(getattr(probe.model, "likelihood", None), "output", None) == "logits":
            return  # the user has said so
        if _within(probe, lambda p: p.logits):
            name = _NAMES[type(base)]
            do = f"say what decode returns: --likelihood {name}:probs, or {name}:logits if they are logits all the same"
            do += f"; in decode, {type(base).__name__}(probs=...) for probabilities" if name == "bernoulli" else ""
            what = "all outputs lie within [0, 1] for every z, as probabilities do (a sigmoid at the decoder's end?)"
            yield what, do, _probabilities, True
    if isinstance(base, Categorical) and _within(probe, _as_probabilities):
        what = "the outputs of every z look like probabilities (a softmax at the decoder's end?)"
        do = (
            "say what decode returns: --likelihood categorical:num_classes=K,output=probs; in decode, "
            "Categorical(probs=...)"
        )
        yield what, do, lambda p: Categorical(probs=_as_probabilities(p), validate_args=False), True
    if isinstance(base, Poisson) and bool((base.rate >= 1.0).all()):
        what = "no log rate is negative, as if they were rates"
        do = "say what decode returns: --likelihood poisson:rate; in decode, Poisson(rate)"
        yield what, do, lambda p: Poisson(p.rate.log().clamp(min=1e-6), validate_args=False), False
    if type(base) is Normal and bool((base.scale != base.scale[:1]).any()):
        for what, name, read, _ in _SCALES[:4]:
            kind = name.removeprefix("mean_")
            do = (
                f"say what decode returns: --likelihood gaussian:scale=pixel,{kind}; or return Normal(mean, sd) from it"
            )
            if bool((read(base.scale) > 0).all()):
                words = f"the second output could be {what}"
                yield words, do, _with_scale(read), False


def _with_scale(read: Callable[[Tensor], Tensor]) -> Callable[[Any], Distribution]:
    return lambda p: Normal(p.loc, read(p.scale), validate_args=False)


def _within(probe: Probe, values: Callable[[Any], Tensor]) -> bool:
    """Whether values of p(x|z) lie in [0, 1] for latents near and far, and are not all alike."""
    dim = probe.z.shape[-1]
    latents = torch.cat([probe.z, probe.prior_z, 10.0 * probe.prior_z]).reshape(-1, dim)
    low, high = math.inf, -math.inf
    most = probe.target.max_rows
    whose = torch.arange(len(probe.x), device=latents.device).repeat(len(latents) // len(probe.x))
    for part, owner in zip(latents.split(most), whose.split(most), strict=True):
        found = values(innermost(probe.decode(part, owner))[0])
        low, high = min(low, float(found.min())), max(high, float(found.max()))
    return -1e-5 <= low < high <= 1.0 + 1e-5


def _probabilities(p: Bernoulli | ContinuousBernoulli) -> Distribution:
    probs = p.logits.clamp(0.0, 1.0)
    if isinstance(p, CrossEntropy):
        return CrossEntropy(probs=probs, validate_args=False)
    if isinstance(p, ContinuousBernoulli):
        return ContinuousBernoulli(torch.logit(probs, 1e-6), validate_args=False)
    return Bernoulli(probs=probs, validate_args=False)


def _as_probabilities(p: Categorical) -> Tensor:
    """Logits of a categorical are kept up to a constant; that which makes them sum to one."""
    logits = p.logits
    return logits + (1.0 - logits.sum(-1, keepdim=True)) / logits.shape[-1]


def encoder_input(probe: Probe, other: Tensor, binary: bool) -> Finding | None:
    """Whether the encoder does far better on another form of the same data, such as grey pixels for binary ones.

    Args:
        probe: the model, with the data as they are analysed.
        other: the other form of the same B datapoints, shape (B, ...).
        binary: whether the encoder is given the binary data now, and ``other`` are those before.
    """
    q = probe.encode(other)
    if q.loc.shape != probe.q.loc.shape:
        return None
    bounds = probe.bound, probe.bound_of(q)
    if not far_better(*bounds, _SHARE / 2):
        return None
    other_form = "data before they were binarised" if binary else "binarised data"
    found = (
        f"L[q] is about {float(bounds[0].mean()):.1f} nats with q from what the encoder is given now, and about "
        f"{float(bounds[1].mean()):.1f} on the same targets with q from the {other_form}: it was trained on those"
    )
    do = (
        "give it those and keep the binary targets: --encode-from original (encoder_x= in gapkit.analyze)"
        if binary
        else "give it the binary data too: without --encode-from original (encoder_x=)"
    )
    return Finding("encoder_input", "warning", "an encoder that is given data as in training", found, do)
