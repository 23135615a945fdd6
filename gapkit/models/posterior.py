"""Reading q(z|x) from what an encoder returns."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from gapkit.core.errors import InputError
from gapkit.models.likelihoods.reading import SPREADS, scale_of
from gapkit.models.support import describe
from gapkit.models.unfit import no_family

__all__ = ["ENCODER_OUTPUTS", "PosteriorEncoder", "read_posterior", "refuse_codes"]

ENCODER_OUTPUTS = (*(f"mean_{s}" for s in SPREADS), *(f"chunk_{s}" for s in SPREADS), "distribution")
_SAY = "say what the encoder returns (encoder_output=, --encoder-output)"
_POSITIVE = {"std": "standard deviations", "var": "variances"}


def _halves(output: Any, kind: str) -> tuple[Tensor, Tensor]:
    asked = f"encoder_output={kind!r}"
    if kind.startswith("chunk"):
        if not isinstance(output, Tensor) or output.dim() < 2 or output.shape[-1] % 2:
            do = f"return one tensor whose last axis holds both halves, or {_SAY}"
            raise InputError(f"{asked}: one tensor of shape (B, ..., 2 D)", describe(output), do)
        mean, spread = output.chunk(2, dim=-1)
        return mean, spread
    pair = output if isinstance(output, tuple | list) and len(output) == 2 else None
    if pair is None or not all(isinstance(part, Tensor) for part in pair):
        do = f"{_SAY}: one of {', '.join(ENCODER_OUTPUTS)}"
        if isinstance(output, tuple | list) and len(output) > 2:
            alone = "return mean and spread alone, e.g. def encode(self, x): return self.net(x)[:2]"
            do = f"{alone}, or [1:] where a draw of z comes first; or {do}"
        elif isinstance(output, Mapping) and len(output) > 1:
            first, second = list(output)[:2]
            do = f"return two tensors from encode, such as out[{first!r:.40}], out[{second!r:.40}]; or {do}"
        raise InputError(f"{asked}: a pair of tensors", describe(output), do)
    if pair[0].shape != pair[1].shape:
        do = "return a mean and a spread for every latent from encode"
        raise InputError(f"{asked}: two tensors of equal shape", describe(output), do)
    return pair[0], pair[1]


def refuse_codes(output: Any) -> None:
    """Name an encoder of discrete latents for what it is: whole numbers among its outputs, or distributions of such.

    Raises:
        InputError: it is one.
    """
    parts = output if isinstance(output, tuple | list) else (output,)
    codes = [part for part in parts if isinstance(part, Tensor) and not part.is_floating_point()]
    discrete = [part for part in parts if isinstance(part, Distribution) and _is_discrete(part)]
    if discrete:
        raise no_family(discrete[0])
    if not codes:
        return
    inner = [f"{str(part.dtype).removeprefix('torch.')} {tuple(part.shape)}" for part in codes]
    found = f"an encoder that returns whole numbers ({', '.join(inner)}), as the codes of a VQ-VAE"
    do = "if encode returns a mean and a spread too, return these two alone"
    why = "discrete latents are not analysed, because q* is found by following the gradient of log p(x, z) in z, and a "
    raise InputError("a density q(z|x) over continuous latents", found, f"{why}code has none; {do}")


def _is_discrete(q: Distribution) -> bool:
    try:
        support: Any = q.support
    except NotImplementedError:  # a class of one's own that does not say
        return False
    return bool(getattr(support, "is_discrete", False))


def _as_event(q: Distribution) -> Distribution:
    """Make all batch axes but the first part of the event, so that log_prob has shape (B,)."""
    extra = len(q.batch_shape) - 1
    return Independent(q, extra, validate_args=False) if extra > 0 else q


def read_posterior(output: Any, kind: str, num_datapoints: int) -> Distribution:
    """Return q(z|x) from the encoder's output.

    Args:
        output: what the encoder returned for x of shape (B, *x_shape).
        kind: one of ``ENCODER_OUTPUTS``.
        num_datapoints: B.

    Returns:
        A distribution of batch shape (B,) and event shape ``latent_shape``.

    Raises:
        InputError: if the output is not of the announced kind, or not of B datapoints.

    Example:
        >>> import torch
        >>> q = read_posterior((torch.zeros(5, 2), torch.zeros(5, 2)), "mean_logvar", 5)
        >>> q.batch_shape, q.event_shape
        (torch.Size([5]), torch.Size([2]))
    """
    refuse_codes(output)
    if kind == "distribution":
        if not isinstance(output, Distribution):
            do = f"return a torch distribution, or {_SAY}"
            raise InputError("encoder_output='distribution'", describe(output), do)
        q = _as_event(output)
    else:
        mean, spread = _halves(output, kind)
        form, _, meaning = kind.partition("_")
        if meaning in _POSITIVE and bool((spread <= 0).any()):
            do = (
                "apply softplus or exp in the encoder; if it returns a logarithm, say so: "
                f"encoder_output='{form}_logvar' or '{form}_logstd' (--encoder-output)"
            )
            found = f"{int((spread <= 0).sum())} of {spread.numel()} are zero or negative"
            raise InputError(f"encoder_output={kind!r}: positive {_POSITIVE[meaning]}", found, do)
        q = _as_event(Normal(mean, scale_of(spread, meaning), validate_args=False))
    if tuple(q.batch_shape) != (num_datapoints,):
        do = "keep the batch as the first axis of everything the encoder returns"
        raise InputError(f"a posterior for each of {num_datapoints} datapoints", describe(q), do)
    return q


class PosteriorEncoder(nn.Module):
    """An encoder that returns distributions, for instance for :class:`gapkit.models.VampPrior`.

    Args:
        encoder: x of shape (B, *x_shape) -> what ``encoder_output`` says.
        encoder_output: one of ``ENCODER_OUTPUTS``.

    Example:
        >>> import torch
        >>> PosteriorEncoder(nn.Linear(6, 4), "chunk_logvar")(torch.zeros(3, 6)).event_shape
        torch.Size([2])
    """

    def __init__(self, encoder: Callable[[Tensor], Any], encoder_output: str = "mean_logvar") -> None:
        super().__init__()
        self.encoder, self.encoder_output = encoder, encoder_output

    def forward(self, x: Tensor) -> Distribution:
        """Return q(z|x): x has shape (B, *x_shape), the result batch shape (B,)."""
        return read_posterior(self.encoder(x), self.encoder_output, x.shape[0])
