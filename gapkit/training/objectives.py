"""The two objectives of training, for each datapoint, in nats.

    ELBO   E_q[log p(x|z)] - a KL(q(z|x) || p(z))      or, sampled,   E_q[log p(x|z) + a (log p(z) - l log q(z|x))]
    IWAE   log 1/k sum_s exp(log p(x|z_s) + a (log p(z_s) - l log q(z_s|x)))

with the annealing weights a (of the KL term) and l (of the entropy), both 1 for the true bounds.
Sources: Kingma & Welling, "Auto-Encoding Variational Bayes" (2014), https://arxiv.org/abs/1312.6114; Burda et al.,
"Importance Weighted Autoencoders" (2016), https://arxiv.org/abs/1509.00519, equation 8; Cremer et al., "Inference
Suboptimality in Variational Autoencoders" (2018), https://arxiv.org/abs/1801.03558 (entropy annealing).
"""

import math

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal, Normal, kl_divergence

from gapkit.core.trees import Tree, repeated
from gapkit.models.conditions import decode_with, encode_with, prior_with
from gapkit.models.protocol import LatentModel

__all__ = ["closed_kl", "elbo", "iwae", "log_likelihood"]


def elbo(
    model: LatentModel,
    x: Tensor,
    num_samples: int = 1,
    *,
    kl_weight: float = 1.0,
    entropy_weight: float = 1.0,
    analytic_kl: bool = True,
    condition: Tree = None,
    encoder_x: Tensor | None = None,
) -> Tensor:
    """Estimate the ELBO with reparametrised draws.

    Args:
        model: the encoder and decoder.
        x: (B, *x_shape).
        num_samples: draws from q(z|x) per datapoint.
        kl_weight: weight a of the KL term.
        entropy_weight: weight l of log q(z|x).
        analytic_kl: use the closed form where torch knows one and the entropy is not annealed.
        condition: c of p(x, z|c) and q(z|x, c), one row per datapoint, for a conditional model.
        encoder_x: what the encoder is given in the place of x, of its shape.

    Returns:
        (B,), differentiable, in nats.

    Example:
        >>> from gapkit.models.reference import build
        >>> vae = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,), likelihood="bernoulli")
        >>> elbo(vae, torch.ones(5, 4)).shape
        torch.Size([5])
    """
    q, prior = encode_with(model, x if encoder_x is None else encoder_x, condition), prior_with(model, condition)
    kl = closed_kl(q, prior) if analytic_kl and entropy_weight == 1.0 else None
    if kl is not None:
        log_px = log_likelihood(model, x, q.rsample(torch.Size([num_samples])), condition)
        return log_px.mean(0) - kl_weight * kl
    return _log_weights(model, x, q, prior, num_samples, kl_weight, entropy_weight, condition).mean(0)


def iwae(
    model: LatentModel,
    x: Tensor,
    num_samples: int = 1,
    *,
    kl_weight: float = 1.0,
    entropy_weight: float = 1.0,
    condition: Tree = None,
    encoder_x: Tensor | None = None,
) -> Tensor:
    """Estimate the importance-weighted bound with reparametrised draws.

    Args:
        model: the encoder and decoder.
        x: (B, *x_shape).
        num_samples: k, draws from q(z|x) per datapoint; k = 1 is the sampled ELBO.
        kl_weight: weight a of log p(z) - log q(z|x).
        entropy_weight: weight l of log q(z|x).
        condition: c of p(x, z|c) and q(z|x, c), one row per datapoint, for a conditional model.
        encoder_x: what the encoder is given in the place of x, of its shape.

    Returns:
        (B,), differentiable, in nats.
    """
    q, prior = encode_with(model, x if encoder_x is None else encoder_x, condition), prior_with(model, condition)
    log_w = _log_weights(model, x, q, prior, num_samples, kl_weight, entropy_weight, condition)
    return log_w.logsumexp(0) - math.log(num_samples)


def _log_weights(
    model: LatentModel,
    x: Tensor,
    q: Distribution,
    prior: Distribution,
    num_samples: int,
    kl_weight: float,
    entropy_weight: float,
    condition: Tree,
) -> Tensor:
    """Return log p(x|z) + a (log p(z) - l log q(z|x)) of draws from q, (S, B)."""
    # Flows give draws and densities in one pass, under the name that zuko's distributions have for it too. It is also
    # the only way for a q without a density of z: see TransportDistribution.rsample_and_log_prob.
    shape, both = torch.Size([num_samples]), getattr(q, "rsample_and_log_prob", None)
    z, log_q = (q.rsample(shape), None) if both is None else both(shape)
    log_px, log_pz = log_likelihood(model, x, z, condition), prior.log_prob(z)
    if log_q is None:
        log_q = q.log_prob(z)
    return log_px + kl_weight * (log_pz - entropy_weight * log_q)


def log_likelihood(model: LatentModel, x: Tensor, z: Tensor, condition: Tree) -> Tensor:
    """Return log p(x|z), (S, B), of latents (S, B, *z_shape) in one call of the decoder."""
    samples, batch = z.shape[:2]
    tiled = x if samples == 1 else x.expand(samples, *x.shape).flatten(0, 1)
    owned = repeated(condition, samples)
    return decode_with(model, z.flatten(0, 1), owned).log_prob(tiled).unflatten(0, (samples, batch))


def closed_kl(q: Distribution, prior: Distribution) -> Tensor | None:
    """Return KL(q || prior), (B,), or ``None`` where torch has no closed form."""
    try:
        return kl_divergence(q, _of_the_same_kind(prior, q))
    except NotImplementedError:
        return None


def _of_the_same_kind(prior: Distribution, q: Distribution) -> Distribution:
    """A factorised normal prior as torch wants it beside a q of full covariance."""
    base = getattr(prior, "base_dist", None)
    if isinstance(q, MultivariateNormal) and isinstance(base, Normal) and len(prior.event_shape) == 1:
        return MultivariateNormal(base.loc, scale_tril=torch.diag_embed(base.scale))
    return prior
