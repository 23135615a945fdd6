"""Are the numbers there, do they lie where the model has mass, and do they have enough digits?"""

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.findings import Finding
from gapkit.doctor.probe import Probe
from gapkit.models.conditions import prior_with
from gapkit.models.encoding import encoded
from gapkit.models.parameters import faulty, not_positive
from gapkit.models.priors import moved
from gapkit.models.unfit import other_set

__all__ = ["density", "encoder", "finite", "parameters", "resolution", "support"]

_ROWS, _AT_ONCE = 2000, 500
_DRAWS_OUTSIDE = 0.005
_OF_TARGET = 0.1
_STEP = 1e-4  # of a posterior standard deviation: what log p changes over it is rounding alone


def encoder(probe: Probe) -> Finding | None:
    """Whether q(z|x) has finite means and positive, finite standard deviations, for up to 2000 datapoints."""
    rows = probe.everything[:_ROWS]
    bad_loc, bad_scale, negative, scales = 0, 0, 0, 0
    failed = []
    for part in rows.split(_AT_ONCE):
        q = probe.posterior(part)
        loc, scale = q.loc, q.marginal_scale()
        wrong_loc, wrong_scale = ~loc.isfinite().all(1), ~(scale.isfinite() & (scale > 0)).all(1)
        bad_loc, bad_scale = bad_loc + int(wrong_loc.sum()), bad_scale + int(wrong_scale.sum())
        negative, scales = negative + int((scale <= 0).sum()), scales + scale.numel()
        failed.append(wrong_loc | wrong_scale)
    count = int(torch.cat(failed).sum())
    if count == 0:
        return None
    found = f"the encoder fails on {count} of {len(rows)} datapoints"
    parts = []
    if bad_loc:
        parts.append(f"{bad_loc} have a location that is not finite")
    if bad_scale:
        what = f"{negative} of {scales} are zero or negative" if negative else "not finite"
        parts.append(f"{bad_scale} have standard deviations that are no positive numbers ({what})")
    do = "look at these datapoints; where many scales are negative, a log-variance was probably passed as a scale"
    level = "error" if count == len(rows) else "warning"
    asked = "q(z|x) with finite locations and positive scales"
    return Finding("encoder", level, asked, f"{found}: {' and '.join(parts)}", do)


def parameters(probe: Probe) -> Finding | None:
    """Whether scales, rates and probabilities are what distributions take, at the places and at draws of q."""
    places = (probe.q.loc, *probe.z)
    with torch.no_grad():
        for whose, dist in (("q(z|x)", probe.q), ("p(z)", probe.target.prior)):
            deviations = getattr(dist, "deviations", None)  # of latents in groups
            if callable(deviations):
                found = torch.stack([deviations(z) for z in places])
                if words := not_positive(found, "standard deviations of latents given those before them"):
                    return _misread(f"{whose}: {words}")
        for p in map(probe.decode, places):
            if words := faulty(p):
                return _misread(f"p(x|z): {words}")
    return None


def _misread(found: str) -> Finding:
    do = (
        "give the distribution what it takes: exp or softplus of an output that is read as a scale or a rate, its "
        "sigmoid for probabilities (or logits=)"
    )
    return Finding("parameters", "error", "scales, rates and probabilities such as their distributions take", found, do)


def density(probe: Probe) -> Finding | None:
    """Whether log q(z) can be asked for at any z: fits compare q* with the encoder's q, and proposals are mixtures."""
    ask = getattr(probe.q, "log_prob", None)
    if ask is None:  # a family that says so itself, such as a flow without an inverse, has a stand-in
        return None
    try:
        with torch.no_grad():
            ask(probe.prior_z)
    except NotImplementedError as error:
        found = f"none: log_prob of the encoder's posterior says so ({str(error).strip() or 'not implemented'})"
        do = (
            "leave log_prob out and write stand_in(), which returns a DiagonalGaussian of about its place and width: "
            "draws with their densities are all that L[q] needs"
        )
        return Finding("density", "error", "a density of q(z|x) at every z", found, do)
    return None


