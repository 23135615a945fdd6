"""What is kept of q and q* while units run, and the health of the latent dimensions in the end."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from gapkit.core.randomness import Key
from gapkit.engine.units import Unit
from gapkit.families.gaussian import Affine, DiagonalGaussian
from gapkit.families.protocol import Posterior
from gapkit.results.latent_use import summarise_latents, summarise_use
from gapkit.results.records import Latents, LatentUse, Skipped
from gapkit.target import Target, standard_normal_prior

__all__ = ["Marginals", "latent_health", "latent_use", "marginals"]

_VALUES = 5_000_000  # means, and as many standard deviations, that are kept: datapoints times latents
_PARTS = ("loc", "scale", "log_det")
_MIXED, _DRAWS, _FEWEST, _MOST = 2000, 4000, 2, 64


@dataclass(frozen=True)
class Marginals:
    """Means, standard deviations and half log determinants of a unit's Gaussian posteriors.

    Attributes:
        loc: shape (B, D).
        scale: shape (B, D).
        log_det: shape (B,).
        factorised: whether that is all of q.
    """

    loc: np.ndarray
    scale: np.ndarray
    log_det: np.ndarray
    factorised: bool


def marginals(q: Posterior, unit: Unit) -> Marginals | None:
    """What is kept of a unit's q: nothing where it is not Gaussian or enough datapoints are kept already."""
    if not isinstance(q, Affine) or unit.indices[0] >= max(_FEWEST, _VALUES // q.dim):
        return None
    with torch.no_grad():
        log_det = q.log_abs_det(q.loc.unsqueeze(0)).expand(len(q.loc))
        tensors = (q.loc, q.marginal_scale(), log_det)
        loc, scale, half = (part[: unit.size].double().cpu().numpy() for part in tensors)
        return Marginals(loc, scale, half, isinstance(q, DiagonalGaussian))


def latent_health(kept: Mapping[int, Marginals | None], like: Target, seed: int) -> Latents | Skipped:
    """The summary of a split, see :func:`gapkit.results.latent_use.summarise_latents`, or why there is none.

    Args:
        kept: by the number of the unit.
        like: any target of the model.
        seed: of the split.
    """
    found = [part for _, part in sorted(kept.items()) if part is not None]
    if not found:
        return Skipped("q(z|x) is not Gaussian")
    loc, scale, log_det = (np.concatenate([getattr(part, name) for part in found]) for name in _PARTS)
    noise = None
    if found[0].factorised:
        mixed = min(len(loc), _MIXED)
        draws = min(max(_DRAWS // mixed, _FEWEST), _MOST)
        noise = Key(seed, tuple(range(mixed))).streams("latents", torch.float64).normal(draws, loc.shape[1]).numpy()
    # A prior of each datapoint is not asked: this target may be that of any of them.
    standard = not like.own_prior and standard_normal_prior(like)
    return summarise_latents(loc, scale, log_det, noise, standard_prior=standard)


def latent_use(kept: Mapping[int, Marginals | None]) -> LatentUse | Skipped:
    """Which latents of the fitted q* differ between datapoints, see :func:`gapkit.results.latent_use.summarise_use`.

    Args:
        kept: by the number of the unit.
    """
    found = [part for _, part in sorted(kept.items()) if part is not None]
    if not found:
        return Skipped("nothing was kept of q*")
    return summarise_use(*(np.concatenate([getattr(part, name) for part in found]) for name in ("loc", "scale")))
