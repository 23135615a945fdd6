"""How much each latent dimension is used: its KL divergence to the prior, active units, and the mutual information.

Sources: Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders" (2016), https://arxiv.org/abs/1509.00519,
section 5.2 (active units); Hoffman & Johnson, "ELBO surgery" (2016), section 2 (the mean KL divergence is the mutual
information plus the divergence of the aggregate posterior).
"""

import math

import numpy as np

from gapkit.core.intervals import mean_interval
from gapkit.core.sample_size import FEWEST
from gapkit.results.records import Latents, LatentUse, PerDimension, Skipped, known
from gapkit.results.summary import summarise_values

__all__ = ["ACTIVE", "USED", "collapse_sentence", "mutual_information", "summarise_latents", "summarise_use"]

ACTIVE = 0.01  # variance of the posterior mean over datapoints, in units of a standard normal prior; Burda et al.
USED = 0.01  # the same in units of the posterior's own mean variance: whatever the prior, below it all q look alike
_PAIRS_AT_ONCE = 1_000_000
_NEAR = 0.9


def summarise_latents(
    loc: np.ndarray,
    scale: np.ndarray,
    log_det: np.ndarray,
    noise: np.ndarray | None,
    *,
    standard_prior: bool = True,
) -> Latents:
    """Summarise what Gaussian posteriors q(z|x) of N datapoints say about the latent dimensions.

    Args:
        loc: means of q, shape (N, D).
        scale: standard deviations of each latent under q, shape (N, D).
        log_det: half the log determinant of q's covariance, shape (N,); for a factorised q the sum of log scales.
        noise: standard normal numbers of shape (S, M, D) for the mutual information of the first M <= N datapoints;
            None where q is not factorised.
        standard_prior: whether p(z) is standard normal; elsewhere divergences have no closed form, and there is no unit
            to call a dimension active by.
    """
    loc, scale, log_det = (np.asarray(part, np.float64) for part in (loc, scale, log_det))
    finite = np.isfinite(loc).all(1) & np.isfinite(scale).all(1) & (scale > 0).all(1) & np.isfinite(log_det)
    use, missing = summarise_use(loc, scale), dict[str, str]()
    if noise is not None:
        noise = np.asarray(noise, np.float64)[:, finite[: noise.shape[1]]]
    first = loc.shape[0] if noise is None else noise.shape[1]
    loc, scale, log_det = loc[finite], scale[finite], log_det[finite]
    kl = 0.5 * (scale**2 + loc**2 - 1.0).sum(1) - log_det
    whole, marginal = None, None
    if standard_prior and len(loc):
        whole, marginal = summarise_values(kl, np.zeros_like(kl)), _per_dimension(loc, scale)
    elif not standard_prior:
        missing["kl"] = "the prior is not standard normal, so that there is no closed form"
    variance = loc.var(0, ddof=1) if len(loc) > 1 else None
    # The threshold is in units of a standard normal prior.
    active = variance > ACTIVE if variance is not None and standard_prior else None
    information = aggregate = limit = None
    if noise is None:
        missing["mutual_information"] = "q(z|x) is not a factorised Gaussian"
    elif first:
        value, error = mutual_information(loc[:first], scale[:first], noise)
        information, limit = summarise_values(value, error), math.log(first)
        aggregate = summarise_values(kl[:first] - value, error) if whole else None
    return Latents(
        datapoints=int(finite.sum()),
        left_out=int((~finite).sum()),
        dimensions=loc.shape[1],
        threshold=ACTIVE,
        missing=missing,
        kl=whole,
        kl_per_dimension=marginal,
        mean_variance=None if variance is None else tuple(variance.tolist()),
        active=None if active is None else tuple(active.tolist()),
        active_units=None if active is None else int(active.sum()),
        spread=use.spread,
        used=use.used,
        used_units=use.used_units,
        inactive_kl=_inactive(marginal, active),
        mutual_information=information,
        aggregate_kl=aggregate,
        mixture_datapoints=None if information is None else first,
        log_mixture_datapoints=limit,
        at_limit=None if information is None or limit is None else bool(information.value >= _NEAR * limit),
    )


def _per_dimension(loc: np.ndarray, scale: np.ndarray) -> PerDimension:
    marginal = 0.5 * (scale**2 + loc**2 - 1.0) - np.log(scale)
    count = len(loc)
    error = tuple((marginal.std(0, ddof=1) / math.sqrt(count)).tolist()) if count > 1 else None
    ends = None if count < FEWEST else tuple(zip(*(end.tolist() for end in mean_interval(marginal.T)), strict=True))
    return PerDimension(tuple(marginal.mean(0).tolist()), error, ends)


def _inactive(marginal: PerDimension | None, active: np.ndarray | None) -> float | None:
    """The mean divergence of the dimensions that are not active together, in nats."""
    if marginal is None or active is None:
        return None
    return sum(value for value, used in zip(marginal.mean, active.tolist(), strict=True) if not used)


