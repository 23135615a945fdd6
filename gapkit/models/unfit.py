"""Why a q(z|x) cannot be analysed, by what it is, and what can be done: refusals of families and of supports."""

from typing import Any

from torch.distributions import Distribution, RelaxedBernoulli, RelaxedOneHotCategorical, constraints
from torch.distributions.relaxed_bernoulli import LogitRelaxedBernoulli
from torch.distributions.relaxed_categorical import ExpRelaxedCategorical

from gapkit.core.errors import InputError
from gapkit.models.naming import bounds_of, innermost, name_of, set_of, support_of
from gapkit.models.pulled import only_in_coordinates

__all__ = ["families_on", "no_family", "other_set"]

_RELAXED = (RelaxedBernoulli, RelaxedOneHotCategorical, LogitRelaxedBernoulli, ExpRelaxedCategorical)
_GAUSSIAN = (
    "Independent(Normal), MultivariateNormal or LowRankMultivariateNormal over flat latents, a TransformedDistribution "
    "or a zuko NormalizingFlow of one of them that keeps the dimension, or a gapkit.families.TransportDistribution"
)
_DISCRETE = (
    "where a few classes stand beside continuous latents, give encode and decode the class as their condition and sum "
    "it out exactly: gapkit.models.classes_summed_out (2 to 50 classes, docs/other_models.md); where there are more, "
    "give them as a condition (condition=, --condition) and analyse the continuous latents; where the class is the "
    "only latent, log p(x) is a sum over it, which needs no bound"
)
_ANYWHERE = (
    "a q that has mass wherever p(z) has some, for every datapoint: LogNormal or Gamma on the positive numbers, Beta "
    f"on [0, 1], Dirichlet on a simplex, and on all real numbers {_GAUSSIAN}"
)
_NEVERTHELESS = "another q needs an encoder that was trained with it"


def families_on(dist: Distribution) -> str:
    """Which posteriors with the support of a distribution can be analysed; empty where there are none.

    Example:
        >>> import torch
        >>> from torch.distributions import Beta
        >>> families_on(Beta(torch.ones(2), 1.0))
        'Beta, or a TransformedDistribution of a Normal by [SigmoidTransform()]'
    """
    support = support_of(dist)
    transformed = "a TransformedDistribution of a Normal by"
    if support in (constraints.real, constraints.real_vector):
        return _GAUSSIAN
    if support is constraints.simplex:
        return f"Dirichlet, or {transformed} [StickBreakingTransform()]"
    low, high = bounds_of(support)
    if low == 0 and high is None:
        return f"LogNormal, Gamma, Weibull, Exponential or Chi2, or {transformed} [SoftplusTransform()]"
    if low == 0 and high == 1:
        return f"Beta, or {transformed} [SigmoidTransform()]"
    if low is not None:
        steps = "ExpTransform()" if high is None else "SigmoidTransform()"
        return f"{transformed} [{steps}, AffineTransform({low:g}, {1.0 if high is None else high - low:g})]"
    return ""


def no_family(q: Distribution) -> InputError:
    """The refusal of a q(z|x) of no family that gapkit knows.

    Args:
        q: what ``encode`` returned.
    """
    inner: Any = innermost(q)
    found = f"encode returned {name_of(q)}"
    shapes = f"batch shape {tuple(q.batch_shape)} and event shape {tuple(q.event_shape)}"
    asked = "a posterior that is a transform of Gaussian noise"
    support: Any = support_of(q)
    if isinstance(inner, _RELAXED):
        why = (
            f"{found}, the relaxation of discrete latents at a temperature: the posterior of a relaxed model, whose "
            "gaps change with the temperature and are not those of the discrete one"
        )
        return InputError("q(z|x) over continuous latents", why, _DISCRETE)
    if getattr(support, "is_discrete", False) or inner.has_enumerate_support:
        why = f"{found} on {set_of(q)}: q* is found along the gradient of log p(x, z) in z, and discrete z have none"
        return InputError("q(z|x) over continuous latents", why, _DISCRETE)
    if only_in_coordinates(q):
        do = f"give it a prior on the same set, {set_of(q)} (prior() of the model, prior= of gapkit.from_joint)"
        return InputError(asked, f"{found} with {shapes}", do)
    found = f"{found} on {set_of(q)}, with {shapes}"
    families = families_on(q)
    if support in (constraints.real, constraints.real_vector):
        do = (
            f"return {families}; or give its family a name and a fit: gapkit.register_family(name, family, "
            "recognise=...), as in analyses/notebooks/your_own_estimator_and_family.ipynb"
        )
        return InputError(asked, found, do)
    if len(q.event_shape) > 1 and not families:
        do = "return a Normal of as many flat numbers as the latent has freedoms, and make the latent of them in decode"
        return InputError(asked, found, f"{do}; {_NEVERTHELESS}")
    return InputError(asked, found, f"return {families or _ANYWHERE}, with a prior on the same set; {_NEVERTHELESS}")


def other_set(q: Distribution, prior: Distribution) -> InputError:
    """The refusal of a q(z|x) whose support is another than that of p(z).

    Args:
        q: what ``encode`` returned.
        prior: of the model, or what stands for it.
    """
    ours, theirs = set_of(q), set_of(prior)
    found = f"q(z|x) is {name_of(q)} on {ours}, and p(z) is {name_of(prior)} on {theirs}"
    if ours == theirs:
        found += ", but not with mass on the same part of it"
        do = "give q(z|x) and p(z) the same bounds for every datapoint, and p(z) draws (sample) that lie within them"
        return InputError("q(z|x) and p(z) on the same set", found, do)
    families = families_on(prior)
    change = f", or let encode return a q on that of p(z): {families}" if families else ""
    do = f"give the model the prior that it was trained with, on {ours} (prior= of gapkit.from_joint){change}"
    return InputError("q(z|x) and p(z) on the same set", found, do)
