"""The stages of a work unit: bounds, fits, evidence, and the rows of the table they make.

Each stage is a function of the batch and of what earlier stages gave; none remembers anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import Tensor

from gapkit.decomposition import Gap, Rung, contrast, decompose
from gapkit.decomposition import gap as gap_of
from gapkit.engine.spec import AnalysisSpec
from gapkit.estimators import Estimate
from gapkit.estimators.protocol import bound_inputs
from gapkit.evidence import REASONS, SOURCES, Evidence, estimate_evidence
from gapkit.families import family_name, recognise
from gapkit.families.protocol import Posterior
from gapkit.iwae_curve import GroupedBounds, grouped_bounds
from gapkit.local import Bank, FitStatus, LocalFits, fit, semi_amortized
from gapkit.models.encoding import encoded
from gapkit.models.protocol import LatentModel
from gapkit.models.target import Target
from gapkit.randomness import Key
from gapkit.status import STATUSES

__all__ = [
    "STAGES",
    "Batch",
    "Bounds",
    "Sought",
    "bounds",
    "curve_rows",
    "encoders",
    "evidence",
    "fits",
    "make_batch",
    "rows",
    "select",
]

STAGES = ("bounds", "fits", "evidence", "route")
# Posterior mass in modes that were not found, above which a datapoint is flagged: log p(x) may be as many nats too low.
_UNSEEN = 0.05


@dataclass(frozen=True)
class Batch:
    """The datapoints of a unit, bound to the model: the input of every stage.

    Attributes:
        target: log p(x, z) of the datapoints.
        inputs: what encoders are given for them: the data, or another form of them.
        q: the encoder's posteriors.
        key: seed and indices.
    """

    target: Target
    inputs: Tensor
    q: Posterior
    key: Key


@dataclass(frozen=True)
class Sought:
    """How modes were looked for beside the fits.

    Attributes:
        looked: why the independent route was gone for each datapoint, in a word; empty where it was not.
        gained: posterior mass of the modes that it alone found, shape (B,).
        unseen: posterior mass that may be in modes that nothing found, shape (B,).
        least: what is known to be missed on data of the model, by the source of log p(x) (``SOURCES``).
    """

    looked: Sequence[str]
    gained: Tensor
    unseen: Tensor
    least: tuple[float, ...] = (0.0,) * len(SOURCES)

    def select(self, rows: Tensor) -> "Sought":
        """Of some datapoints: rows has shape (P,)."""
        return Sought([self.looked[row] for row in rows.tolist()], self.gained[rows], self.unseen[rows], self.least)


@dataclass(frozen=True)
class Bounds:
    """The encoder's IWAE bound, and those with fewer of the same draws."""

    iwae: Estimate
    grouped: GroupedBounds


def make_batch(like: Target, x: Tensor, key: Key, inputs: Tensor | None = None) -> Batch:
    """Encode a unit's datapoints.

    Args:
        like: any target of the model.
        x: data, shape (B, *x_shape).
        key: of these datapoints.
        inputs: what the encoder is given for them; None gives it the data.
    """
    inputs = x if inputs is None else inputs
    return Batch(Target(like.model, x, like=like), inputs, recognise(encoded(like.model, inputs)), key)


def select(batch: Batch, rows: Tensor) -> Batch:
    """Some datapoints of a unit, encoded by themselves: rows has shape (P,)."""
    return make_batch(batch.target, batch.target.x[rows], batch.key.select(rows), batch.inputs[rows])


def bounds(batch: Batch, spec: AnalysisSpec) -> Bounds:
    """The encoder's IWAE bound, with all draws and with fewer."""
    with bound_inputs(batch.target, batch.target.x, batch.q, batch.key) as (target, q, key):
        log_w = spec.iwae.log_weights(target, q, key)
        return Bounds(spec.iwae.estimate(log_w, key), grouped_bounds(log_w.cpu().numpy()))


def fits(batch: Batch, bank: Bank | None, spec: AnalysisSpec, more: Tensor | None = None) -> LocalFits:
    """L[q], q* in the Gaussian families and in those asked for, and the mixture of modes; ``more`` are other starts."""
    return fit(batch.target, batch.q, bank, batch.key, spec.fit, spec.elbo, spec.families, more)


def evidence(batch: Batch, fitted: LocalFits, spec: AnalysisSpec) -> Evidence:
    """The estimate of log p(x), from the mixture of modes."""
    return estimate_evidence(batch.target, fitted.mixture, batch.key, spec.evidence)


def encoders(batch: Batch, spec: AnalysisSpec, models: Mapping[str, LatentModel]) -> dict[str, Estimate]:
    """L[q'] of further encoders, with the analysed model's decoder and the noise of L[q]."""
    found = {}
    for name, model in models.items():
        q = recognise(encoded(model, batch.inputs))
        found[name] = spec.elbo(batch.target, batch.target.x, q, batch.key)
    return found