def mutual_information(loc: np.ndarray, scale: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per-datapoint parts of I(x; z) = mean over x of E_q[log q(z|x) - log q(z)], q(z) the mixture of these posteriors.

    Over data of which these are a sample, the mean is a lower bound on I(x; z) in expectation, and never above log N.
    The spread of the parts gives the error over datapoints to first order, although they share q(z): what one more
    datapoint changes in q(z) changes the mean only in second order, because densities integrate to one.

    Args:
        loc: means of factorised Gaussians, shape (N, D).
        scale: their standard deviations, shape (N, D).
        noise: standard normal numbers, shape (S, N, D).

    Returns:
        The parts and their Monte Carlo standard errors (NaN for one draw), shape (N,) each, in nats.

    Example:
        >>> far = np.array([[-100.0], [100.0]])
        >>> mutual_information(far, np.ones((2, 1)), np.zeros((4, 2, 1)))[0].round(4).tolist()
        [0.6931, 0.6931]
    """
    inverse = scale**-2.0
    constant = -0.5 * (loc**2 * inverse).sum(1) - np.log(scale).sum(1)
    columns = max(1, _PAIRS_AT_ONCE // len(loc))
    parts = np.empty(noise.shape[:2])
    for number, draws in enumerate(noise):
        own = -0.5 * (draws**2).sum(1) - np.log(scale).sum(1)
        for start in range(0, len(loc), columns):
            these = slice(start, start + columns)
            z = loc[these] + scale[these] * draws[these]
            pairs = z @ (loc * inverse).T - 0.5 * z**2 @ inverse.T + constant
            top = pairs.max(1)
            mixed = np.log(np.exp(pairs - top[:, None]).mean(1)) + top
            parts[number, these] = own[these] - mixed
    if len(parts) < 2:
        return parts[0], np.full(len(loc), np.nan)
    return parts.mean(0), parts.std(0, ddof=1) / math.sqrt(len(parts))


def collapse_sentence(latents: Latents | Skipped | None, star: LatentUse | Skipped | None = None) -> str:
    """Whether latent dimensions have collapsed to one q for all datapoints, in a sentence; nothing where unknown.

    Args:
        latents: what :func:`summarise_latents` gives of the encoder's q.
        star: what :func:`summarise_use` gives of the fitted q*, which tells what the decoder uses, whatever the encoder
            makes of it. Without it the encoder is asked, in units of a standard normal prior.
    """
    own, best = known(latents), known(star)
    if best and best.used_units is not None:
        count, dimensions, held = best.used_units, best.dimensions, None
        rule = f"variance of q*'s mean over that of q* itself above {USED:g}"
        if count and own and own.used_units == 0:
            return (
                f"The encoder ignores x: its q is the same for every datapoint, although the decoder uses {count} of "
                f"{dimensions} latent dimension{'' if dimensions == 1 else 's'} ({rule})."
            )
    elif own and own.active_units is not None:
        count, dimensions, held = own.active_units, own.dimensions, own.inactive_kl
        rule = f"variance of the posterior mean over the datapoints above {own.threshold:g}"
    else:
        return ""
    if count == 0:
        return f"Posterior collapse: none of the {dimensions} latent dimensions is active ({rule})."
    if count == dimensions:
        return f"No posterior collapse: all {dimensions} latent dimensions are active ({rule})."
    share = "" if held is None else f", and hold {held:.2f} nats of KL divergence together"
    verb = "has" if dimensions - count == 1 else "have"
    return (
        f"Posterior collapse in part: {count} of {dimensions} latent dimensions are active ({rule}); the other "
        f"{dimensions - count} {verb} collapsed to one q for all datapoints{share}."
    )


def summarise_use(loc: np.ndarray, scale: np.ndarray) -> LatentUse:
    """Which latent dimensions tell datapoints apart, in units of q's own width: whatever the prior is.

    Args:
        loc: means of q, shape (N, D).
        scale: standard deviations of each latent under q, shape (N, D).

    Example:
        >>> summarise_use(np.array([[1.0, 0.0], [-1.0, 0.01]]), np.full((2, 2), 0.5)).used
        (True, False)
    """
    finite = np.isfinite(loc).all(1) & np.isfinite(scale).all(1) & (scale > 0).all(1)
    datapoints, left_out, dimensions = int(finite.sum()), int((~finite).sum()), loc.shape[1]
    if datapoints < 2:
        return LatentUse(datapoints, left_out, dimensions, None, None, None)
    spread = loc[finite].var(0, ddof=1) / (scale[finite] ** 2).mean(0)
    used = spread > USED
    return LatentUse(datapoints, left_out, dimensions, tuple(spread.tolist()), tuple(used.tolist()), int(used.sum()))
