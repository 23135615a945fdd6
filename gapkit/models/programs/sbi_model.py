"""An amortized posterior of sbi as a model: is it good at these observations?

    theta ~ prior,  x ~ p(x|theta),  q(theta|x) the trained estimator

Parameters of a bounded prior are analysed on the real line, through ``biject_to`` of its support. What the estimator
leaks beyond the support is cut off and the rest divided by its mass, as sbi's own posterior does.
Reference: Tejero-Cantero et al., "sbi: A toolkit for simulation-based inference" (2020),
https://arxiv.org/abs/2007.09114.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Transform, TransformedDistribution, biject_to, constraints

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.families.distribution import TransportDistribution
from gapkit.families.truncated import Inside, Truncated, measure
from gapkit.models.conditions import place_in
from gapkit.models.joint import GivenLatents, ValuesAlone
from gapkit.models.owners import owners_of
from gapkit.models.priors import moved
from gapkit.models.programs.sbi_flows import posterior_of, require_flow
from gapkit.models.steady import steady
from gapkit.models.support import describe
from gapkit.models.unvalidated import unvalidated

__all__ = ["SbiModel", "from_sbi"]

_LEAKING = 0.5  # of the mass, from which on it is said
_IMPRECISE = 0.05  # nats


class SbiModel(nn.Module):
    """Satisfies ``LatentModel``; built by :func:`from_sbi`.

    Attributes:
        own: the density estimators, whose weights have the names of the user's file.
        estimator: that of the posterior.
        likelihood: a learned one, a function to a distribution, or a density.
        bijection: from the real line to the parameters; None where they are real.
        x_shape: shape of an observation; None until the first encode where the likelihood does not tell.
    """

    def __init__(self, estimator: Any, likelihood: Any, parameters: Distribution) -> None:
        super().__init__()
        require_flow(estimator)
        self.estimator, self.likelihood, self.parameters_prior = estimator, likelihood, parameters
        self.learned = isinstance(likelihood, nn.Module) and callable(getattr(likelihood, "log_prob", None))
        self.density = not self.learned and bool(place_in(likelihood, 1))
        self.owners = owners_of(likelihood)
        both = {"posterior": estimator} | ({"likelihood": likelihood} if isinstance(likelihood, nn.Module) else {})
        self.own: nn.Module = estimator if len(both) == 1 else nn.ModuleDict(both)
        self.bijection = _bijection(parameters)
        self.x_shape: tuple[int, ...] | None = None
        self._masses: dict[bytes, list[Tensor]] = {}
        self._told = False

    @property
    def decodes_for_all(self) -> bool:
        """Whether p(x|theta) can be taken for many x at once: not of a density alone."""
        return not self.density

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Event shape of the parameters."""
        return (self.estimator.input_shape.numel(),)

    def encode(self, x: Tensor) -> Distribution:
        """Return q(theta|x) on the real line: x has shape (B, *x_shape), the result batch shape (B,)."""
        self.x_shape = tuple(x.shape[1:])
        inner, own = posterior_of(self.estimator, x)
        if own is not None:
            if self.bijection is None or not _same_map(own, self.bijection, inner.loc):
                do = "train it with z_score_theta='independent', or use a flow (zuko_nsf, maf)"
                raise InputError("a mixture on the real line", "one in coordinates that are not the prior's", do)
            return TransportDistribution(inner)
        if self.bijection is None:
            return TransportDistribution(inner)
        known = self._inside(x, inner)
        return TransportDistribution(Truncated(inner, self.bijection, self._supported, known))

    def decode(self, z: Tensor) -> Distribution:
        """Return p(x|theta), batch shape (N,): z has shape (N, D), on the real line."""
        if self.density:
            return GivenLatents(self, z, None)
        theta = z if self.bijection is None else self.bijection(z)
        if self.learned:
            return _Learned(self.likelihood, theta, self.x_shape or tuple(self.likelihood.input_shape))
        p = self.likelihood(theta)
        if not isinstance(p, Distribution) or tuple(p.batch_shape) != (len(z),):
            asked = f"a likelihood that returns a torch distribution of batch shape ({len(z)},) for {len(z)} parameters"
            raise InputError(asked, describe(p), "wrap it in torch.distributions.Independent(..., 1)")
        return p

    def prior(self) -> Distribution:
        """Return the prior of the parameters on the real line, batch shape ()."""
        if self.bijection is None:
            return self.parameters_prior
        return TransformedDistribution(self.parameters_prior, [self.bijection.inv], validate_args=False)

    def reference(self, dtype: torch.dtype, device: torch.device) -> Distribution:
        """The same in a type and a place."""
        found: Distribution = steady(moved(self.prior(), dtype, device))
        return found

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """Log p(x, theta) on the real line, shape (N,): of a likelihood that is a density alone."""
        theta = z if self.bijection is None else self.bijection(z)
        found = self.likelihood(x, theta)
        if not isinstance(found, Tensor) or found.shape != (len(z),):
            asked = f"log p(x|theta) of shape ({len(z)},) for {len(z)} pairs"
            raise InputError(asked, describe(found), "return one number in nats for each pair")
        with unvalidated():
            prior: Tensor = self.reference(z.dtype, z.device).log_prob(z)
        return found + prior

    def _supported(self, theta: Tensor) -> Tensor:
        support: Any = self.parameters_prior.support
        found: Tensor = support.check(theta)
        return found

    def _inside(self, x: Tensor, inner: Any) -> Inside:
        """Mass, place and widths of q inside the support, looked up once for every observation."""
        version = sum(part._version for part in self.estimator.parameters())
        names = [row.tobytes() + str((version, x.dtype)).encode() for row in x.detach().cpu().numpy()]
        missing = [row for row, name in enumerate(names) if name not in self._masses]
        if missing:
            assert self.bijection is not None
            rows = torch.tensor(missing, device=x.device)
            found = measure(inner.select(rows), self.bijection, self._supported)
            for at, row in enumerate(missing):
                self._masses[names[row]] = [found.log_mass[at], found.error[at], found.loc[at], found.tril[at]]
            self._tell(found)
        parts = [torch.stack([self._masses[name][part] for name in names]) for part in range(4)]
        return Inside(*(part.to(x.device) for part in parts))

    def _tell(self, found: Inside) -> None:
        leaking, imprecise = found.log_mass.exp() < _LEAKING, found.error > _IMPRECISE
        if self._told or not bool((leaking | imprecise).any()):
            return
        self._told = True
        least = float(found.log_mass.exp().min())
        text = (
            f"of {int(leaking.sum())} of {len(leaking)} observations the posterior estimator has more than half of its "
            f"mass beyond the prior's support (least within: {least:.3f}): that is cut off, and densities are divided "
            f"by what is within, whose logarithm is known to {float(found.error.max()):.2g} nats"
        )
        warnings.warn(text, GapkitWarning, stacklevel=4)


