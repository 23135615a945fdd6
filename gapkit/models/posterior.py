"""Reading q(z|x) from what an encoder returns."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from gapkit.checks import InputError
from gapkit.models.support import describe

__all__ = ["ENCODER_OUTPUTS", "Posterior", "read_posterior"]

ENCODER_OUTPUTS = ("mean_logvar", "mean_std", "chunk_logvar", "chunk_std", "distribution")


def _halves(output: Any, kind: str) -> tuple[Tensor, Tensor]:
    asked = f"encoder_output={kind!r}"
    if kind.startswith("chunk"):
        if not isinstance(output, Tensor) or output.dim() < 2 or output.shape[-1] % 2:
            do = "return one tensor whose last axis holds both halves, or name what is returned (encoder_output=)"
            raise InputError(f"{asked}: one tensor of shape (B, ..., 2 D)", describe(output), do)
        mean, spread = output.chunk(2, dim=-1)
        return mean, spread
    pair = output if isinstance(output, tuple | list) and len(output) == 2 else None
    if pair is None or not all(isinstance(part, Tensor) for part in pair):
        do = f"name what the encoder returns: one of {', '.join(ENCODER_OUTPUTS)}"
        raise InputError(f"{asked}: a pair of tensors", describe(output), do)
    if pair[0].shape != pair[1].shape:
        raise InputError(f"{asked}: two tensors of equal shape", describe(output), "correct the encoder")
    return pair[0], pair[1]


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
    if kind == "distribution":
        if not isinstance(output, Distribution):
            do = "return a torch distribution, or name what is returned (encoder_output=)"
            raise InputError("encoder_output='distribution'", describe(output), do)
        q = _as_event(output)
    else:
        mean, spread = _halves(output, kind)
        if kind.endswith("std") and bool((spread <= 0).any()):
            do = "apply softplus or exp in the encoder; if it returns a log variance, say encoder_output='mean_logvar'"
            found = f"{int((spread <= 0).sum())} of {spread.numel()} are zero or negative"
            raise InputError(f"encoder_output={kind!r}: positive standard deviations", found, do)
        scale = spread if kind.endswith("std") else (0.5 * spread).exp()
        q = _as_event(Normal(mean, scale, validate_args=False))
    if tuple(q.batch_shape) != (num_datapoints,):
        do = "keep the batch as the first axis of everything the encoder returns"
        raise InputError(f"a posterior for each of {num_datapoints} datapoints", describe(q), do)
    return q


class Posterior(nn.Module):
    """An encoder that returns distributions, for instance for :class:`gapkit.models.VampPrior`.

    Args:
        encoder: x of shape (B, *x_shape) -> what ``encoder_output`` says.
        encoder_output: one of ``ENCODER_OUTPUTS``.

    Example:
        >>> import torch
        >>> Posterior(nn.Linear(6, 4), "chunk_logvar")(torch.zeros(3, 6)).event_shape
        torch.Size([2])
    """

    def __init__(self, encoder: Callable[[Tensor], Any], encoder_output: str = "mean_logvar") -> None:
        super().__init__()
        self.encoder, self.encoder_output = encoder, encoder_output

    def forward(self, x: Tensor) -> Distribution:
        """Return q(z|x): x has shape (B, *x_shape), the result batch shape (B,)."""
        return read_posterior(self.encoder(x), self.encoder_output, x.shape[0])
