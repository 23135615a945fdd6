"""The modes of each posterior as Gaussians: which there are, which are the same, and the mixture they make."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture
from gapkit.families.protocol import Transport
from gapkit.local.natural import eye_like

__all__ = ["Gaussian", "Modes", "without_duplicates"]

Gaussian = DiagonalGaussian | FullRankGaussian
# The mixture keeps a little weight for every mode whatever its level, and for the encoder's own q.
_SHARED_EVENLY, _ENCODER = 0.1, 0.05
# Squared distance for each latent, in deviations of the better of two fits, and of the narrower, up to which they are
# of one mode.
_NEAR, _INSIDE = 0.5, 4.0


@dataclass(frozen=True)
class Modes:
    """Gaussians around the modes of each posterior; mode 0 is the one that the encoder's q leads to.

    Attributes:
        loc: means, shape (K, B, D).
        tril: Cholesky factors of the covariances, shape (K, B, D, D), or standard deviations (K, B, D) where the
            latents are too many for full matrices.
        level: about the log of a mode's share of p(x), shape (K, B), in nats: the importance-weighted bound of its
            Gaussian on a few draws, which values a wide mode that is no Gaussian by its mass; -inf where there is no
            such mode.
        hits: how many starts led to it, shape (K, B).
    """

    loc: Tensor
    tril: Tensor
    level: Tensor
    hits: Tensor

    def gaussian(self, k: int) -> Gaussian:
        """Mode k of every datapoint."""
        if self.tril.dim() == 3:
            return DiagonalGaussian(self.loc[k], self.tril[k])
        return FullRankGaussian(self.loc[k], self.tril[k])

    def diagonal(self, k: int) -> DiagonalGaussian:
        """The best factorised Gaussian for mode k: variances 1 / P_ii."""
        if self.tril.dim() == 3:
            return DiagonalGaussian(self.loc[k], self.tril[k])
        inverse = torch.linalg.solve_triangular(self.tril[k], eye_like(self.tril[k]), upper=False)
        return DiagonalGaussian(self.loc[k], inverse.square().sum(-2).rsqrt())

    def select(self, rows: Tensor) -> "Modes":
        """The modes of some datapoints: rows has shape (P,)."""
        return Modes(self.loc[:, rows], self.tril[:, rows], self.level[:, rows], self.hits[:, rows])

    def placed(self, part: "Modes", rows: Tensor) -> "Modes":
        """Put the modes of some datapoints in their places; both must hold the same number of modes."""
        return Modes(
            *(getattr(self, name).index_copy(1, rows, getattr(part, name)) for name in ("loc", "tril", "level", "hits"))
        )

    def replaced(self, part: "Modes", number: Tensor, rows: Tensor, there: Tensor) -> "Modes":
        """Put modes (K', P) for which ``there`` holds, N of them, in places ``number`` of datapoints ``rows``, (N,)."""
        out = Modes(*(getattr(self, name).clone() for name in ("loc", "tril", "level", "hits")))
        for name in ("loc", "tril", "level"):
            getattr(out, name)[number, rows] = getattr(part, name)[there]
        return out

    def beside(self, others: "Modes") -> "Modes":
        """These modes and then others of the same datapoints."""
        return Modes(
            *(torch.cat([getattr(self, name), getattr(others, name)]) for name in ("loc", "tril", "level", "hits"))
        )

    def alive(self) -> Tensor:
        """Which modes there are: bools of shape (K, B)."""
        return self.level.isfinite() & self.loc.isfinite().all(-1)

    def compact(self) -> "Modes":
        """The same without places that no datapoint uses: mode 0 first, then those that are alive, in their order."""
        dead = ~self.alive()
        dead[0] = False
        order = dead.to(torch.int8).argsort(dim=0, stable=True)[: max(1, int((~dead).sum(0).max()))]
        rows = torch.arange(self.level.shape[1], device=self.level.device)
        return Modes(self.loc[order, rows], self.tril[order, rows], self.level[order, rows], self.hits[order, rows])

    def weights(self) -> Tensor:
        """Each mode's share of the posterior, as estimated by its level: shape (K, B)."""
        return torch.softmax(torch.where(self.alive(), self.level, -torch.inf), 0).nan_to_num(0.0)

    def effective(self) -> Tensor:
        """The effective number of modes, exp of the entropy of their shares, shape (B,)."""
        return torch.special.entr(self.weights()).sum(0).exp()

    def several(self) -> Tensor:
        """For which datapoints there is more than one mode: bools of shape (B,)."""
        return self.alive().sum(0) > 1

    def _weights(self) -> Tensor:
        """Half by level, half alike for all modes there are: shape (K, B)."""
        alive = self.alive()
        return 0.5 * self.weights() + 0.5 * alive / alive.sum(0).clamp(min=1)

    def pooled(self) -> Mixture:
        """All modes with a fair weight for each."""
        return Mixture(self._weights().log(), tuple(self.gaussian(k) for k in range(len(self.loc))))

    def spread_out(self) -> Gaussian:
        """The Gaussian of that mixture's mean and covariance: a start for a flow that should cover all modes."""
        weights = self._weights().unsqueeze(-1)
        there = weights > 0
        loc = torch.where(there, self.loc, 0.0)
        mean = (weights * loc).sum(0)
        apart = loc - mean
        if self.tril.dim() == 3:
            scale = torch.where(there, self.tril, 0.0)
            return DiagonalGaussian(mean, (weights * (scale.square() + apart.square())).sum(0).sqrt())
        tril = torch.where(there.unsqueeze(-1), self.tril, 0.0)
        inner = tril @ tril.mT + apart.unsqueeze(-1) * apart.unsqueeze(-2)
        return FullRankGaussian(mean, torch.linalg.cholesky_ex((weights.unsqueeze(-1) * inner).sum(0))[0])

    def mixture(self, encoder: Transport, best: Tensor, optimum: Gaussian) -> Mixture:
        """Pool all modes and the encoder's q, with the polished optimum in place of the best mode.

        Args:
            encoder: the encoder's q.
            best: the best mode of each datapoint, shape (B,).
            optimum: its polished Gaussian.
        """
        loc, tril = self.loc.clone(), self.tril.clone()
        rows = torch.arange(len(best), device=best.device)
        loc[best, rows] = optimum.loc
        tril[best, rows] = optimum.scale if isinstance(optimum, DiagonalGaussian) else optimum.scale_tril
        usable = self.level.isfinite()
        usable[best, rows] = True  # without a usable mode the optimum still takes the place of the best one
        usable &= loc.isfinite().all(-1)
        level = torch.where(usable, self.level.nan_to_num(neginf=0.0), -torch.inf)
        share = torch.softmax(level, 0).nan_to_num(0.0)
        even = usable / usable.sum(0).clamp(min=1)
        weights = (1 - _SHARED_EVENLY) * share + _SHARED_EVENLY * even
        # The encoder's q has a little weight where it is a number, and all of it where there is no usable mode.
        spread = encoder.marginal_scale()
        sound = (encoder.loc.isfinite() & spread.isfinite() & (spread > 0)).all(-1)
        given = torch.where(usable.any(0), _ENCODER * sound, 1.0)
        weights = torch.cat([(1 - given) * weights, given.unsqueeze(0)])
        modes = Modes(loc, tril, level, self.hits)
        components = (*(modes.gaussian(k) for k in range(len(loc))), encoder)
        return Mixture(weights.clamp(min=0.0).log(), components, frame=optimum)


def without_duplicates(modes: Modes, keep_within: float) -> Modes:
    """Switch off modes far below the best one; of modes that are the same keep the best fit, under the earliest start.

    So a mode counts as the encoder's own whenever its start leads there too, whichever fit was the better one. The hits
    of modes that are the same are added up.
    """
    loc, tril, hits = modes.loc.clone(), modes.tril.clone(), modes.hits.clone()
    level = torch.where(modes.level >= modes.level.amax(0) - keep_within, modes.level, -torch.inf)
    whitener = _whitener(modes.tril)
    rows = torch.arange(level.shape[1], device=level.device)
    for late in range(1, len(level)):
        # Distance is measured in deviations of the better fit of the two. A narrow mode inside a wide one is another
        # mode: the wide one may stand at a saddle between several.
        apart = modes.loc[late] - modes.loc[:late]
        theirs, ours = _squared(whitener[:late], apart), _squared(whitener[late].expand_as(whitener[:late]), apart)
        later_is_better = modes.level[late] > modes.level[:late]
        near = torch.where(later_is_better, ours, theirs) < _NEAR * loc.shape[-1]
        near &= torch.maximum(ours, theirs) < _INSIDE * loc.shape[-1]
        same = near & level[:late].isfinite() & level[late].isfinite()
        early = same.to(torch.int8).argmax(0)  # the earliest of those that are the same
        merged = same.any(0)
        moved = merged & (level[late] > level[early, rows])
        for values in (loc, tril, level):
            values[early, rows] = _where(moved, values[late], values[early, rows])
        hits[early, rows] += torch.where(merged, hits[late], 0)
        hits[late] = torch.where(merged, 0, hits[late])
        level[late] = torch.where(merged, -torch.inf, level[late])
    return Modes(loc, tril, level, hits)


def _whitener(tril: Tensor) -> Tensor:
    """Inverse Cholesky factors (K, B, D, D), or inverse deviations (K, B, D)."""
    if tril.dim() == 3:
        return 1.0 / tril
    return torch.linalg.solve_triangular(tril, eye_like(tril), upper=False)


def _squared(whitener: Tensor, apart: Tensor) -> Tensor:
    """Squared distance in standard deviations: (K, B, D) to (K, B). Draws of one Gaussian are about 2 D apart."""
    if whitener.dim() == 3:
        return (apart * whitener).square().sum(-1)
    return (whitener @ apart.unsqueeze(-1)).square().sum((-2, -1))


def _where(mask: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
    """Choose per datapoint: the mask has shape (B,), the rest (B, ...)."""
    return torch.where(mask.reshape(-1, *[1] * (ours.dim() - 1)), ours, theirs)
