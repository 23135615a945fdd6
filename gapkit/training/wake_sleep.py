"""Wake-sleep: decoder and encoder climb two different functions, so that no bound is climbed by both.

    wake    theta   E_{q(z|x)}[log p(x, z)]     draws of the encoder on data
    sleep   phi     E_{p(x, z)}[log q(z|x)]     draws of the model

Sources: Hinton, Dayan, Frey, Neal, "The wake-sleep algorithm for unsupervised neural networks" (1995); as what
Auto-Encoding Variational Bayes is compared with: Kingma & Welling (2014), https://arxiv.org/abs/1312.6114, section 5.
"""

import torch
from torch import Tensor

from gapkit.core.trees import Tree
from gapkit.models.conditions import decode_with, encode_with, prior_with
from gapkit.models.protocol import LatentModel
from gapkit.training.objectives import log_likelihood

__all__ = ["wake_sleep"]


def wake_sleep(
    model: LatentModel, x: Tensor, num_samples: int = 1, *, condition: Tree = None, encoder_x: Tensor | None = None
) -> Tensor:
    """Estimate the ELBO with the gradients of wake-sleep in the place of its own.

    One step of an optimizer on the negative mean is both phases at once, because no weight is in both.

    Args:
        model: the encoder and decoder; q(z|x) needs a density.
        x: (B, *x_shape).
        num_samples: draws from q(z|x) per datapoint, and as many draws from the model.
        condition: c of a conditional model, one row per datapoint; draws of the model have the same rows.
        encoder_x: what the encoder is given in the place of x in the wake phase.

    Returns:
        (B,), in nats; its value is an ELBO estimate, its gradient in the decoder that of log p(x, z) at draws of q, in
        the encoder that of log q(z|x) at draws of the model.

    Example:
        >>> from gapkit.models.reference import build
        >>> vae = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> wake_sleep(vae, torch.ones(5, 4)).shape
        torch.Size([5])
    """
    prior, shape = prior_with(model, condition), torch.Size([num_samples])
    with torch.no_grad():
        q = encode_with(model, x if encoder_x is None else encoder_x, condition)
        z = q.sample(shape)
        log_q = q.log_prob(z)
    wake = log_likelihood(model, x, z, condition) + prior.log_prob(z)
    sleep = torch.stack([_dreamt(model, x, condition) for _ in range(num_samples)])
    climbed = wake.mean(0) + sleep.mean(0)
    return (wake - log_q).mean(0).detach() + climbed - climbed.detach()


def _dreamt(model: LatentModel, like: Tensor, condition: Tree) -> Tensor:
    """Log q(z|x) of as many draws of the model, in the type of the data: (B,)."""
    with torch.no_grad():
        prior = prior_with(model, condition)
        z = prior.sample() if prior.batch_shape else prior.sample(torch.Size([len(like)]))
        x = decode_with(model, z, condition).sample().to(like.dtype)
    return encode_with(model, x, condition).log_prob(z)
