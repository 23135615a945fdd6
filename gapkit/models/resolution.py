"""Whether a likelihood has digits enough in the model's own type, and its evaluation in float64 where it has not.

Float32 has 24 bits: a log-likelihood of minus ten million is known to one nat, and so is a sum in which terms of that
size cancel (counts of a million under a Poisson distribution). The decoder's output keeps its type, which costs most;
the distribution's parameters are widened before the density is taken and summed.
"""

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.randomness import seeded
from gapkit.core.trees import Tree, repeated, rows_of
from gapkit.models.conditions import decode_with
from gapkit.models.encoding import encoded
from gapkit.models.priors import moved
from gapkit.models.protocol import LatentModel
from gapkit.models.squashed import sharp
from gapkit.models.unvalidated import unvalidated

__all__ = ["log_prob_in_double", "needs_double"]

# A tenth of the error that log p(x) is estimated to by default, in nats.
_NATS = 0.01
_DATAPOINTS, _DRAWS = 8, 4


def log_prob_in_double(p: Distribution, x: Tensor) -> Tensor:
    """Log p(x) with parameters and data in float64: float64, shape (N,)."""
    result: Tensor = moved(p, torch.float64, x.device).log_prob(x.double())
    return result


def needs_double(model: LatentModel, x: Tensor, latent_shape: torch.Size, condition: Tree = None) -> bool:
    """Whether rounding in the density of p(x|z), or in its sum, matters: looked up at draws of q for a few datapoints.

    Decided once for a model. Distributions that know one type only stay as they are; the preflight check
    ``resolution`` tells of what is left.

    Args:
        model: a frozen model of the contract.
        x: data, shape (B, *x_shape).
        latent_shape: event shape of z.
        condition: one row per datapoint, where the model has one.
    """
    if x.dtype == torch.float64:
        return False
    few, c = x[:_DATAPOINTS], rows_of(condition, slice(_DATAPOINTS))
    try:
        with torch.no_grad(), unvalidated(), seeded(0, "resolution"):
            z = encoded(model, few, c).sample(torch.Size([_DRAWS])).reshape(-1, *latent_shape)
            data = few.repeat(_DRAWS, *[1] * (few.dim() - 1))
            p = sharp(lambda part: decode_with(model, part, repeated(c, _DRAWS)), z)
            value = p.log_prob(data)
            exact = log_prob_in_double(p, data)
    except Exception:  # of the user's own code: whatever fails here fails again, and is told, in ordinary use
        return False
    if exact.shape != value.shape or exact.dtype != torch.float64:
        return False
    off = torch.maximum((exact - value.double()).abs(), torch.finfo(x.dtype).eps * exact.abs())
    known = off[value.isfinite() & exact.isfinite()]
    # The median: a few draws of a poor encoder may lie where densities are enormous and nobody will look again.
    return len(known) > 0 and float(known.median()) > _NATS
