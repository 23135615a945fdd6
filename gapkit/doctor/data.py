"""Do the data look like those that the model makes? Their range, their noise, and whether it beats no model at all."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from gapkit.core.findings import Finding
from gapkit.doctor.probe import Probe, innermost
from gapkit.doctor.readings import far_better

__all__ = ["chance", "ranges", "sigma"]

_OUTSIDE, _MARGIN = 0.1, 0.1
_FAR = 3.0
_FEWEST, _WORSE = 10, 1.1  # datapoints whose mean is taken, and how much worse than it counts

# Scales that images are kept in: name, values of black and white.
_SCALES = (("0,1", 0.0, 1.0), ("-1,1", -1.0, 1.0), ("0,255", 0.0, 255.0), ("-0.5,0.5", -0.5, 0.5))


def ranges(probe: Probe) -> Finding | None:
    """Whether the data are on the scale of the model's reconstructions."""
    base, _ = innermost(probe.decoded)
    if not isinstance(base, Normal):
        return None  # other likelihoods refuse values that they do not know
    x = probe.everything.x
    low, high = float(x.min()), float(x.max())
    asked = "data on the scale of the model's training"
    extent = f"data from {low:g} to {high:g}"
    at = next((place for place in _SCALES if place[1] <= low and high <= place[2] and high > place[1]), None)
    if at is not None and probe.inputs.shape == probe.x.shape:
        fits = [(float(bound.mean()), name) for name, bound in _rescaled(probe, at) if far_better(probe.bound, bound)]
        if fits:
            value, name = max(fits)
            found = (
                f"{extent} give L[q] of about {float(probe.bound.mean()):.1f} nats; mapped to [{name}] they would give "
                f"about {value:.1f} (as a density of the data as they are)"
            )
            do = f"scale the data as in training: --scale={name} (or in Python before gapkit.analyze)"
            return Finding("range", "warning", asked, found, do)
    mean = base.loc[base.loc.isfinite()]
    margin = _MARGIN * (high - low)
    outside = float(((mean < low - margin) | (mean > high + margin)).double().mean()) if len(mean) else 0.0
    if outside <= _OUTSIDE:
        return None
    found = (
        f"{extent}, and reconstructions from {float(mean.min()):.3g} to {float(mean.max()):.3g}: {outside:.0%} of them "
        "lie outside the data's range"
    )
    do = "scale and centre the data as in training (--scale LOW,HIGH for pixels)"
    return Finding("range", "warning", asked, found, do)


def _rescaled(probe: Probe, at: tuple[str, float, float]) -> list[tuple[str, Tensor]]:
    """Bounds on log p(x) if data on one scale are mapped to another before they meet the model."""
    bounds = []
    for name, low, high in _SCALES:
        if name == at[0]:
            continue
        slope = (high - low) / (at[2] - at[1])
        x, inputs = (low + slope * (part - at[1]) for part in (probe.x, probe.inputs))
        q = probe.encode(inputs)
        if q.loc.shape != probe.q.loc.shape:
            continue
        with torch.no_grad():
            z, log_q = q.push(probe.noise)
            likelihood = torch.stack([probe.decode(part).log_prob(x) for part in z])
        density = probe.x[0].numel() * math.log(slope)
        bounds.append((name, (likelihood + probe.target.log_prior(z) - log_q).mean(0) + density))
    return bounds


def sigma(probe: Probe) -> Finding | None:
    """Whether a fixed scale of p(x|z) is far from the size of the residuals."""
    base, _ = innermost(probe.decoded)
    if type(base) is not Normal or bool((base.scale != base.scale[:1]).any()):
        return None
    # Of draws from the posterior, residuals have just that size; of its location alone they would be smaller.
    ratio = _residuals(probe, probe.z)
    few_values = 2 * probe.z.shape[-1] > probe.x[0].numel()
    if ratio > _FAR:  # a bad encoder gives large residuals too
        ratio = max(1.0, _residuals(probe, probe.modes.unsqueeze(0)))
    if not math.isfinite(ratio) or 1.0 / _FAR <= ratio <= _FAR or (ratio < 1.0 and few_values):
        return None
    typical = float(base.scale.double().median())
    found = (
        f"a scale of {typical:.3g} while residuals x - E[x|z] have a root mean square of {ratio * typical:.3g}, "
        f"{ratio:.2g} times that"
    )
    do = (
        "name the scale that the model was trained with; training on a squared error (summed over D values) plus beta "
        "times the KL divergence has sigma^2 = beta / 2, on its mean sigma^2 = beta D / 2"
    )
    return Finding("sigma", "warning", "noise of p(x|z) of the size of the residuals", found, do)


def _residuals(probe: Probe, z: Tensor) -> float:
    """Root mean square of the residuals of a normal p(x|z), in units of the scale, at latents of shape (S, B, D)."""
    parts = []
    for latents in z:
        base: Any = innermost(probe.decode(latents))[0]
        parts.append((probe.x.reshape(base.loc.shape) - base.loc) / base.scale)
    residual = torch.stack(parts).double()
    return float(residual[residual.isfinite()].square().mean().sqrt())


def chance(probe: Probe) -> Finding | None:
    """Whether the model says less about the data than no model at all."""
    base, _ = innermost(probe.decoded)
    asked = "a model that fits the data better than chance"
    do = (
        "check that weights, data, their scale and order are those of the training, and what decode returns "
        "(--likelihood)"
    )
    if isinstance(base, Bernoulli) and bool(((probe.x == 0) | (probe.x == 1)).all()):
        coins = -probe.x[0].numel() * math.log(2.0)
        least = coins - max(1.0, 0.005 * abs(coins))
        # Where the encoder is to blame, other latents do better: as well as if they had no posterior width to pay for.
        if float(probe.likelihoods.mean()) < least:
            best = float(_at_best(probe).mean())
            if best < least:
                found = f"worse than fair coins: log p(x) is at most about {best:.1f} nats, theirs {coins:.1f}"
                return Finding("chance", "warning", asked, found, do)
    if isinstance(base, Normal):
        return _worse_than_mean(probe, base, asked, do)
    return None


def _at_best(probe: Probe) -> Tensor:
    """Roughly the most that log p(x) may be: Laplace's approximation with a posterior as wide as the prior, (B,)."""
    z = probe.modes.unsqueeze(0)
    prior = probe.target.log_prior(torch.cat([z, probe.prior_z]))
    return probe.log_likelihood(z)[0] + prior[0] - prior.amax(0)


def _worse_than_mean(probe: Probe, base: Normal, asked: str, do: str) -> Finding | None:
    x = probe.everything.x
    if len(x) < _FEWEST:
        return None
    trivial = _miss(probe, x[:2000].double().mean(0))
    if _miss(probe, base.mean) <= _WORSE * trivial:
        return None
    best = _miss(probe, innermost(probe.decode(probe.modes))[0].mean)
    if not best > _WORSE * trivial:
        return None
    found = (
        f"reconstructions at the best z miss by {best:.3g} (root mean square), the mean of the data by {trivial:.3g}"
    )
    return Finding("chance", "warning", asked, found, do)


def _miss(probe: Probe, mean: Tensor) -> float:
    """Root mean square of the data minus what stands for them, one for all (*x_shape) or one each (B, *x_shape)."""
    return float((probe.x.double() - mean.double().reshape(-1, *probe.x.shape[1:])).square().mean().sqrt())
