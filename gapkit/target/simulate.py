"""Data drawn from the model itself, together with the latents they came from: exact posterior draws."""

import torch
from torch import Tensor, nn

from gapkit.core.randomness import seeded
from gapkit.core.trees import Tree
from gapkit.models.conditions import decode_with, prior_with
from gapkit.models.priors import moved
from gapkit.models.protocol import LatentModel
from gapkit.models.unvalidated import unvalidated

__all__ = ["draw_latents", "simulate"]


def simulate(model: LatentModel, count: int, seed: int = 0, condition: Tree = None) -> tuple[Tensor, Tensor]:
    """Draw z from the prior and x from p(x|z): then z is an exact draw from p(z|x).

    Args:
        model: an object of the model contract, frozen in eval mode.
        count: N, how many datapoints.
        seed: of the draws; the global random state stays as it is.
        condition: c of p(x, z|c), one row for each datapoint, for a conditional model.

    Returns:
        Data of shape (N, *x_shape) in the latents' floating-point type, and latents of shape (N, D).

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(8,))
        >>> x, z = simulate(model, 5)
        >>> x.shape, z.shape
        (torch.Size([5, 4]), torch.Size([5, 2]))
    """
    with torch.no_grad(), unvalidated(), seeded(seed, "simulate"):
        z = _of_prior(model, count, condition)
        x = decode_with(model, z, condition).sample()
    return x.to(z.dtype), z.reshape(count, -1)


def draw_latents(model: LatentModel, count: int, seed: int = 0, condition: Tree = None) -> Tensor:
    """Draw z from the prior, those of :func:`simulate` with the same seed.

    Args:
        model: an object of the model contract, frozen in eval mode.
        count: N, how many.
        seed: of the draws; the global random state stays as it is.
        condition: c of p(z|c), one row for each draw, for a conditional model.

    Returns:
        Shape (N, *z_shape), as the decoder takes them.
    """
    with torch.no_grad(), unvalidated(), seeded(seed, "simulate"):
        return _of_prior(model, count, condition)


def _of_prior(model: LatentModel, count: int, condition: Tree) -> Tensor:
    weights = model.parameters() if isinstance(model, nn.Module) else iter(())
    weight = next((p for p in weights if p.is_floating_point()), None)
    prior = prior_with(model, condition)
    if weight is not None:  # a prior made of plain tensors does not follow the model's type and device
        prior = moved(prior, weight.dtype, weight.device)
    return prior.sample(() if prior.batch_shape else (count,))