def curve_rows(batch: Batch, spec: AnalysisSpec, fitted: LocalFits) -> pd.DataFrame:
    """L[q] after local steps from the encoder's q, its gain on L[q] and what L[q*] of the encoder's family leaves.

    One row per datapoint and number of steps, as :func:`gapkit.curve.summarise_curve` takes them; a padded unit
    repeats its last datapoint.
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


def rows(
    batch: Batch,
    spec: AnalysisSpec,
    iwae: Estimate,
    fitted: LocalFits,
    top: Evidence,
    others: Mapping[str, Estimate],
    sought: Sought,
) -> dict[str, list[object]]:
    """The unit's rows of the table, column by column; values in nats. ``others`` are L[q'] of further encoders."""
    unseen = sought.unseen.maximum(sought.unseen.new_tensor(sought.least)[top.source])  # NaN stays
    top = replace(top, log_px=_with_unseen(top.log_px, unseen))
    star = fitted.family(fitted.own)
    ladder = (
        Rung("log_px", top.log_px, "approximation_gap"),
        Rung("elbo_star", star.elbo, "amortization_gap", star.shortfall),
        Rung("elbo", fitted.encoder),
    )
    table: dict[str, list[object]] = {"index": list(batch.key.indices)}

    def add(name: str, estimate: Estimate | Gap) -> None:
        table[name] = estimate.value.tolist()
        table[f"{name}_se"] = estimate.std_error.tolist()

    for rung in reversed(ladder):
        add(rung.name, rung.estimate)
    table["optimality_gap"] = star.certificate.gap.tolist()
    table["optimality_gap_se"] = star.certificate.std_error.tolist()
    table["gradient_norm"] = star.certificate.gradient_norm.tolist()
    table["fit"] = [FitStatus(number).name.lower() for number in star.status.tolist()]
    table["fit_steps"] = star.steps.tolist()
    add("mode_gap", fitted.mode_gap)
    for name, other in fitted.found.items():
        add(f"elbo_star_{name}", other.elbo)
        if name != fitted.own:
            rungs = (ladder[0], Rung(f"elbo_star_{name}", other.elbo, shortfall=other.shortfall))
            add(f"approximation_gap_{name}", decompose(rungs)["approximation_gap"])
    for name, other_elbo in others.items():
        add(f"elbo_{name}", other_elbo)
        add(f"gain_{name}", gap_of(other_elbo, fitted.encoder))
        add(f"left_{name}", decompose((ladder[1], Rung(name, other_elbo)))["amortization_gap"])
    add("iwae", iwae)
    table["ess"] = iwae.diagnostics["ess"].tolist()
    table["khat"] = iwae.diagnostics["khat"].tolist()
    add("pooled", top.mixture)
    table["pooled_khat"] = top.mixture.diagnostics["khat"].tolist()
    table["pooled_samples"] = top.samples.tolist()
    add("ais", top.ais)
    add("ais_upper", top.upper)
    table["ais_reason"] = [REASONS[number] for number in top.reason.tolist()]
    table["ais_temperatures"] = top.ais.diagnostics["temperatures"].tolist()
    table["ais_acceptance"] = top.ais.diagnostics["acceptance"].tolist()
    table["ais_ess"] = top.ais.diagnostics["ess"].tolist()
    table["log_px_source"] = [SOURCES[number] for number in top.source.tolist()]
    gaps = decompose(ladder)
    for name, gap in gaps.items():
        add(name, gap)
    add("amortization_minus_approximation", contrast(*ladder))
    table["start"] = star.start.tolist()
    table["modes"] = fitted.search.modes.alive().sum(0).tolist()
    table["unseen_mass"] = unseen.tolist()
    table["route"] = list(sought.looked)
    table["route_mass"] = sought.gained.tolist()
    # Without a place for the encoder's q in the family of q*, its gap may well be negative.
    signed = [gap for name, gap in gaps.items() if name == "approximation_gap" or _holds_encoder(fitted.own, batch.q)]
    finite = torch.stack([gap.value.isfinite() for gap in gaps.values()]).all(0)
    table["status"] = _status(star.status, top, signed, finite, iwae, unseen > _UNSEEN)
    return table


def _with_unseen(log_px: Estimate, unseen: Tensor) -> Estimate:
    """The estimate with the mass of modes that were not found in its error: log p(x) is low by -log(1 - mass)."""
    low = -torch.log1p(-unseen.nan_to_num(0.0).clamp(0.0, 0.99))
    return replace(log_px, std_error=(log_px.std_error.square() + low.square()).sqrt())


def _holds_encoder(family: str, q: Posterior) -> bool:
    """Whether the encoder's q is a member of the family of q*: mean-field lies within all others."""
    own = family_name(q)
    return own in (family, "mean_field")


def _status(
    fit_status: Tensor, top: Evidence, signed: list[Gap], finite: Tensor, iwae: Estimate, unseen: Tensor
) -> list[object]:
    """Words for each datapoint: ``ok``, or its statuses, joined by commas."""
    negative = torch.stack([gap.value < -4 * gap.std_error - 0.05 for gap in signed]).any(0)
    flags = {
        "nonfinite": ~finite,
        "undefined_weights": (iwae.diagnostics["nonfinite"] > 0)
        | (top.mixture.diagnostics["nonfinite"] > 0)
        | (top.ais.diagnostics["nonfinite"] > 0),
        "fit_budget": fit_status == FitStatus.BUDGET,
        "fit_diverged": fit_status == FitStatus.DIVERGED,
        "evidence_weak": top.weak,
        "modes_disagree": top.disagree,
        "modes_unseen": unseen,
        "negative_gap": negative,
    }
    assert flags.keys() <= STATUSES.keys()  # every word has an explanation
    columns = {name: flag.tolist() for name, flag in flags.items()}
    return [",".join(name for name, column in columns.items() if column[row]) or "ok" for row in range(len(fit_status))]