def support(probe: Probe) -> Finding | None:
    """Whether q puts mass where the prior has none, so that L[q] is minus infinity."""
    outside = probe.target.log_prior(probe.z).isneginf() & probe.z.isfinite().all(-1)
    share = float(outside.double().mean())
    if share <= _DRAWS_OUTSIDE:
        return None
    q = encoded(probe.model, probe.inputs, probe.points.condition)
    sets = other_set(q, prior_with(probe.model, probe.points.condition))
    lost = f"{share:.0%} of the draws of q lie where the prior's density is zero, so that L[q] is minus infinity"
    found = f"{lost}: {sets.found}"
    return Finding("support", "error", "q(z|x) within the support of p(z)", found, sets.do)


def finite(probe: Probe) -> Finding | None:
    """Whether log p(x|z) is a number at draws of q."""
    number = probe.likelihoods.isfinite()
    usable = probe.z.isfinite().all(-1)
    tried = usable.any(0)
    dead = tried & ~(number & usable).any(0)
    if not bool(dead.any()):
        return None
    asked = "a finite log p(x|z) at draws of q(z|x)"
    found = f"none for {int(dead.sum())} of {int(tried.sum())} datapoints that were looked at"
    do = "look for probabilities of exactly 0 or 1, scales of 0 and overflow in decode"
    return Finding("finite", "error" if bool(dead[tried].all()) else "warning", asked, found, do)


def resolution(probe: Probe, target_se: float) -> Finding | None:
    """Whether log p(x, z) keeps enough digits for the error that is aimed at.

    Two ways to lose them: in sums of many or large terms, seen against the same parameters in float64 (the target takes
    densities in float64 where that helps; what is left are distributions that know one type only); and in the decoder,
    seen as a jitter of the value over steps that are too small to change it.

    Args:
        probe: the model.
        target_se: standard error of log p(x) to reach, in nats.
    """
    z = probe.z[:2]
    value = probe.target.log_likelihood(z)
    off = [*_summation(probe, z, value), *_jitter(probe, z, value)]
    worst = torch.stack(off).nan_to_num(nan=0.0, posinf=0.0).amax(0) if off else value.new_zeros(value.shape[1])
    typical = float(worst.double().quantile(0.9))
    if typical <= _OF_TARGET * target_se:
        return None
    size = float(value[value.isfinite()].abs().double().median()) if bool(value.isfinite().any()) else 0.0
    asked = f"log p(x|z) with digits enough for errors of {target_se:g} nats"
    found = f"values around {-size:.3g} that are off by about {typical:.2g} nats through rounding ({z.dtype})"
    do = "analyse the model in float64: model.double() in the factory, and avoid half precision inside decode"
    return Finding("resolution", "warning", asked, found.replace("torch.", ""), do)


def _summation(probe: Probe, z: Tensor, value: Tensor) -> list[Tensor]:
    if value.dtype == torch.float64:
        return []
    try:
        exact = torch.stack(
            [moved(probe.decode(part), torch.float64, part.device).log_prob(probe.x.double()).double() for part in z]
        )
    except (InputError, RuntimeError, ValueError, TypeError, NotImplementedError):
        return []  # a distribution of the user's own may know one type only
    return [(exact - value.double()).abs().amax(0)]


def _jitter(probe: Probe, z: Tensor, value: Tensor) -> list[Tensor]:
    """Second differences over tiny steps: those of a smooth function vanish; sqrt(6) of its noise is left."""
    scale = probe.q.marginal_scale()
    step = _STEP * scale / z.shape[-1] ** 0.5
    around = probe.target.log_likelihood(torch.cat([z + step, z - step])).double()
    up, down = around.chunk(2)
    second = (up - 2.0 * value.double() + down).abs() / 6.0**0.5
    return [second.mean(0)]
