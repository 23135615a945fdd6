"""How much each latent dimension is used: its KL divergence to the prior, active units, and the mutual information.

Sources: Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders" (2016), https://arxiv.org/abs/1509.00519,
section 5.2 (active units); Hoffman & Johnson, "ELBO surgery" (2016), section 2 (the mean KL divergence is the mutual
information plus the divergence of the aggregate posterior).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gapkit.core.intervals import mean_interval
from gapkit.core.sample_size import FEWEST
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
) -> dict[str, Any]:
    """Summarise what Gaussian posteriors q(z|x) of N datapoints say about the latent dimensions.

    Args:
        loc: means of q, shape (N, D).
        scale: standard deviations of each latent under q, shape (N, D).
        log_det: half the log determinant of q's covariance, shape (N,); for a factorised q the sum of log scales.
        noise: standard normal numbers of shape (S, M, D) for the mutual information of the first M <= N datapoints;
            None where q is not factorised.
        standard_prior: whether p(z) is standard normal.

    Returns:
        ``kl``, the summary of KL(q(z|x) || p(z)) over datapoints (see :func:`gapkit.results.summary.summarise_values`);
        ``kl_per_dimension``, ``mean``, ``se_datapoints`` and ``ci95`` (shape (D, 2), None for fewer than 10 datapoints)
        of the divergence of each marginal of q; both in nats and None where the prior is not standard normal.
        ``mean_variance``, the variance over datapoints of each posterior mean, ``active``, whether it exceeds
        ``ACTIVE``, and ``active_units``, how many do; None for one datapoint, and the last two where the prior is not
        standard normal, in whose units the threshold is. ``spread``, that variance over the mean variance of q itself,
        ``used``, whether it exceeds ``USED``, and ``used_units``, how many do: see :func:`summarise_use`.
        ``inactive_kl``, the mean divergence of the others together, in nats, where it is known.
        ``mutual_information`` and ``aggregate_kl``, summaries of I(x; z) and of KL(q(z) || p(z)), where q(z) is the
        mixture of the ``mixture_datapoints`` first posteriors, so that I cannot exceed ``log_mixture_datapoints``;
        ``at_limit``, whether it comes so close to that (90%) that more datapoints would show more.
        ``missing``, why a part is None. ``dimensions``, ``datapoints`` used and ``left_out``, those not finite.
    """
    loc, scale, log_det = (np.asarray(part, np.float64) for part in (loc, scale, log_det))
    finite = np.isfinite(loc).all(1) & np.isfinite(scale).all(1) & (scale > 0).all(1) & np.isfinite(log_det)
    found: dict[str, Any] = {
        "datapoints": int(finite.sum()),
        "left_out": int((~finite).sum()),
        "dimensions": loc.shape[1],
        "threshold": ACTIVE,
        "missing": {},
    }
    missing, use = found["missing"], summarise_use(loc, scale)
    if noise is not None:
        noise = np.asarray(noise, np.float64)[:, finite[: noise.shape[1]]]
    first = loc.shape[0] if noise is None else noise.shape[1]
    loc, scale, log_det = loc[finite], scale[finite], log_det[finite]
    kl = 0.5 * (scale**2 + loc**2 - 1.0).sum(1) - log_det
    found |= {"kl": None, "kl_per_dimension": None}
    if standard_prior and len(loc):
        marginal = 0.5 * (scale**2 + loc**2 - 1.0) - np.log(scale)
        found["kl"] = summarise_values(kl, np.zeros_like(kl))
        found["kl_per_dimension"] = {
            "mean": marginal.mean(0).tolist(),
            "se_datapoints": (marginal.std(0, ddof=1) / math.sqrt(len(loc))).tolist() if len(loc) > 1 else None,
            "ci95": np.stack(mean_interval(marginal.T), axis=1).tolist() if len(loc) >= FEWEST else None,
        }
    elif not standard_prior:
        missing["kl"] = "the prior is not standard normal, so that there is no closed form"
    found |= _active(loc, standard_prior) | {name: use[name] for name in ("spread", "used", "used_units")}
    if found["active"] is not None and found["kl_per_dimension"]:
        divergences = zip(found["kl_per_dimension"]["mean"], found["active"], strict=True)
        found["inactive_kl"] = sum(value for value, used in divergences if not used)
    found |= {"mutual_information": None, "aggregate_kl": None}
    if noise is None:
        missing["mutual_information"] = "q(z|x) is not a factorised Gaussian"
    elif first:
        value, error = mutual_information(loc[:first], scale[:first], noise)
        found["mutual_information"] = summarise_values(value, error)
        if found["kl"] is not None:
            found["aggregate_kl"] = summarise_values(kl[:first] - value, error)
        limit, mean = math.log(first), found["mutual_information"]["mean"]
        found |= {"mixture_datapoints": first, "log_mixture_datapoints": limit, "at_limit": bool(mean >= _NEAR * limit)}
    return found


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


def collapse_sentence(values: Mapping[str, Any], star: Mapping[str, Any] | None = None) -> str:
    """Whether latent dimensions have collapsed to one q for all datapoints, in a sentence; nothing where unknown.

    Args:
        values: what :func:`summarise_latents` gives of the encoder's q.
        star: what :func:`summarise_use` gives of the fitted q*, which tells what the decoder uses, whatever the encoder
            makes of it. Without it the encoder is asked, in units of a standard normal prior.
    """
    judged = star if star and star.get("used_units") is not None else None
    if judged:
        count, rule = judged["used_units"], f"variance of q*'s mean over that of q* itself above {USED:g}"
    elif values.get("active_units") is not None:
        count = values["active_units"]
        rule = f"variance of the posterior mean over the datapoints above {values['threshold']:g}"
    else:
        return ""
    dimensions = (judged or values)["dimensions"]
    if count and judged and values.get("used_units") == 0:
        return (
            f"The encoder ignores x: its q is the same for every datapoint, although the decoder uses {count} of "
            f"{dimensions} latent dimension{'' if dimensions == 1 else 's'} ({rule})."
        )
    if count == 0:
        return f"Posterior collapse: none of the {dimensions} latent dimensions is active ({rule})."
    if count == dimensions:
        return f"No posterior collapse: all {dimensions} latent dimensions are active ({rule})."
    held = None if judged else values.get("inactive_kl")
    share = "" if held is None else f", and hold {held:.2f} nats of KL divergence together"
    verb = "has" if dimensions - count == 1 else "have"
    return (
        f"Posterior collapse in part: {count} of {dimensions} latent dimensions are active ({rule}); the other "
        f"{dimensions - count} {verb} collapsed to one q for all datapoints{share}."
    )


def _active(loc: np.ndarray, standard_prior: bool) -> dict[str, Any]:
    if len(loc) < 2:
        return {"mean_variance": None, "active": None, "active_units": None}
    variance = loc.var(0, ddof=1)
    if not standard_prior:  # the threshold is in units of a standard normal prior
        return {"mean_variance": variance.tolist(), "active": None, "active_units": None}
    active = variance > ACTIVE
    return {"mean_variance": variance.tolist(), "active": active.tolist(), "active_units": int(active.sum())}


def summarise_use(loc: np.ndarray, scale: np.ndarray) -> dict[str, Any]:
    """Which latent dimensions tell datapoints apart, in units of q's own width: whatever the prior is.

    Args:
        loc: means of q, shape (N, D).
        scale: standard deviations of each latent under q, shape (N, D).

    Returns:
        ``spread``, the variance over datapoints of each mean over the mean variance of q; ``used``, whether it exceeds
        ``USED``; ``used_units``, how many do; None for one datapoint. ``dimensions``, ``datapoints`` used and
        ``left_out``, those not finite.

    Example:
        >>> summarise_use(np.array([[1.0, 0.0], [-1.0, 0.01]]), np.full((2, 2), 0.5))["used"]
        [True, False]
    """
    finite = np.isfinite(loc).all(1) & np.isfinite(scale).all(1) & (scale > 0).all(1)
    counts = {"datapoints": int(finite.sum()), "left_out": int((~finite).sum()), "dimensions": loc.shape[1]}
    if finite.sum() < 2:
        return {**counts, "spread": None, "used": None, "used_units": None}
    spread = loc[finite].var(0, ddof=1) / (scale[finite] ** 2).mean(0)
    used = spread > USED
    return {**counts, "spread": spread.tolist(), "used": used.tolist(), "used_units": int(used.sum())}
