"""Log p(D) of a whole set under a model with a latent for the set, and where its bound loses.

    log p(D)
      |  context gap     KL(q(c|D) || p(c|D))
      |  latent gap      E_q(c|D) sum_{x in D} KL(q(z|x, c) || p(z|x, c))
    L                    E_q(c|D) sum_{x in D} [ E log p(x|z, c) - KL(q(z|x, c) || p(z|c)) ] - KL(q(c|D) || p(c))

All three are made of the same draws: K contexts c_k of q(c|D), and for each of them and each datapoint l latents, with
weights w = p(x, z|c) / q(z|x, c). The mean of w is p(x|c) without bias, the product of such means over a set that of
p(D|c), and the mean of p(D|c) p(c) / q(c|D) that of p(D): so the log of the last is a lower bound on log p(D) on
average (Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders" (2016), https://arxiv.org/abs/1509.00519,
theorem 1, for the pair of c and all z), and so is the sum of both gaps. Which of the two it is takes many latents: with
few of them the noise of the inner means spreads the contexts' weights, and part of the latent gap is told as the
context's.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.randomness import seeded
from gapkit.meta.hierarchical import SetVae

__all__ = ["SetEvidence", "set_evidence"]


@dataclass(frozen=True)
class SetEvidence:
    """Of G sets, in nats for a whole set, each of shape (G,): ``log_p`` is the sum of the other three.

    Attributes:
        log_p: log p(D), from below on average.
        context: what q(c|D) loses.
        latent: what q(z|x, c) loses, over all datapoints of the set.
        bound: L.
        error: Monte Carlo standard error of ``log_p``.
        effective: the effective number of contexts; where it is near 1, ``log_p`` is much too low.
    """

    log_p: Tensor
    context: Tensor
    latent: Tensor
    bound: Tensor
    error: Tensor
    effective: Tensor


@torch.no_grad()
def set_evidence(
    model: SetVae, x: Tensor, support: Tensor | None = None, *, contexts: int = 100, latents: int = 20, seed: int = 0
) -> SetEvidence:
    """Estimate log p(D) of sets, and the parts of log p(D) - L.

    Args:
        model: a trained one.
        x: the sets, shape (G, N, *x_shape).
        support: what c is read from, (G, M, *x_shape); None for the sets themselves.
        contexts: K, draws of c for each set.
        latents: draws of z for each datapoint and context.
        seed: of the draws.

    Raises:
        InputError: no draws, or other sets than the model's.

    Example:
        >>> model = SetVae("homoencoder", (6,), latent=2, context=3, hidden=(8,), summary=5).eval()
        >>> found = set_evidence(model, torch.zeros(4, 7, 6), contexts=10, latents=5)
        >>> found.log_p.shape, bool((found.context >= 0).all() and (found.latent >= 0).all())
        (torch.Size([4]), True)
    """
    if contexts < 2 or latents < 1:
        asked = f"log p(D) from {contexts} contexts and {latents} latents"
        raise InputError(asked, "too few", "use at least 2 contexts, for the error, and 1 latent")
    if tuple(x.shape[2:]) != model.x_shape or x.dim() < 2 or not x.shape[1]:
        asked = f"log p(D) of sets of {model.x_shape}"
        raise InputError(asked, f"sets of shape {tuple(x.shape)}", "give (G, N, *x_shape), N at least 1")
    sets, size = x.shape[:2]
    rows = x.flatten(0, 1)
    many = rows.repeat(latents, *[1] * (rows.dim() - 1))
    log_pxs, bounds, prior = [], [], []
    with seeded(seed, "set evidence"):
        q_c = model.infer(x if support is None else support)
        for _ in range(contexts):
            c = q_c.sample()
            wide = c.repeat_interleave(size, 0)
            q_z, p_z = model.encode(rows, wide), model.prior(wide)
            z = q_z.sample(torch.Size([latents]))
            log_px = model.decode(z.flatten(0, 1), wide.repeat(latents, 1)).log_prob(many).unflatten(0, (latents, -1))
            weights = (log_px + p_z.log_prob(z) - q_z.log_prob(z)).double()
            log_pxs.append((weights.logsumexp(0) - math.log(latents)).reshape(sets, size).sum(1))
            bounds.append(weights.mean(0).reshape(sets, size).sum(1))
            prior.append((model.log_prior_of_c(c) - q_c.log_prob(c)).double())
    sums, bound, of_c = torch.stack(log_pxs), torch.stack(bounds), torch.stack(prior)
    joint = sums + of_c
    log_p = joint.logsumexp(0) - math.log(contexts)
    share = torch.softmax(joint, 0)
    return SetEvidence(
        log_p=log_p,
        context=log_p - joint.mean(0),
        latent=(sums - bound).mean(0),
        bound=(bound + of_c).mean(0),
        error=(contexts * share).std(0) / math.sqrt(contexts),
        effective=1 / share.square().sum(0),
    )
