"""Gaussians at places where a posterior extends beyond its proposal."""

import torch
from torch import Tensor

from gapkit.estimators.evidence.blend import shrunk
from gapkit.families import FullRankGaussian, Mixture

__all__ = ["BEYOND", "with_places"]

# Nats by which the posterior's density exceeds the proposal's where the proposal is said to be left behind.
BEYOND = 2.0
_PIECES = 8
_SHARE = 0.3  # of the draws, for all pieces of a datapoint


def with_places(proposal: Mixture, z: Tensor, beyond: Tensor) -> Mixture:
    """Add Gaussians at some of the places, far from each other and as wide as the places around them lie apart.

    They need not fit well: they make draws reach these places, so that refinement can adapt to the importance weights.

    Args:
        proposal: K components; the encoder's q is the last and stays the last.
        z: places that a datapoint's posterior is known to reach, shape (S, B, D).
        beyond: where the proposal is left behind, shape (S, B); a datapoint without any keeps its mixture.
    """
    rows = beyond.any(0).nonzero()[:, 0].tolist()
    if not rows:
        return proposal
    size, dim = z.shape[1:]
    loc = z.new_zeros(_PIECES, size, dim)
    tril = torch.eye(dim).to(z).repeat(_PIECES, size, 1, 1)
    shares = z.new_full((_PIECES, size), -torch.inf)
    log_weights = proposal.log_weights.clone()
    for row in rows:
        locs, trils = _pieces(z[:, row].double(), beyond[:, row])
        count = len(locs)
        if not bool(trils.isfinite().all() & locs.isfinite().all()):
            continue
        loc[:count, row], tril[:count, row] = locs.to(z), trils.to(z)
        shares[:count, row] = torch.log(z.new_tensor(_SHARE / count))
        log_weights[:, row] += torch.log1p(log_weights.new_tensor(-_SHARE))
    pieces = tuple(FullRankGaussian(loc[k], tril[k]) for k in range(_PIECES))
    weights = torch.cat([log_weights[:-1], shares.to(log_weights), log_weights[-1:]])
    return Mixture(weights, (*proposal.components[:-1], *pieces, proposal.components[-1]), proposal.frame)


def _pieces(z: Tensor, beyond: Tensor) -> tuple[Tensor, Tensor]:
    """Means (K, D) and Cholesky factors (K, D, D) for places (S, D), one after the other the farthest from the last."""
    count, dim = z.shape
    cov = torch.cov(z.mT).reshape(dim, dim)
    whole, failed = torch.linalg.cholesky_ex(cov + 1e-9 * cov.diagonal().mean() * torch.eye(dim).to(z))
    if bool(failed):
        whole = torch.diag_embed(z.std(0).clamp(min=1e-12))
    whitened = torch.linalg.solve_triangular(whole, z.mT, upper=False).mT
    near = min(count, max(2 * (dim + 1), count // 4))
    left = torch.where(beyond, torch.inf, -torch.inf)
    locs, trils = [], []
    for _ in range(min(_PIECES, int(beyond.sum()))):
        place = int(left.argmax())
        apart = (whitened - whitened[place]).square().sum(1)
        away = z[apart.topk(near, largest=False).indices] - z[place]
        local = (away.mT @ away / near).unsqueeze(0)
        locs.append(z[place])
        trils.append(shrunk(local, whole.unsqueeze(0), z.new_tensor([float(near)]))[0])
        left = torch.minimum(left, torch.where(beyond, apart, -torch.inf))
        left[place] = -torch.inf
    return torch.stack(locs), torch.stack(trils)
