"""What the builders of reference models share: checked sizes, and the steps from two networks to a model."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from gapkit.core.errors import InputError
from gapkit.models.heads import PosteriorHead, make_head
from gapkit.models.likelihoods import Likelihood, parse, spec
from gapkit.models.pair import PairModel, from_pair

__all__ = ["assemble", "common", "sizes"]


def sizes(name: str, value: Any, at_least: int = 0) -> list[int]:
    """Return a list of positive whole numbers, as JSON keeps it."""
    try:
        found = [operator.index(size) for size in value]
    except TypeError:
        found = [0]
    if len(found) < at_least or any(size < 1 for size in found):
        do = f"give {'a non-empty list' if at_least else 'a list'} of positive whole numbers, such as {name}=(64, 32)"
        raise InputError(f"{name}={value!r}", "not a list of sizes", do)
    return found


def assemble(builder: str, encoder: Any, decoder: nn.Module, config: dict[str, Any]) -> PairModel:
    """Return a model of two networks; the encoder has a ``head`` that says what its output is."""
    likelihood = parse(config["likelihood"])
    shared = None if likelihood.shared is None else nn.Parameter(torch.zeros(()))
    model = from_pair(
        encoder,
        decoder,
        likelihood,
        encoder_output=encoder.head.encoder_output,
        latent_shape=(config["latent"],),
        x_shape=config["x_shape"],
        likelihood_param=shared,
    )
    model.builder, model.config = builder, config
    return model


def common(
    x_shape: Sequence[int],
    latent: int,
    activation: str,
    likelihood: str | Likelihood,
    posterior: str,
    posterior_options: Mapping[str, int] | None,
) -> tuple[dict[str, Any], PosteriorHead, tuple[int, ...]]:
    """Return the JSON-able part that all builders share, the encoder's head and the shape of the decoder's output."""
    law = parse(likelihood) if isinstance(likelihood, str) else likelihood
    config: dict[str, Any] = {
        "x_shape": sizes("x_shape", x_shape, at_least=1),
        "latent": sizes("latent", [latent])[0],
        "activation": activation,
        "likelihood": spec(law),
    }
    head = make_head(posterior, config["latent"], posterior_options)
    config |= {"posterior": posterior, "posterior_options": head.options}
    return config, head, law.output_shape(config["x_shape"])