class _Learned(ValuesAlone):
    """P(x|theta) of an estimator of sbi for N parameters."""

    known_as = "an estimator of sbi"

    def __init__(self, estimator: Any, theta: Tensor, shape: tuple[int, ...]) -> None:
        self._estimator, self._theta = estimator, theta
        super().__init__(theta.shape[:1], torch.Size(shape), validate_args=False)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws of shape (*sample_shape, N, *x_shape)."""
        shape = torch.Size(sample_shape)
        with torch.no_grad():
            drawn = self._estimator.sample(shape if shape else torch.Size([1]), condition=self._theta)
        return drawn.reshape(*shape, *self.batch_shape, *self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Shape (N, *x_shape) to (N,), in nats."""
        x = value.expand(self.batch_shape + self.event_shape)
        x = x.reshape(1, len(x), *self._estimator.input_shape)
        found: Tensor = self._estimator.log_prob(x, condition=self._theta)
        return found.reshape(len(self._theta))


def _bijection(prior: Distribution) -> Transform | None:
    """From the real line to the support of a prior; None where it is the whole space.

    Raises:
        InputError: a prior without a support, or one to which there is no bijection.
    """
    asked = "the prior of the parameters on the real line"
    do = "give a torch distribution of batch shape () and event shape (D,), such as sbi.utils.BoxUniform"
    if not isinstance(prior, Distribution) or prior.batch_shape or len(prior.event_shape) != 1:
        raise InputError(asked, describe(prior), do)
    support: Any = prior.support
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    if support in (constraints.real, constraints.real_vector):
        return None
    try:
        return biject_to(prior.support)
    except NotImplementedError as error:
        raise InputError(asked, f"the support {prior.support!r}, to which no bijection is known", do) from error


def _same_map(one: Transform, other: Transform, at: Tensor) -> bool:
    points = torch.stack([at, torch.zeros_like(at)])
    return torch.allclose(one(points), other(points), atol=1e-5)


def from_sbi(posterior: Any, likelihood: Any, prior: Distribution | None = None) -> SbiModel:
    """Make a model from a trained amortized posterior of sbi and a likelihood.

    Args:
        posterior: what ``NPE.build_posterior`` returned (a ``DirectPosterior``), or its density estimator; one that is
            a flow of Gaussian noise or a mixture of Gaussians. Embedding networks and z-scoring are part of it.
        likelihood: parameters of shape (N, D) -> p(x|theta), a ``torch`` distribution of batch shape (N,); or x of
            shape (N, *x_shape) and parameters -> log p(x|theta) of shape (N,), in nats, differentiable in the
            parameters; or a learned one, the density estimator of NLE, or the posterior that was built from it.
        prior: of the parameters; None takes that of the posterior.

    Returns:
        A model that ``gapkit.analyze`` takes: its encoder is the amortized posterior.

    Raises:
        InputError: an estimator without density and draws by a transform of noise, no prior, or no likelihood.

    Example:
        >>> from sbi.inference.posteriors import DirectPosterior
        >>> from sbi.neural_nets import posterior_nn
        >>> from torch.distributions import Independent, MultivariateNormal, Normal
        >>> prior = MultivariateNormal(torch.zeros(2), torch.eye(2))
        >>> theta = prior.sample((200,))
        >>> x = theta + 0.5 * torch.randn_like(theta)
        >>> posterior = DirectPosterior(posterior_nn("maf")(theta, x), prior)  # not trained yet
        >>> model = from_sbi(posterior, lambda theta: Independent(Normal(theta, 0.5), 1))
        >>> model.encode(x[:3]).sample().shape
        torch.Size([3, 2])
    """
    estimator = getattr(posterior, "posterior_estimator", posterior)
    prior = prior if prior is not None else getattr(posterior, "prior", None)
    learned = getattr(getattr(likelihood, "potential_fn", None), "likelihood_estimator", likelihood)
    if not isinstance(estimator, nn.Module) or not callable(getattr(estimator, "log_prob", None)):
        do = "give what NPE.build_posterior returned, or its density estimator"
        raise InputError("an amortized posterior of sbi", describe(posterior), do)
    if prior is None:
        raise InputError("the prior of the parameters", "none beside a density estimator", "give it: prior=")
    if not callable(learned) and not isinstance(learned, nn.Module):
        do = "give a function of the parameters that returns a torch distribution, or log p(x|theta) of (x, theta)"
        raise InputError("the likelihood of a simulator", describe(likelihood), do)
    return SbiModel(estimator, learned, prior)
