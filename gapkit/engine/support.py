"""Whether an estimate of log p(x) has support from particles that do not depend on its proposal."""

import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.engine.chosen import cut
from gapkit.estimators import Ais
from gapkit.estimators.evidence import BEYOND, SOURCES, Evidence
from gapkit.families import Mixture
from gapkit.target import Target

__all__ = ["gap_of_chains", "lacking", "latents_beyond", "modes_missing", "part_of", "unconfirmed", "uncovered"]

_UNCOVERED = 6.0  # nats by which the posterior's density may exceed the proposal's at a posterior draw
_FAR = 12.0  # nats, and one for each latent, below the best particle: what lies lower has no mass
_LACKING = 0.08  # of the particles, beyond the proposal, from which on a datapoint is estimated again
_ARRIVED = 0.1  # of the particles, at places that are not unlikely
_RISEN = 0.3  # nats that the fitted modes had left out before the proposal was adapted


def uncovered(target: Target, z: Tensor, proposal: Mixture, log_px: Tensor) -> Tensor:
    """Which posterior draws (S, B, D) lie where the proposal has far less density than the posterior: (S, B).

    At a posterior draw the ratio of the two densities is rarely large: its mean under the posterior is S / ESS of the
    importance weights.
    """
    log_joint, ratio = _densities(target, z, proposal, log_px)
    return (log_joint > _highest(log_joint) - _FAR - z.shape[-1]) & (ratio > _UNCOVERED)


def lacking(target: Target, z: Tensor, top: Evidence, key: Key) -> tuple[Tensor, Tensor]:
    """Where particles lie beyond a proposal, for datapoints that have more there than its weights account for.

    A mode that is known may reach further than its proposal does: along a curve, into a funnel, far out in a tail.
    Importance weights know nothing of places that are never drawn; the share of the posterior that by them lies beyond
    the proposal (the diagnostic ``beyond`` of the mixture's estimate) is then smaller than that of the particles.

    Args:
        target: B datapoints.
        z: particles, shape (S, B, D); they need not be exact draws of the posterior.
        top: the estimates of these datapoints.
        key: seed and datapoint indices.

    Returns:
        Which particles, (S, B), and whether more than a few arrived at the posterior at all, (B,).
    """
    if not top.proposal.components:
        return torch.zeros(z.shape[:2], dtype=torch.bool, device=z.device), torch.ones_like(top.weak)
    log_joint, ratio = _densities(target, z, top.proposal, top.log_px.value)
    drawn, _ = top.proposal.draw(key.streams("route/beside", z.dtype, z.device), len(z))
    best = torch.maximum(_highest(log_joint), _highest(target.log_joint(drawn).double()))
    likely = log_joint > best - _FAR - z.shape[-1]
    beyond = likely & (ratio > BEYOND)
    count, known = likely.sum(0).clamp(min=1), top.mixture.diagnostics["beyond"].to(z.device)
    found = beyond.sum(0) - count * known
    much = (found > _LACKING * count) & (found > 2.0 * (count * known * (1.0 - known)).sqrt() + 1.0)
    return beyond & much, likely.sum(0) >= _ARRIVED * len(z)


def modes_missing(target: Target, starts: Tensor, top: Evidence) -> Tensor:
    """Whether modes that the route found are missing in a proposal after all, shape (B,).

    Args:
        target: B datapoints.
        starts: the modes, shape (K, B, D), NaN where there are fewer; or empty.
        top: the estimates of these datapoints, made with these starts.
    """
    if not len(starts) or not top.proposal.components:
        return torch.zeros_like(top.weak)
    return uncovered(target, starts, top.proposal, top.log_px.value).any(0)


def latents_beyond(target: Target, z: Tensor, top: Evidence) -> tuple[Tensor, Tensor, Tensor]:
    """Which exact posterior draws count, which lie beyond the proposal, and with what probability: shapes (B,).

    Where AIS gave log p(x), its chains may have gone there; no draw counts.

    Args:
        target: B datapoints.
        z: one posterior draw of each, shape (1, B, D).
        top: the estimates of these datapoints.
    """
    sampled = top.source == SOURCES.index("mixture")
    known = top.mixture.diagnostics["beyond"].to(z.device).nan_to_num(nan=0.0).double()
    if not top.proposal.components:
        return torch.zeros_like(sampled), torch.zeros_like(sampled), torch.zeros_like(known)
    _, ratio = _densities(target, z, top.proposal, top.log_px.value)
    return sampled, sampled & (ratio[0] > BEYOND), torch.where(sampled, known, 0.0)


def gap_of_chains(target: Target, z: Tensor, top: Evidence, key: Key, ais: Ais) -> Tensor:
    """How far log p(x) of AIS lies below the upper bound of reverse AIS from exact posterior draws: shape (B,), nats.

    NaN where AIS did not give it, or where its start belongs to its batch.

    Args:
        target: B datapoints.
        z: one posterior draw of each, shape (1, B, D).
        top: the estimates of these datapoints.
        key: seed and datapoint indices.
        ais: settings of the chains.
    """
    out = torch.full_like(top.log_px.value, torch.nan)
    rows = (top.source == SOURCES.index("ais")).nonzero()[:, 0]
    start = cut(top.proposal, rows) if len(rows) and top.proposal.components else None
    if start is None:
        return out
    part, own = target.select(rows), key.select(rows)
    back = ais.backward(ais.plans(part, start, own), z[:, rows].expand(ais.num_chains, -1, -1))
    return out.index_copy(0, rows, ais.estimate_above(back, own).value.to(out) - top.log_px.value[rows])


def unconfirmed(top: Evidence, lacks: Tensor, arrived: Tensor) -> Tensor:
    """Whether importance sampling stands without support, shape (B,).

    A proposal that was adapted to its own draws covers what these reached. Where particles lie beyond it, or where
    adaptation raised log p(x) by much and no particle reached the same places, more may be missing.
    """
    return (top.source == SOURCES.index("mixture")) & (lacks | ((top.risen > _RISEN) & ~arrived))


def part_of(top: Evidence, rows: Tensor) -> Evidence:
    """The evidence of some datapoints, rows of shape (P,); a proposal that cannot be cut becomes an empty mixture."""
    if rows.tolist() == list(range(len(top.source))):
        return top  # a proposal that belongs to its batch can stay
    proposal = cut(top.proposal, rows) or Mixture(top.proposal.log_weights[:0, rows], ())
    return Evidence(
        top.log_px.select(rows),
        top.source[rows],
        top.reason[rows],
        top.mixture.select(rows),
        top.samples[rows],
        top.ais.select(rows),
        top.upper.select(rows),
        top.disagree[rows],
        top.weak[rows],
        proposal,
        top.refined[rows],
        top.risen[rows],
    )


def _densities(target: Target, z: Tensor, proposal: Mixture, log_px: Tensor) -> tuple[Tensor, Tensor]:
    """Log p(x, z) of z (S, B, D), and the log of the posterior's density over the proposal's: (S, B) each."""
    log_joint = target.log_joint(z).double()
    ratio = log_joint - log_px - proposal.log_prob(z).double()
    return log_joint, torch.where(ratio.isnan(), -torch.inf, ratio)


def _highest(log_joint: Tensor) -> Tensor:
    return log_joint.nan_to_num(nan=-torch.inf).amax(0)
