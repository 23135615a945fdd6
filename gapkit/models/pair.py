"""The model contract from an ordinary encoder/decoder pair."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from gapkit.core.errors import InputError
from gapkit.core.trees import Tree
from gapkit.models.likelihoods import Categorical, Likelihood, parse
from gapkit.models.owners import owners_of
from gapkit.models.posterior import ENCODER_OUTPUTS, read_posterior
from gapkit.models.priors import moved, standard_normal
from gapkit.models.squashed import Squashed
from gapkit.models.support import describe

__all__ = ["PairModel", "from_pair"]

Prior = str | Distribution | Callable[..., Distribution]


class PairModel(nn.Module):
    """An encoder, a decoder, a likelihood and a prior; satisfies ``LatentModel``. Built by :func:`from_pair`.

    It has no ``forward``: call ``encode``, ``decode`` or ``prior``. Modules are registered, also the owners of bound
    methods such as ``vae.decode``, so ``to``, ``eval``, ``parameters`` and ``state_dict`` reach them.

    Attributes:
        likelihood: decoder output -> p(x|z).
        likelihood_param: the parameter shared by all datapoints, None if the likelihood has none.
        latent_shape: event shape of z; None until given or seen in the first encode.
        x_shape: shape of a datapoint, None if not given.
        builder: name of the reference builder that made the model, None for others.
        config: its JSON-able arguments, None for others.
    """

    likelihood_param: Tensor | None
    _integers = False  # whether the encoder was seen to want integers

    def __init__(
        self,
        encoder: Callable[..., Any],
        decoder: Callable[..., Any],
        likelihood: Likelihood,
        prior: Prior,
        encoder_output: str,
        latent_shape: Sequence[int] | None,
        x_shape: Sequence[int] | None,
        likelihood_param: Tensor | None,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.latent_prior = encoder, decoder, prior
        self.owners = owners_of(encoder, decoder, prior)
        self.likelihood, self.encoder_output = likelihood, encoder_output
        if isinstance(likelihood_param, nn.Parameter):
            self.register_parameter("likelihood_param", likelihood_param)
        else:
            self.register_buffer("likelihood_param", likelihood_param)
        self.latent_shape = None if latent_shape is None else tuple(latent_shape)
        self.x_shape = None if x_shape is None else tuple(x_shape)
        self.builder: str | None = None
        self.config: dict[str, Any] | None = None
        self._seen: tuple[torch.dtype, torch.device] | None = None

    def behind(self, name: str) -> Any:
        """What the method ``encode``, ``decode`` or ``prior`` calls: it decides who is given a condition."""
        return {"encode": self.encoder, "decode": self.decoder, "prior": self.latent_prior}[name]

    def encode(self, x: Tensor, c: Tree = None) -> Distribution:
        """Return q(z|x): x has shape (B, *x_shape), the result batch shape (B,) and event shape ``latent_shape``."""
        if self.x_shape is not None and tuple(x.shape[1:]) != self.x_shape:
            do = "reshape the data, or build the pair again for data of this shape (x_shape=)"
            raise InputError(f"encode data of shape (B, {str(self.x_shape)[1:]}", describe(x), do)
        q = read_posterior(self._encoded(x, c), self.encoder_output, x.shape[0])
        event = tuple(q.event_shape)
        if self.latent_shape is not None and event != self.latent_shape:
            do = "correct the latent shape (latent_shape=, --latent-shape) or the encoder"
            raise InputError(f"a posterior of latent shape {self.latent_shape}", f"event shape {event}", do)
        self.latent_shape = event
        mean = getattr(q, "loc", x)
        self._seen = (mean.dtype, mean.device) if isinstance(mean, Tensor) else (x.dtype, x.device)
        return q

    def decode(self, z: Tensor, c: Tree = None) -> Distribution:
        """Return p(x|z): z has shape (N, *latent_shape), the result batch shape (N,) and event shape ``x_shape``."""
        if self.latent_shape is not None and tuple(z.shape[1:]) != self.latent_shape:
            do = "flatten samples and datapoints into the first axis: z.reshape(-1, *latent_shape)"
            raise InputError(f"decode latents of shape (N, {str(self.latent_shape)[1:]}", describe(z), do)
        output, likelihood = self._output(z, c)
        first = output[0] if isinstance(output, tuple | list) and output else output
        shared = self.likelihood_param
        if shared is not None and isinstance(first, Tensor):
            shared = shared.to(first)
        p = likelihood(output, shared)
        batch, event = tuple(p.batch_shape), tuple(p.event_shape)
        if batch != (z.shape[0],) or (self.x_shape is not None and event != self.x_shape):
            wanted = "" if self.x_shape is None else f", {str(self.likelihood.output_shape(self.x_shape))[1:-1]}"
            asked = (
                f"a decoder output of shape ({z.shape[0]}{wanted.rstrip(',')}) for a {self.likelihood.name} likelihood"
            )
            do = "reshape the decoder's output to the shape of the data, or flatten the data before encode"
            raise InputError(asked, f"{describe(output)}, which gives datapoints of shape {event}", do)
        return p

    def _encoded(self, x: Tensor, c: Tree) -> Any:
        """What the encoder returns; one that looks up tokens wants whole numbers as integers."""
        further = () if c is None else (c,)
        if self._integers:
            return self.encoder(x.long(), *further)
        try:
            return self.encoder(x, *further)
        except (RuntimeError, IndexError):
            if not x.is_floating_point() or not bool((x == x.round()).all()):
                raise
            try:
                output = self.encoder(x.long(), *further)
            except Exception:  # the first reason is the one to tell
                output = None
            if output is None:
                raise
        self._integers = True
        return output

    def _output(self, z: Tensor, c: Tree) -> tuple[Any, Likelihood]:
        """What the decoder returns and how it is read; the logits in place of probabilities that came from them."""
        further = () if c is None else (c,)
        if getattr(self.likelihood, "output", None) != "probs":
            return self.decoder(z, *further), self.likelihood
        with Squashed() as squashed:
            output = self.decoder(z, *further)
        softmax = isinstance(self.likelihood, Categorical)
        logits = squashed.logits(output, softmax=softmax) if isinstance(output, Tensor) else None
        if logits is None:
            return output, self.likelihood
        return logits, replace(self.likelihood, output="logits")  # type: ignore[type-var]

    def prior(self, c: Tree = None) -> Distribution:
        """Return p(z) in the dtype and on the device of the model: batch shape () and event shape ``latent_shape``.

        Given a condition of B rows, p(z|c), batch shape (B,).
        """
        dtype, device = self._place()
        if self.latent_prior == "standard_normal":
            if self.latent_shape is None:
                do = "say it (latent_shape=, --latent-shape 50 or 4,8,8), or encode a batch first"
                raise InputError("the standard normal prior", "the latent shape is not known yet", do)
            return standard_normal(self.latent_shape, dtype, device)
        source: Any = self.latent_prior
        further = () if c is None else (c,)
        p = moved(source if isinstance(source, Distribution) else source(*further), dtype, device)
        if not isinstance(p, Distribution):
            raise InputError("a prior that returns a torch distribution", describe(p), "return a Distribution")
        if (c is None and tuple(p.batch_shape)) or (
            self.latent_shape is not None and tuple(p.event_shape) != self.latent_shape
        ):
            latent = "the shape of z" if self.latent_shape is None else self.latent_shape
            do = "wrap the prior in torch.distributions.Independent, so that log_prob sums over the latent axes"
            raise InputError(f"a prior of batch shape () and event shape {latent}", describe(p), do)
        return p

    def _place(self) -> tuple[torch.dtype, torch.device]:
        for tensor in (*self.parameters(), *self.buffers()):
            if tensor.dtype.is_floating_point:
                return tensor.dtype, tensor.device
        return self._seen or (torch.get_default_dtype(), torch.device("cpu"))


def from_pair(
    encoder: Callable[..., Any],
    decoder: Callable[..., Any],
    likelihood: str | Likelihood = "bernoulli",
    prior: Prior = "standard_normal",
    *,
    encoder_output: str = "mean_logvar",
    latent_shape: Sequence[int] | None = None,
    x_shape: Sequence[int] | None = None,
    likelihood_param: Tensor | float | None = None,
) -> PairModel:
    """Make a model from an encoder and a decoder, modules or functions.

    Args:
        encoder: x of shape (B, *x_shape) -> what ``encoder_output`` says; or x and a condition of B rows.
        decoder: z of shape (N, *latent_shape) -> the parameters of the likelihood, such as logits (N, *x_shape); or z
            and a condition of N rows.
        likelihood: a string such as "bernoulli:logits", "bernoulli:probs" (a decoder that ends in a sigmoid) or
            "gaussian:sigma=0.1", or an object of ``gapkit.models.likelihoods``.
        prior: "standard_normal", a distribution of batch shape (), or a function or module that returns one; or,
            given a condition of B rows, one of batch shape (B,).
        encoder_output: "mean_logvar", "mean_std", "mean_logstd" or "mean_var" (a pair of tensors); "chunk_logvar",
            "chunk_std", "chunk_logstd" or "chunk_var" (one tensor, the last axis holds both halves); or "distribution"
            (a torch distribution).
        latent_shape: event shape of z; None learns it from the first encode.
        x_shape: shape of a datapoint, to check what enters and leaves; None checks nothing.
        likelihood_param: the trained value of the parameter that a likelihood with a shared scale or dispersion needs,
            in the logarithm; an ``nn.Parameter`` stays trainable, anything else becomes a buffer.

    Raises:
        InputError: if a name is unknown or the shared parameter is missing; later, from ``encode`` and ``decode``,
            if the networks return something else than announced.

    Example:
        >>> model = from_pair(nn.Linear(6, 4), nn.Linear(2, 6), encoder_output="chunk_logvar")
        >>> model.encode(torch.zeros(5, 6)).event_shape, model.decode(torch.zeros(3, 2)).event_shape
        (torch.Size([2]), torch.Size([6]))
    """
    if isinstance(likelihood, str):
        likelihood = parse(likelihood)
    if encoder_output not in ENCODER_OUTPUTS:
        do = f"choose from {', '.join(ENCODER_OUTPUTS)}"
        raise InputError(f"encoder_output={encoder_output!r} (--encoder-output)", "no such kind", do)
    if isinstance(prior, str) and prior != "standard_normal":
        do = 'use "standard_normal", a torch distribution, or a function or module that returns one'
        raise InputError(f"prior={prior!r}", "no such prior", do)
    if likelihood.shared is not None and likelihood_param is None:
        do = (
            f"pass the trained {likelihood.shared} (likelihood_param=; on the command line --likelihood-param NUMBER, "
            "or its name in the model or the file); a log scale is half a log variance"
        )
        raise InputError(f"{likelihood.name} likelihood with a shared {likelihood.shared}", "no value for it", do)
    if likelihood.shared is None and likelihood_param is not None:
        do = "drop it (likelihood_param=, --likelihood-param), or choose the shared form (gaussian:scale=global, ...)"
        raise InputError(f"likelihood_param with a {likelihood.name} likelihood", "it has no shared parameter", do)
    if likelihood_param is not None and not isinstance(likelihood_param, Tensor):
        likelihood_param = torch.tensor(float(likelihood_param))
    return PairModel(encoder, decoder, likelihood, prior, encoder_output, latent_shape, x_shape, likelihood_param)
