"""The objectives of doubly amortized inference, for each datapoint, in nats.

    MetaELBO       E_g(z|D, x) [log p_i(x|z)] - KL(g(z|D, x) || p(z)),  D a support set of data set i
    compiled       log q(z|D, x)  for (z, x) drawn from the model: its negative mean is the forward KL up to a constant

The mean of the first over data sets is what the paper maximises, up to the entropies of the data sets; for one data set
and a fixed context it is the ELBO. Sources: Wu et al. (AAAI 2020), equations 10 and 11, https://arxiv.org/abs/1902.01950;
Le, Baydin, Wood, "Inference Compilation and Universal Probabilistic Programming" (2017),
https://arxiv.org/abs/1610.09900, equation 3.
"""

from typing import Any

from torch import Tensor

from gapkit.core.trees import Tree
from gapkit.models.meta_vae import encoder_of
from gapkit.models.pair import PairModel
from gapkit.models.protocol import LatentModel
from gapkit.training.objectives import elbo

__all__ = ["compiled", "meta_elbo", "summarised"]


def summarised(model: PairModel, dataset: Tensor, support: Tensor, queries: int) -> dict[str, Tensor]:
    """The condition of so many datapoints of each of some data sets, which share the support set.

    Args:
        model: a ``meta_vae``.
        dataset: shape (G,).
        support: shape (G, M, *x_shape).
        queries: Q.

    Returns:
        ``dataset`` and ``summary`` of G * Q rows; h is run once for each data set.
    """
    summary = encoder_of(model).summary_of({"support": support})
    return {
        "dataset": dataset.repeat_interleave(queries),
        "summary": summary.repeat_interleave(queries, 0),
    }


def meta_elbo(model: PairModel, x: Tensor, dataset: Tensor, support: Tensor, num_samples: int = 1) -> Tensor:
    """The ELBO of datapoints of several data sets with their own decoders, given the support sets.

    Args:
        model: a ``meta_vae``.
        x: shape (G, Q, *x_shape), Q datapoints of each of G data sets.
        dataset: which they are, shape (G,).
        support: shape (G, M, *x_shape).
        num_samples: draws of z per datapoint.

    Returns:
        Shape (G, Q), in nats, differentiable.

    Example:
        >>> import torch
        >>> from gapkit.models.reference import build
        >>> model = build("meta_vae", x_shape=(4,), num_datasets=3, latent=2, hidden=(8,), summary=5, set_hidden=())
        >>> x, dataset, support = torch.zeros(2, 6, 4), torch.tensor([0, 2]), torch.zeros(2, 10, 4)
        >>> meta_elbo(model, x, dataset, support).shape
        torch.Size([2, 6])
    """
    groups, queries = x.shape[:2]
    condition = summarised(model, dataset, support, queries)
    bound = elbo(model, x.flatten(0, 1), num_samples, condition=condition)
    return bound.unflatten(0, (groups, queries))


def compiled(model: LatentModel, x: Tensor, z: Tensor, condition: Tree) -> Tensor:
    """Log q(z|D, x) of latents that the model drew with x: shape (B,), in nats, differentiable.

    Args:
        model: with a place for a condition in encode.
        x: shape (B, *x_shape).
        z: shape (B, *z_shape).
        condition: of B rows.
    """
    encoder: Any = model
    found: Tensor = encoder.encode(x, condition).log_prob(z)
    return found
