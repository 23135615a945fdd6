"""What a likelihood is: decoder output -> the distribution p(x|z)."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

from torch import Tensor
from torch.distributions import Independent

__all__ = ["Likelihood", "Params"]

Params = Tensor | Sequence[Tensor]


class Likelihood(Protocol):
    """Decoder output -> p(x|z).

    Attributes:
        name: the word used in strings and reports.
        shared: the meaning of the parameter that all datapoints share and the model holds; None if there is none.
    """

    name: ClassVar[str]

    @property
    def shared(self) -> str | None:
        """Meaning of the shared parameter, None if there is none."""
        ...

    def output_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the decoder's output per datapoint, when it is one tensor."""
        ...

    def __call__(self, params: Params, shared: Tensor | None = None) -> Independent:
        """Return p(x|z): the decoder's output has shape (B, *output_shape), the result event shape ``x_shape``."""
        ...

    def check_support(self, x: Tensor) -> None:
        """Raise InputError if values of x, of shape (B, *x_shape), are outside the support."""
        ...
