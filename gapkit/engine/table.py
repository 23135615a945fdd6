"""The rows of the table that the stages of a unit make: column by column, values in nats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gapkit.engine.rungs import levels_of, signed
from gapkit.engine.stages import Batch
from gapkit.estimators import Estimate
from gapkit.estimators.evidence import REASONS, SOURCES, Evidence
from gapkit.families.protocol import Posterior
from gapkit.ladder import Ladder, error_of, side_name
from gapkit.ladder.arithmetic import Difference, contrasts, decompose
from gapkit.ladder.arithmetic import gap as gap_of
from gapkit.local import FAMILIES, FitStatus, LocalFits
from gapkit.results.status import STATUSES
from gapkit.target import family_name

__all__ = ["Sought", "rows"]

# Posterior mass in modes that were not found, above which a datapoint is flagged: log p(x) may be as many nats too low.
_UNSEEN = 0.05


@dataclass(frozen=True)
class Sought:
    """How modes were searched for beside the fits.

    Attributes:
        looked: why the independent route was run for each datapoint, in a word; empty where it was not.
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


def rows(
    batch: Batch,
    iwae: Estimate,
    fitted: LocalFits,
    top: Evidence,
    others: Mapping[str, Estimate],
    sought: Sought,
    ladder: Ladder,
    own: Mapping[str, Estimate] | None = None,
) -> dict[str, list[object]]:
    """The unit's rows of the table, column by column; values in nats.

    Args:
        batch: the unit's datapoints.
        iwae: the encoder's IWAE bound.
        fitted: the fits.
        top: log p(x).
        others: L[q'] of further encoders; those that have a rung stand on the ladder, all others beside it.
        sought: how modes were searched for.
        ladder: see :func:`gapkit.engine.rungs.checked_ladder`.
        own: bounds of one's own, by name; their diagnostics become columns ``NAME_DIAGNOSTIC``.
    """
    unseen = sought.unseen.maximum(sought.unseen.new_tensor(sought.least)[top.source])  # NaN stays
    top = replace(top, log_px=_with_unseen(top.log_px, unseen))
    star = fitted.family(fitted.own)
    fit_rung, above, below = ladder.fitted, ladder.above_fitted, ladder.below_fitted
    assert fit_rung is not None
    assert above is not None
    assert below is not None
    levels = levels_of(ladder, top.log_px, star.elbo, others, fitted.encoder)
    shortfalls = {fit_rung.name: star.shortfall}
    table: dict[str, list[object]] = {"index": list(batch.key.indices)}

    def add(name: str, estimate: Estimate | Difference) -> None:
        table[name] = estimate.value.tolist()
        table[error_of(name)] = estimate.std_error.tolist()

    for name in reversed(levels):
        add(name, levels[name])
    table["optimality_gap"] = star.certificate.gap.tolist()
    table["optimality_gap_se"] = star.certificate.std_error.tolist()
    table["gradient_norm"] = star.certificate.gradient_norm.tolist()
    table["fit"] = [FitStatus(number).name.lower() for number in star.status.tolist()]
    table["fit_steps"] = star.steps.tolist()
    add("mode_gap", fitted.mode_gap)
    beside: list[Difference] = []
    for name, other in fitted.found.items():
        add(side_name("family", name, ladder), other.elbo)
        if name != fitted.own:
            instead = decompose(ladder, {**levels, fit_rung.name: other.elbo}, {fit_rung.name: other.shortfall})
            add(side_name("family_gap", name, ladder), instead[above.name])
            beside.append(instead[above.name])
            left = side_name("fit_left", name, ladder)
            table[left] = other.certificate.gap.tolist()
            table[error_of(left)] = other.certificate.std_error.tolist()
    for name, other_elbo in others.items():
        if side_name("encoder", name, ladder) in levels:
            continue
        add(side_name("encoder", name, ladder), other_elbo)
        add(side_name("gain", name, ladder), gap_of(other_elbo, fitted.encoder))
        instead = decompose(ladder, {**levels, ladder.ends(below)[1].name: other_elbo}, shortfalls)
        add(side_name("left", name, ladder), instead[below.name])
    add("iwae", iwae)
    table["ess"] = iwae.diagnostics["ess"].tolist()
    table["khat"] = iwae.diagnostics["khat"].tolist()
    for name, bound in (own or {}).items():
        add(name, bound)
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
    gaps = decompose(ladder, levels, shortfalls)
    for name, gap in (gaps | contrasts(ladder, levels, shortfalls)).items():
        add(name, gap)
    table["start"] = star.start.tolist()
    table["modes"] = fitted.search.modes.alive().sum(0).tolist()
    table["unseen_mass"] = unseen.tolist()
    table["route"] = list(sought.looked)
    table["route_mass"] = sought.gained.tolist()
    for name, bound in (own or {}).items():
        told = {f"{name}_{of}": values.tolist() for of, values in bound.diagnostics.items()}
        table |= {column: values for column, values in told.items() if column not in table}
    # Without a place for the encoder's q in the family of q*, its gap may well be negative.
    holds = _holds_encoder(fitted.own, batch.q)
    not_negative = [gaps[part.name] for part in signed(ladder) if part == above or holds]
    finite = torch.stack([gap.value.isfinite() for gap in gaps.values()]).all(0)
    # L[q*] of any family above log p(x) shows that log p(x) is too low, or that the family's density is none.
    table["status"] = _status(star.status, top, [*not_negative, *beside], finite, iwae, unseen > _UNSEEN)
    return table


def _with_unseen(log_px: Estimate, unseen: Tensor) -> Estimate:
    """The estimate with the mass of modes that were not found in its error: log p(x) is low by -log(1 - mass)."""
    low = -torch.log1p(-unseen.nan_to_num(0.0).clamp(0.0, 0.99))
    return replace(log_px, std_error=(log_px.std_error.square() + low.square()).sqrt())


def _holds_encoder(family: str, q: Posterior) -> bool:
    """Whether the encoder's q is a member of the family of q*: mean-field lies within all others of gapkit's."""
    own = family_name(q)
    return own == family or (own == "mean_field" and family in FAMILIES)


def _status(
    fit_status: Tensor, top: Evidence, signed: list[Difference], finite: Tensor, iwae: Estimate, unseen: Tensor
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
