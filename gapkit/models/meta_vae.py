"""A doubly amortized VAE: one encoder for all datapoints of all data sets, and a decoder for each data set.

    q(z|D, x) = r(concat(x, h(D)))        p_i(x|z), i = 1 ... T        p(z) = N(0, I)

D is a support set: other datapoints of the same data set. It stands in the condition beside x, as does the number of
the data set: ``{"dataset": (N,), "support": (N, M, *x_shape)}``, or, where h(D) is known already, ``"summary"`` in the
place of ``"support"``.
Source: Wu, Choi, Goodman, Ermon, "Meta-Amortized Variational Inference and Learning" (AAAI 2020), equation 12,
https://arxiv.org/abs/1902.01950.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.core.errors import InputError
from gapkit.models.assembly import assemble, common, sizes
from gapkit.models.heads import PosteriorHead
from gapkit.models.likelihoods import Likelihood
from gapkit.models.nets import mlp
from gapkit.models.pair import PairModel, from_pair
from gapkit.models.sets import make_set_encoder
from gapkit.models.stacked import DecoderBank, EncoderBank

__all__ = ["MetaEncoder", "decoders_of", "encoder_of", "meta_vae", "of_each_dataset", "with_encoder"]


class MetaEncoder(nn.Module):
    """x and its support set -> q(z|D, x) in the form of its head.

    Attributes:
        summarise: h, from support sets (B, M, *x_shape) to (B, summary).
        net: r, without its head.
        single: the best encoders for each data set, or None where they have not been fitted.
    """

    def __init__(
        self, summarise: nn.Module, net: nn.Sequential, head: PosteriorHead, single: EncoderBank | None
    ) -> None:
        super().__init__()
        self.summarise, self.net, self.head, self.single = summarise, net, head, single

    def forward(self, x: Tensor, c: Any) -> Any:
        """Return what the head makes of (B, *x_shape); c holds ``support`` or ``summary``."""
        summary = self.summary_of(c)
        if len(summary) != len(x):
            found = f"{len(summary)} of them and {len(x)} datapoints"
            raise InputError("a support set for each datapoint", found, "give as many, in the same order")
        return self.head(self.net(torch.cat([x.flatten(1), summary], 1)))

    def summary_of(self, c: Any) -> Tensor:
        """h(D), shape (B, summary).

        Raises:
            InputError: a condition without support sets.
        """
        given = c if isinstance(c, Mapping) else {}
        if "summary" in given:
            known: Tensor = given["summary"]
            return known
        if "support" not in given:
            do = 'give {"dataset": ..., "support": (N, M, *x_shape)}, such as gapkit.meta.points_of(...).condition'
            raise InputError("the support set of every datapoint", "none in the condition", do)
        made: Tensor = self.summarise(given["support"])
        return made


def meta_vae(
    x_shape: Sequence[int],
    num_datasets: int,
    latent: int = 40,
    hidden: Sequence[int] = (400, 400),
    decoder_hidden: Sequence[int] | None = None,
    summary: int = 400,
    set_hidden: Sequence[int] = (400,),
    pooling: str = "mean",
    with_size: bool = False,
    element_shape: Sequence[int] | None = None,
    activation: str = "relu",
    decoder_activation: str | None = None,
    likelihood: str | Likelihood = "bernoulli",
    posterior: str = "mean_field",
    posterior_options: Mapping[str, int] | None = None,
    per_dataset: bool = False,
) -> PairModel:
    """Build a doubly amortized VAE with a standard normal prior.

    Args:
        x_shape: shape of a datapoint; data enter as (B, *x_shape).
        num_datasets: T, the number of decoders.
        latent: dimension of z.
        hidden: sizes of the hidden layers of r.
        decoder_hidden: of every decoder; None mirrors r's, () is a linear decoder.
        summary: width of h(D).
        set_hidden: sizes of the hidden layers before and after the pooling in h.
        pooling: ``mean`` or ``attention``.
        with_size: tell h how large D is.
        element_shape: of an element of D; None for that of a datapoint.
        activation: a name of ``gapkit.models.nets.ACTIVATIONS``.
        decoder_activation: of the decoders; None for the same.
        likelihood: string or object; a shared scale starts at log scale 0.
        posterior: family of q(z|D, x), a key of ``gapkit.models.heads.HEADS``.
        posterior_options: arguments of the head.
        per_dataset: with a place for the best encoder of each data set, see :func:`of_each_dataset`.

    Raises:
        InputError: if a name is unknown or a size is not a positive whole number.

    Example:
        >>> model = meta_vae((4,), num_datasets=3, latent=2, hidden=(8,), summary=5, set_hidden=())
        >>> c = {"dataset": torch.tensor([0, 2]), "support": torch.zeros(2, 10, 4)}
        >>> model.encode(torch.zeros(2, 4), c).event_shape, model.decode(torch.zeros(2, 2), c).event_shape
        (torch.Size([2]), torch.Size([4]))
    """
    config, head, output_shape = common(x_shape, latent, activation, likelihood, posterior, posterior_options)
    shape = config["x_shape"]
    config |= {
        "num_datasets": sizes("num_datasets", [num_datasets])[0],
        "hidden": sizes("hidden", hidden),
        "summary": sizes("summary", [summary])[0],
        "set_hidden": sizes("set_hidden", set_hidden),
        "pooling": pooling,
        "with_size": bool(with_size),
        "element_shape": None if element_shape is None else sizes("element_shape", element_shape, at_least=1),
        "decoder_activation": activation if decoder_activation is None else decoder_activation,
        "per_dataset": bool(per_dataset),
    }
    mirrored = config["hidden"][::-1]
    config["decoder_hidden"] = mirrored if decoder_hidden is None else sizes("decoder_hidden", decoder_hidden)
    elements = config["element_shape"] or shape
    width, count, inputs = config["summary"], config["num_datasets"], math.prod(shape)
    inner = make_set_encoder(pooling, elements, width, config["set_hidden"], activation, with_size=with_size)
    net = mlp((inputs + width, *config["hidden"], head.size), activation)
    single = EncoderBank(count, inputs, width, head, config["hidden"], activation) if per_dataset else None
    act = config["decoder_activation"]
    decoder = DecoderBank(count, config["latent"], output_shape, config["decoder_hidden"], act)
    return assemble("meta_vae", MetaEncoder(inner, net, head, single), decoder, config)


def encoder_of(model: PairModel) -> MetaEncoder:
    """The doubly amortized encoder of a ``meta_vae``.

    Raises:
        InputError: another model.
    """
    if not isinstance(model.encoder, MetaEncoder):
        raise _no_meta(model)
    return model.encoder


def decoders_of(model: PairModel) -> DecoderBank:
    """The decoders of a ``meta_vae``.

    Raises:
        InputError: another model.
    """
    if not isinstance(model.decoder, DecoderBank):
        raise _no_meta(model)
    return model.decoder


def _no_meta(model: PairModel) -> InputError:
    found = f"a {model.builder or type(model).__name__}"
    return InputError("a model of several data sets", found, "build one with gapkit.models.reference.build('meta_vae')")


def of_each_dataset(model: PairModel) -> PairModel:
    """The same decoders with the best encoder of each data set in the place of the doubly amortized one.

    Raises:
        InputError: a model without them.

    Example:
        >>> model = meta_vae((4,), num_datasets=3, latent=2, hidden=(8,), summary=5, set_hidden=(), per_dataset=True)
        >>> of_each_dataset(model).encode(torch.zeros(2, 4), {"dataset": torch.tensor([0, 2])}).event_shape
        torch.Size([2])
    """
    single = encoder_of(model).single
    if single is None:
        do = "fit them: gapkit.meta.fit_each_dataset(model, data)"
        raise InputError("the best encoder of each data set", f"a {type(model).__name__} without them", do)
    return with_encoder(model, single)


def with_encoder(model: PairModel, encoder: nn.Module) -> PairModel:
    """The same decoders, likelihood and prior with another encoder, whose output has the same form."""
    return from_pair(
        encoder,
        model.decoder,
        model.likelihood,
        encoder_output=model.encoder_output,
        latent_shape=model.latent_shape,
        x_shape=model.x_shape,
        likelihood_param=model.likelihood_param,
    )
