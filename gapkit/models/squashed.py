"""The logits behind probabilities: what a network computed before its last sigmoid or softmax.

Most published decoders end in a sigmoid. Its output has lost what the likelihood needs: in float32 it is exactly 1 from
a logit of 17 on, so that log(1 - p) is infinite or cut off and its gradient is gone. The input of the sigmoid is still
there while the network runs; it is kept, and used in the place of the probabilities.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

__all__ = ["Squashed", "sharp"]

_SIGMOIDS = {torch.sigmoid, Tensor.sigmoid, F.sigmoid, torch.special.expit}
_SOFTMAXES = {torch.softmax, Tensor.softmax, F.softmax, torch.special.softmax}
# Elements keep their values, so the same step leads from the logits to the logits of its outcome.
_RESHAPES = {
    Tensor.contiguous,
    Tensor.expand,
    Tensor.flatten,
    Tensor.movedim,
    Tensor.permute,
    Tensor.reshape,
    Tensor.squeeze,
    Tensor.transpose,
    Tensor.unflatten,
    Tensor.unsqueeze,
    Tensor.view,
    torch.flatten,
    torch.movedim,
    torch.permute,
    torch.reshape,
    torch.squeeze,
    torch.transpose,
    torch.unflatten,
    torch.unsqueeze,
}


class Squashed(TorchFunctionMode):
    """Remembers, while it is entered, the inputs of all sigmoids and of all softmaxes over the last axis.

    Example:
        >>> with Squashed() as squashed:
        ...     probabilities = torch.sigmoid(torch.full((2, 3), 40.0)).view(6)
        >>> probabilities[0].item(), squashed.logits(probabilities)[0].item()
        (1.0, 40.0)
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, _Known] = {}

    def logits(self, output: Tensor, *, softmax: bool = False) -> Tensor | None:
        """What became ``output`` through a sigmoid (or a softmax over its last axis); None where that is not known."""
        kept = self._known.get(id(output))
        return kept.logits if kept is not None and kept.softmax == softmax and kept.unchanged() else None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        first = args[0] if args else kwargs.get("input")
        if not isinstance(first, Tensor):
            return out
        if func is torch.broadcast_tensors:
            # The distributions of torch make a view of every parameter.
            for given, made in zip(args, out, strict=True):
                logits = self.logits(given) if isinstance(given, Tensor) else None
                if logits is not None:
                    self._keep(made, logits.expand(made.shape))
        elif func in _SIGMOIDS:
            self._keep(out, first)
        elif func in _SOFTMAXES and _over_last_axis(first, args, kwargs):
            self._keep(out, first, softmax=True)
        elif func in _RESHAPES and (logits := self.logits(first)) is not None:
            self._keep(out, func(logits, *args[1:], **{key: value for key, value in kwargs.items() if key != "input"}))
        return out

    def _keep(self, out: Tensor, logits: Tensor, *, softmax: bool = False) -> None:
        # Tensors of torch.inference_mode do not tell whether they were changed in place.
        if logits.dtype == out.dtype and not (out.is_inference() or logits.is_inference()):
            self._known[id(out)] = _Known(out, logits, softmax, (out._version, logits._version))


class _Known(NamedTuple):
    """An output, kept so that its id is no other's; what it came from; how often both had been written to."""

    output: Tensor
    logits: Tensor
    softmax: bool
    versions: tuple[int, int]

    def unchanged(self) -> bool:
        return self.versions == (self.output._version, self.logits._version)


def _over_last_axis(x: Tensor, args: Any, kwargs: Any) -> bool:
    axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
    return axis in (-1, x.dim() - 1)


def sharp(decode: Callable[[Tensor], Distribution], z: Tensor) -> Distribution:
    """Call a decoder; a ``Bernoulli(probs=torch.sigmoid(y))`` that it returns becomes ``Bernoulli(logits=y)``.

    Every other distribution is returned as it is.

    Args:
        decode: z -> p(x|z).
        z: latents, shape (N, *latent_shape).

    Example:
        >>> p = sharp(lambda z: Independent(Bernoulli(probs=torch.sigmoid(z)), 1), torch.full((1, 2), 40.0))
        >>> p.log_prob(torch.zeros(1, 2))
        tensor([-80.])
    """
    with Squashed() as squashed:
        dist = decode(z)
    base: Distribution = dist
    event_dims = 0
    while isinstance(base, Independent):
        event_dims += base.reinterpreted_batch_ndims
        base = base.base_dist
    # Exactly this type: a subclass may have a density of its own.
    if type(base) is not Bernoulli or "probs" not in vars(base):
        return dist
    logits = squashed.logits(base.probs)
    if logits is None:
        return dist
    made = Bernoulli(logits=logits, validate_args=False)
    return Independent(made, event_dims, validate_args=False) if event_dims else made
