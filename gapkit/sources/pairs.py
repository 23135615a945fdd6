"""A likelihood for the user's model of plain tensors, and the user's model in it again."""

import warnings
from typing import Any

from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.models import PairModel, from_pair

__all__ = ["own_model", "with_likelihood"]


def with_likelihood(
    own: Any,
    likelihood: str,
    parameter: Tensor | float | None = None,
    encoder_output: str | None = None,
    latent_shape: tuple[int, ...] | None = None,
) -> PairModel:
    """Make distributions of what ``encode`` and ``decode`` of the user's model return; p(z) is the model's own, if any.

    Args:
        own: has ``encode`` and ``decode``.
        likelihood: of p(x|z), by name.
        parameter: shared scale or dispersion of the likelihood.
        encoder_output: what ``encode`` returns; None for (mean, log-variance).
        latent_shape: of z; None learns it from the data.

    Raises:
        InputError: no such likelihood or form, or an attribute of the instance hides its method ``prior``.

    Example:
        >>> from torch import nn
        >>> model = nn.Module()
        >>> model.encode, model.decode = nn.Linear(4, 4), nn.Linear(2, 4)
        >>> with_likelihood(model, "bernoulli", encoder_output="chunk_logvar", latent_shape=(2,)).latent_shape
        (2,)
    """
    pair = from_pair(
        own.encode,
        own.decode,
        likelihood,
        _prior(own),
        encoder_output=encoder_output or "mean_logvar",
        latent_shape=latent_shape,
        likelihood_param=parameter,
    )
    pair.own = own  # copied with the pair, so that its weights keep the names of the user's file
    return pair


def own_model(model: Any) -> Any:
    """The user's model in one that :func:`with_likelihood` gave a likelihood, or in a copy of that; any other as it is.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> own_model(model) is model
        True
    """
    return getattr(model, "own", model) if isinstance(model, PairModel) else model


def _prior(own: Any) -> Any:
    """The model's own prior, a method or a distribution; the standard normal where it has none.

    Raises:
        InputError: an attribute of the instance hides the method.
    """
    prior = getattr(own, "prior", None)
    if callable(prior) or isinstance(prior, Distribution):
        return prior
    if callable(getattr(type(own), "prior", None)):
        found = (
            f"an attribute prior ({type(prior).__name__}) of the instance, which hides the method prior() of its class"
        )
        raise InputError("the model's prior", found, "give the attribute another name")
    if prior is not None:
        text = f"the model's attribute prior is no distribution ({type(prior).__name__}): p(z) is the standard normal"
        warnings.warn(text, GapkitWarning, stacklevel=3)
    return "standard_normal"
