"""The stages of a work unit: bounds, fits, evidence.

Each stage is a function of the batch and of what earlier stages gave; none keeps any state.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from gapkit.core.datapoints import Datapoints, Loaded
from gapkit.core.randomness import Key
from gapkit.core.rows import sample_rows
from gapkit.engine.own_bounds import measured
from gapkit.engine.spec import AnalysisSpec
from gapkit.estimators import Estimate, Estimator
from gapkit.estimators.evidence import Evidence, estimate_evidence
from gapkit.families.protocol import Posterior
from gapkit.local import Bank, LocalFit, LocalFits, fit_further, fit_gaussian, semi_amortized, split_family
from gapkit.models.encoding import encoded
from gapkit.models.protocol import LatentModel
from gapkit.results.iwae_curve import GroupedBounds, grouped_bounds
from gapkit.target import Target, family_name, recognise

__all__ = [
    "Batch",
    "Bounds",
    "bounds",
    "curve_rows",
    "encoder",
    "evidence",
    "family",
    "fits",
    "like_of",
    "make_batch",
    "own",
    "own_bounds",
    "posterior_of",
    "select",
    "target_of",
]


_IN_A_ROW = 64  # datapoints, of eight places, whose conditions stand for all


@dataclass(frozen=True)
class Batch:
    """The datapoints of a unit, bound to the model: the input of every stage.

    Attributes:
        target: log p(x, z) of the datapoints.
        points: these, with what encoders are given for them and their condition.
        q: the encoder's posteriors.
        key: seed and indices.
    """

    target: Target
    points: Loaded
    q: Posterior
    key: Key


@dataclass(frozen=True)
class Bounds:
    """The encoder's IWAE bound, and those with fewer of the same draws."""

    iwae: Estimate
    grouped: GroupedBounds


def make_batch(like: Target, points: Loaded, key: Key) -> Batch:
    """Encode a unit's datapoints.

    Args:
        like: any target of the model.
        points: B datapoints in memory.
        key: of these datapoints.
    """
    target = target_of(like.model, points, like=like)
    return Batch(target, points, posterior_of(like.model, points), key)


def like_of(model: LatentModel, points: Datapoints) -> Target:
    """What stands for the model in a run: the target of one datapoint, or, where a condition belongs to each, of some.

    Data are simulated with their conditions, and starts are drawn from their priors.
    """
    some = points[:1] if points.condition is None else points[sample_rows(len(points), _IN_A_ROW)]
    return target_of(model, some)


def target_of(model: LatentModel, points: Loaded, like: Target | None = None) -> Target:
    """Log p(x, z) of some datapoints; without ``like`` it has a count of work of its own."""
    return Target(model, points.x, like=like, condition=points.condition)


def posterior_of(model: LatentModel, points: Loaded) -> Posterior:
    """The encoder's q for some datapoints."""
    return recognise(encoded(model, points.inputs, points.condition))


def select(batch: Batch, rows: Tensor) -> Batch:
    """Some datapoints of a unit, encoded by themselves: rows has shape (P,)."""
    return make_batch(batch.target, batch.points[rows], batch.key.select(rows))


def bounds(batch: Batch, spec: AnalysisSpec) -> Bounds:
    """The encoder's IWAE bound, with all draws and with fewer."""
    log_w = spec.iwae.log_weights(batch.target, batch.q, batch.key)
    return Bounds(spec.iwae.estimate(log_w, batch.key), grouped_bounds(log_w.cpu().numpy()))


def own_bounds(batch: Batch, bounds: Mapping[str, Estimator]) -> tuple[dict[str, Estimate], dict[str, str]]:
    """Bounds of one's own with the encoder's q, by name, NaN where one fails; and the reasons."""
    return measured(bounds, batch.target, batch.q, batch.key)


def fits(batch: Batch, bank: Bank | None, spec: AnalysisSpec, more: Tensor | None = None) -> LocalFits:
    """L[q], q* in the Gaussian families, and the mixture of modes; ``more`` are other starts."""
    return fit_gaussian(batch.target, batch.q, bank, batch.key, spec.fit, spec.elbo, own(batch, spec), more)


def own(batch: Batch, spec: AnalysisSpec) -> str:
    """The family of the split: the encoder's own, or the one asked for in its place."""
    return split_family(family_name(batch.q), spec.families)


def family(batch: Batch, fitted: LocalFits, name: str, spec: AnalysisSpec) -> LocalFit:
    """q* in one more family, from the modes and the Gaussian fits."""
    return fit_further(fitted, batch.target, batch.q, batch.key, spec.fit, spec.elbo, name)


def evidence(batch: Batch, fitted: LocalFits, spec: AnalysisSpec) -> Evidence:
    """The estimate of log p(x), from the mixture of modes."""
    return estimate_evidence(batch.target, fitted.mixture, batch.key, spec.evidence)


def encoder(batch: Batch, spec: AnalysisSpec, model: LatentModel) -> Estimate:
    """L[q'] of a further encoder, with the analysed model's decoder and the noise of L[q]."""
    q = posterior_of(model, batch.points)
    return spec.elbo.on(batch.target, q, batch.key)


def curve_rows(batch: Batch, spec: AnalysisSpec, fitted: LocalFits) -> pd.DataFrame:
    """L[q] after local steps from the encoder's q, its gain on L[q] and what L[q*] of the encoder's family leaves.

    One row per datapoint and number of steps, as :func:`gapkit.results.step_gains.summarise_curve` takes them; a padded
    unit repeats its last datapoint.
    """
    star = fitted.family(family_name(batch.q)).elbo
    curve = semi_amortized(
        batch.target,
        batch.q,
        batch.key,
        steps=spec.semi_amortized_steps,
        judge=spec.elbo,
        encoder=fitted.encoder,
    )
    parts = []
    for steps, after, gain, left in zip(curve.steps, curve.elbo, curve.gains(), curve.left(star), strict=True):
        part = {"index": list(batch.key.indices), "steps": steps}
        for name, values in (("elbo", after), ("gain", gain), ("left", left)):
            part |= {name: values.value.tolist(), f"{name}_se": values.std_error.tolist()}
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)
