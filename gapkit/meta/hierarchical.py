"""Relatives with a latent c for the data set: Neural Statistician, Variational Homoencoder, and the latter's VampPrior.

    Neural Statistician   E_q(c|D) sum_{x in D} [ E log p(x|z, c) - KL(q(z|x, c) || p(z|c)) ] - KL(q(c|D) || p(c))
    homoencoder           E_q(c|D) [ E log p(x|z, c) - KL(q(z|x, c) || p(z)) ] - KL(q(c|D) || p(c)) / |X|

One decoder serves all data sets, and c says which it is. The first is a bound on log p(D) of the very set that c is
read from; the second on log p(X) / |X| of a data set X of which D are a few datapoints: without the factor 1 / |X| the
code of c would be paid anew for every datapoint.
Sources: Edwards, Storkey, "Towards a Neural Statistician" (2017), https://arxiv.org/abs/1606.02185; Hewitt, Nye, Gane,
Jaakkola, Tenenbaum, "The Variational Homoencoder" (2018), https://arxiv.org/abs/1807.08919; Tomczak, Welling, "VAE with
a VampPrior" (2018), https://arxiv.org/abs/1705.07120: p(c) is the mean of q(c|U_k) over pseudo-sets U_k, which are
trained.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from gapkit.core.errors import InputError
from gapkit.core.randomness import seeded
from gapkit.meta.config import MetaTrainConfig
from gapkit.meta.data import MetaData
from gapkit.meta.train import MetaTraining, Step, descend, steps_of
from gapkit.models.assembly import sizes
from gapkit.models.likelihoods import parse
from gapkit.models.nets import mlp
from gapkit.models.sets import make_set_encoder

__all__ = ["KINDS", "SetBound", "SetVae", "train_set_vae"]

KINDS = ("statistician", "homoencoder", "vamp")
_HALVINGS = 10  # epochs in which the extra weight of the statistician's reconstruction falls to nothing


@dataclass(frozen=True)
class SetBound:
    """The terms of the bound of Q datapoints of each of G sets, in nats; negative KLs are subtracted.

    Attributes:
        reconstruction: E log p(x|z, c), (G, Q).
        latent: KL of z, (G, Q).
        context: KL of c, (G,).
    """

    reconstruction: Tensor
    latent: Tensor
    context: Tensor

    def per_datapoint(self, size: Tensor | float, extra: float = 0.0) -> Tensor:
        """The bound on log p(X) / |X|, (G, Q), where the data set has so many datapoints.

        ``extra`` is the weight alpha of the Neural Statistician's training: (1 + a) reconstruction - KLs / (1 + a).
        """
        kl = self.latent + (self.context / size).unsqueeze(1)
        return (1 + extra) * self.reconstruction - kl / (1 + extra)


class SetVae(nn.Module):
    """A VAE with a latent for the data set; with c as the condition it satisfies ``LatentModel``.

    Args:
        kind: ``statistician`` (p(z|c) is a network), ``homoencoder`` (p(z) = N(0, I)), or ``vamp`` (the same, and p(c)
            a mixture over pseudo-sets).
        x_shape: of a datapoint.
        latent: dimension of z.
        context: dimension of c.
        hidden: sizes of the hidden layers of every network.
        summary: width of the pooled set.
        activation: a name of ``gapkit.models.nets.ACTIVATIONS``.
        likelihood: of p(x|z, c), without parameters of its own.
        pseudo_sets: how many, for ``vamp``.
        pseudo_size: datapoints of each.

    Raises:
        InputError: no such kind, a size that is not positive, or a likelihood with a parameter.

    Example:
        >>> model = SetVae("homoencoder", (6,), latent=2, context=3, hidden=(8,), summary=5)
        >>> model.bound(torch.zeros(4, 7, 6), torch.zeros(4, 5, 6)).reconstruction.shape
        torch.Size([4, 7])
    """

    def __init__(
        self,
        kind: str,
        x_shape: Sequence[int],
        latent: int = 40,
        context: int = 40,
        hidden: Sequence[int] = (400, 400),
        summary: int = 400,
        activation: str = "relu",
        likelihood: str = "bernoulli",
        pseudo_sets: int = 100,
        pseudo_size: int = 10,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise InputError(f"a model of sets of the kind {kind!r}", "no such kind", f"use {', '.join(KINDS)}")
        counts = {"latent": latent, "context": context, "pseudo_sets": pseudo_sets, "pseudo_size": pseudo_size}
        for name, count in counts.items():
            sizes(name, [count])
        self.kind, self.x_shape, self.latent, self.context = kind, tuple(x_shape), latent, context
        self.likelihood = parse(likelihood)
        if self.likelihood.shared is not None:
            do = "give a scale (gaussian:sigma=0.1), or one for each pixel (gaussian:scale=pixel)"
            raise InputError("a model of sets", f"the likelihood {likelihood!r}, which has a parameter of its own", do)
        inputs, act = math.prod(self.x_shape), activation
        self.summarise = make_set_encoder("mean", self.x_shape, summary, hidden[:1], act)
        self.to_c = nn.Linear(summary, 2 * context)
        self.to_z = mlp((inputs + context, *hidden, 2 * latent), act)
        self.to_x = mlp((latent + context, *hidden, math.prod(self.likelihood.output_shape(self.x_shape))), act)
        self.to_prior = mlp((context, *hidden[:1], 2 * latent), act) if kind == "statistician" else None
        drawn = torch.zeros(pseudo_sets, pseudo_size, *self.x_shape).normal_(0.0, 0.5) if kind == "vamp" else None
        self.pseudo = None if drawn is None else nn.Parameter(drawn)

    def infer(self, support: Tensor) -> Distribution:
        """Q(c|D): the support has shape (B, M, *x_shape), the result batch shape (B,) and event shape (context,)."""
        return _normal(self.to_c(self.summarise(support)))

    def encode(self, x: Tensor, c: Tensor) -> Distribution:
        """Q(z|x, c): x has shape (B, *x_shape), c (B, context)."""
        return _normal(self.to_z(torch.cat([x.flatten(1), c], 1)))

    def decode(self, z: Tensor, c: Tensor) -> Distribution:
        """P(x|z, c): z has shape (N, latent), c (N, context)."""
        out = self.to_x(torch.cat([z, c], 1))
        return self.likelihood(out.reshape(len(z), *self.likelihood.output_shape(self.x_shape)), None)

    def prior(self, c: Tensor | None = None) -> Distribution:
        """P(z|c) of batch shape (B,), or p(z) where it does not depend on c."""
        if self.to_prior is not None:
            if c is None:
                raise InputError("p(z|c) of a Neural Statistician", "no c", "give the condition")
            return _normal(self.to_prior(c))
        weight = self.to_c.weight
        zero = weight.new_zeros(self.latent if c is None else (len(c), self.latent))
        return Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1, validate_args=False)

    def kl_of_c(self, q: Distribution, c: Tensor) -> Tensor:
        """KL(q(c|D) || p(c)), (B,), in nats; with a VampPrior its estimate from the draw c, (B, context)."""
        if self.pseudo is None:
            zero = torch.zeros_like(c)
            found: Tensor = kl_divergence(q, Independent(Normal(zero, torch.ones_like(zero), validate_args=False), 1))
            return found
        return q.log_prob(c) - self.log_prior_of_c(c)

    def log_prior_of_c(self, c: Tensor) -> Tensor:
        """Log p(c), (B,): of N(0, I), or of the mean of q(c|U_k) over pseudo-sets."""
        if self.pseudo is None:
            return -0.5 * (c.square() + math.log(2 * math.pi)).sum(1)
        sets = torch.sigmoid(self.pseudo) if self.likelihood.name == "bernoulli" else self.pseudo
        parts = self.infer(sets)
        found: Tensor = parts.log_prob(c.unsqueeze(1)).logsumexp(1) - math.log(len(sets))
        return found

    def bound(self, x: Tensor, support: Tensor) -> SetBound:
        """The terms of the bound with one draw of c for each set and of z for each datapoint, differentiable.

        Args:
            x: shape (G, Q, *x_shape).
            support: shape (G, M, *x_shape); the Neural Statistician's is x itself.
        """
        groups, queries = x.shape[:2]
        q_c = self.infer(support)
        c = q_c.rsample()
        flat, wide = x.flatten(0, 1), c.repeat_interleave(queries, 0)
        q_z = self.encode(flat, wide)
        log_px = self.decode(q_z.rsample(), wide).log_prob(flat)
        kl = kl_divergence(q_z, self.prior(wide))
        shape = (groups, queries)
        return SetBound(log_px.reshape(shape), kl.reshape(shape), self.kl_of_c(q_c, c))

    @torch.no_grad()
    def representation(self, x: Tensor, support: Tensor) -> Tensor:
        """The mean of q(z|x, c) at the mean of q(c|D): x (B, *x_shape), support (B, M, *x_shape); (B, latent)."""
        found: Tensor = self.encode(x, self.infer(support).mean).mean
        return found


def _normal(flat: Tensor) -> Distribution:
    mean, logvar = flat.chunk(2, -1)
    return Independent(Normal(mean, (logvar / 2).exp(), validate_args=False), 1, validate_args=False)


def train_set_vae(model: SetVae, data: MetaData, config: MetaTrainConfig | None = None) -> MetaTraining:
    """Train on the data sets that are seen, by the bound of the model's kind.

    The Neural Statistician's sets are ``queries`` datapoints, from which c is read too; it begins with a larger weight
    of the reconstruction, 1 + alpha, whose alpha halves ten times in the first half of the steps. A homoencoder reads c
    from ``context_size`` other datapoints of a data set, whose size |X| is that of the training split.

    Args:
        model: it stays as it is.
        data: the data sets.
        config: the settings; ``known`` has no meaning here.

    Returns:
        The trained copy.

    Raises:
        InputError: a loss that is not finite, or data sets that are too small.
    """
    config = config or MetaTrainConfig()
    alone = model.kind == "statistician"
    size = data.train.shape[1]
    drawn = MetaTrainConfig(**{**config.as_dict(), "context_size": 0, "any_size": False}) if alone else config  # type: ignore[arg-type]
    period = max(1, config.steps // (2 * _HALVINGS))
    with seeded(config.seed, "sets"):
        trained, done = copy.deepcopy(model).train(), [0]

        def loss(step: Step) -> Tensor:
            terms = trained.bound(step.x, step.x if alone else step.support)
            alpha = 0.5 ** (done[0] // period) if alone and done[0] < _HALVINGS * period else 0.0
            done[0] += 1
            return -terms.per_datapoint(step.x.shape[1] if alone else size, alpha).mean()

        weights = [*trained.parameters()]
        history, seconds = descend(weights, steps_of(data.train, data.seen_ones, drawn), loss, config)
    return MetaTraining(trained.eval(), history, seconds)
