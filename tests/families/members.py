"""A random member of every family, four datapoints in float64: what the contracts of this folder are held to."""

import torch
from torch.distributions import AffineTransform, TanhTransform
from torch.distributions.transforms import ComposeTransform

from gapkit.families import (
    AuxiliaryFlow,
    CouplingFlow,
    DiagonalGaussian,
    FullRankGaussian,
    LowRankGaussian,
    TransformedGaussian,
)
from gapkit.families.auxiliary import flat_reverse
from gapkit.families.coupling import identity_weights

BATCH = 4
TRANSPORTS = ("mean_field", "full_rank", "low_rank", "flow", "full_rank_flow", "shared_flow", "transformed")
GAUSSIANS = TRANSPORTS[:3]
STORABLE = TRANSPORTS[:-1]  # a transform of torch belongs to its batch


def _moved(weights, generator, size):
    return {k: w + size * torch.randn(w.shape, generator=generator, dtype=w.dtype) for k, w in weights.items()}


def member(name, dim=3, wiggle=0.3):
    """Return a member of a family: of TRANSPORTS, or "auxiliary"; wiggle says how far a flow is from doing nothing."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def flow(affine, rows=BATCH, dim=dim):
        weights = identity_weights(rows, dim, num_layers=3, num_hidden=5, dtype=torch.float64)
        return CouplingFlow(affine, _moved(weights, generator, wiggle))

    diagonal = DiagonalGaussian(normal(BATCH, dim), (0.3 * normal(BATCH, dim)).exp())
    raw = 0.5 * normal(BATCH, dim, dim)
    full = FullRankGaussian(normal(BATCH, dim), raw.tril(-1) + raw.diagonal(dim1=1, dim2=2).exp().diag_embed())
    if name == "auxiliary":
        joint = flow(DiagonalGaussian(normal(BATCH, 2 * dim), (0.3 * normal(BATCH, 2 * dim)).exp()), dim=2 * dim)
        return AuxiliaryFlow(joint, _moved(flat_reverse(diagonal, num_hidden=5), generator, wiggle))
    if name == "transformed":
        squash = ComposeTransform([AffineTransform(0.1, 0.3), TanhTransform()])
        return TransformedGaussian(diagonal, squash, torch.Size([dim]))
    return {
        "mean_field": lambda: diagonal,
        "full_rank": lambda: full,
        "low_rank": lambda: LowRankGaussian(diagonal.loc, diagonal.scale, normal(BATCH, dim, 2)),
        "flow": lambda: flow(diagonal),
        "full_rank_flow": lambda: flow(full),
        "shared_flow": lambda: flow(diagonal, rows=1),
    }[name]()


def noise(q, num_samples=7, seed=1):
    """Standard normal numbers for draws of q: shape (S, B, D), or 2 D where q has auxiliary variables."""
    size = getattr(q, "noise_dim", q.dim)
    return torch.randn(num_samples, BATCH, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
