"""The model contract: three methods that return ``torch.distributions`` objects.

    p(x, z) = prior().log_prob(z) + decode(z).log_prob(x)        q(z|x) = encode(x)

Anything that satisfies it can be analysed; :func:`gapkit.from_pair` builds one from an ordinary pair of modules.

A conditional model has a place for a condition c (class labels, say) in those methods that need it: ``encode(x, c)``,
``decode(z, c)``, ``prior(c)``. c is what the analysis is given as ``condition``: a tensor, or a tuple or mapping of
tensors, cut to one row for each datapoint, or, in ``decode``, for each latent point. ``prior(c)`` has batch shape (B,).
Reference: Kingma & Welling, "Auto-Encoding Variational Bayes" (2014), https://arxiv.org/abs/1312.6114, section 2.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor
from torch.distributions import Distribution

__all__ = ["LatentModel"]


@runtime_checkable
class LatentModel(Protocol):
    """A trained encoder/decoder pair with a continuous latent variable.

    ``B`` datapoints, ``N`` latent points; latents and data may have any event shape.
    """

    def encode(self, x: Tensor) -> Distribution:
        """Return q(z|x): x has shape (B, *x_shape), the result batch shape (B,) and event shape ``z_shape``."""
        ...

    def decode(self, z: Tensor) -> Distribution:
        """Return p(x|z): z has shape (N, *z_shape), the result batch shape (N,) and event shape ``x_shape``."""
        ...

    def prior(self) -> Distribution:
        """Return p(z): batch shape () and event shape ``z_shape``."""
        ...
