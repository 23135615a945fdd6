"""Reference VAEs, and building a model from its name and configuration."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gapkit.core.errors import InputError
from gapkit.models.assembly import assemble, common, sizes
from gapkit.models.likelihoods import Likelihood
from gapkit.models.meta_vae import meta_vae
from gapkit.models.nets import ConvDecoder, ConvEncoder, MlpDecoder, MlpEncoder
from gapkit.models.pair import PairModel

__all__ = ["BUILDERS", "build", "conv_vae", "mlp_vae"]


def mlp_vae(
    x_shape: Sequence[int],
    latent: int = 50,
    hidden: Sequence[int] = (200, 200),
    activation: str = "elu",
    likelihood: str | Likelihood = "bernoulli",
    decoder_hidden: Sequence[int] | None = None,
    posterior: str = "mean_field",
    posterior_options: Mapping[str, int] | None = None,
) -> PairModel:
    """Build a VAE of fully connected layers with a standard normal prior; its encoder is mean-field unless asked else.

    Reference: Cremer, Li & Duvenaud, "Inference suboptimality in variational autoencoders" (2018),
    https://arxiv.org/abs/1801.03558, section 5 (200-200 units, 50 latents, ELU). ``latent=2`` is the 2-D VAE.

    Args:
        x_shape: shape of a datapoint; data enter as (B, *x_shape).
        latent: dimension of z.
        hidden: sizes of the encoder's hidden layers.
        activation: a name of ``gapkit.models.nets.ACTIVATIONS``.
        likelihood: string or object; a shared scale starts at log scale 0.
        decoder_hidden: sizes of the decoder's hidden layers; None mirrors the encoder, () is a linear decoder.
        posterior: family of q(z|x), a key of ``gapkit.models.heads.HEADS``.
        posterior_options: arguments of the head, such as {"rank": 5}; None takes its defaults.

    Raises:
        InputError: if a name is unknown, a size is not a positive whole number, or the posterior needs more latents.

    Example:
        >>> import torch
        >>> mlp_vae((1, 4, 4), latent=2, hidden=(8,)).decode(torch.zeros(3, 2)).event_shape
        torch.Size([1, 4, 4])
    """
    config, head, output_shape = common(x_shape, latent, activation, likelihood, posterior, posterior_options)
    config["hidden"] = sizes("hidden", hidden)
    mirrored = config["hidden"][::-1]
    config["decoder_hidden"] = mirrored if decoder_hidden is None else sizes("decoder_hidden", decoder_hidden)
    encoder = MlpEncoder(config["x_shape"], head, config["hidden"], activation)
    decoder = MlpDecoder(config["latent"], output_shape, config["decoder_hidden"], activation)
    return assemble("mlp_vae", encoder, decoder, config)


def conv_vae(
    x_shape: Sequence[int],
    latent: int = 50,
    channels: Sequence[int] = (32, 64),
    hidden: Sequence[int] = (),
    activation: str = "elu",
    likelihood: str | Likelihood = "bernoulli",
    decoder_channels: Sequence[int] | None = None,
    decoder_hidden: Sequence[int] | None = None,
    posterior: str = "mean_field",
    posterior_options: Mapping[str, int] | None = None,
) -> PairModel:
    """Build a convolutional VAE with a standard normal prior; its encoder is mean-field unless asked else.

    Args:
        x_shape: (C, H, W); data enter as (B, C, H, W).
        latent: dimension of z.
        channels: channels of the encoder's convolutions; each halves the picture.
        hidden: sizes of linear layers between the convolutions and z.
        activation: a name of ``gapkit.models.nets.ACTIVATIONS``.
        likelihood: string or object; a shared scale starts at log scale 0.
        decoder_channels: channels of the decoder, from z outwards; None mirrors the encoder.
        decoder_hidden: sizes of the decoder's linear layers; None mirrors the encoder, () leaves them out.
        posterior: family of q(z|x), a key of ``gapkit.models.heads.HEADS``.
        posterior_options: arguments of the head, such as {"rank": 5}; None takes its defaults.

    Raises:
        InputError: if x_shape has not three axes, a name is unknown, a size is not a positive whole number, or the
            posterior needs more latents.

    Example:
        >>> import torch
        >>> conv_vae((1, 8, 8), latent=2, channels=(4,)).decode(torch.zeros(3, 2)).event_shape
        torch.Size([1, 8, 8])
    """
    config, head, output_shape = common(x_shape, latent, activation, likelihood, posterior, posterior_options)
    shape = config["x_shape"]
    if len(shape) != 3:
        do = "reshape the data to (B, C, H, W), or use mlp_vae"
        raise InputError("conv_vae, which needs x_shape = (C, H, W)", f"x_shape={tuple(shape)}", do)
    if tuple(output_shape[1:3]) != tuple(shape[1:]):
        do = "leave chunk_dim at 1, so that the decoder's output is split along the channels"
        raise InputError(f"conv_vae with likelihood {config['likelihood']}", f"output shape {output_shape}", do)
    config["channels"] = sizes("channels", channels, at_least=1)
    config["hidden"] = sizes("hidden", hidden)
    for name, value, mirror in (
        ("decoder_channels", decoder_channels, config["channels"][::-1]),
        ("decoder_hidden", decoder_hidden, config["hidden"][::-1]),
    ):
        config[name] = mirror if value is None else sizes(name, value, at_least=int(name == "decoder_channels"))
    encoder = ConvEncoder(shape, head, config["channels"], config["hidden"], activation)
    widths = config["decoder_channels"], config["decoder_hidden"]
    decoder = ConvDecoder(config["latent"], output_shape, *widths, activation)
    return assemble("conv_vae", encoder, decoder, config)


BUILDERS: dict[str, Callable[..., PairModel]] = {"conv_vae": conv_vae, "meta_vae": meta_vae, "mlp_vae": mlp_vae}


def build(name: str, /, **config: Any) -> PairModel:
    """Build a reference model from its name and configuration.

    Args:
        name: a key of ``BUILDERS``.
        config: arguments of the builder.

    Returns:
        The model; ``model.builder`` and ``model.config`` (JSON-able, complete) build it again.

    Raises:
        InputError: if the name or an argument is unknown, or an argument is missing or wrong.

    Example:
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> build(model.builder, **model.config).config == model.config
        True
    """
    if name not in BUILDERS:
        raise InputError(f"model {name!r}", "no such model", f"choose from {', '.join(BUILDERS)}")
    known = inspect.signature(BUILDERS[name]).parameters
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise InputError(f"{name} with {', '.join(unknown)}", "no such argument", f"choose from {', '.join(known)}")
    if "x_shape" not in config:
        raise InputError(f"model {name!r}", "no x_shape", "give the shape of a datapoint, such as x_shape=(1, 28, 28)")
    return BUILDERS[name](**config)
