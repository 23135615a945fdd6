"""Q(z|x) and p(z) by running a program: for those that are no normal."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, Transform, constraints

from gapkit.core.trees import Tree, repeated, size_of
from gapkit.models.programs.program import guide_steps

__all__ = ["GuideTransform", "ProgramPrior"]


class GuideTransform(Transform):
    """The guide of given data as a transform of standard normal noise (..., N, D)."""

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, pair: Any, x: Tensor, c: Tree) -> None:
        super().__init__()
        self.pair, self.x, self.c = pair, x, c

    def _pass(self, flat: Tensor, *, back: bool) -> tuple[Tensor, Tensor]:
        layout = self.pair.layout
        times = flat.shape[:-2].numel()
        x, c = self.x.repeat(times, *[1] * (self.x.dim() - 1)), repeated(self.c, times)
        made, ladj, _ = guide_steps(self.pair.program, layout, x, c, flat.reshape(-1, layout.dim), back=back)
        return made.reshape(flat.shape), ladj.reshape(flat.shape[:-1])

    def _call(self, x: Tensor) -> Tensor:
        return self._pass(x, back=False)[0]

    def _inverse(self, y: Tensor) -> Tensor:
        return self._pass(y, back=True)[0]

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """From the noise, shape (..., N)."""
        return self._pass(x, back=False)[1]


class ProgramPrior(Distribution):
    """P(z) by running the model up to its last latent."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = False
    support = constraints.real_vector
    known_as = "that of the program"

    def __init__(self, pair: Any, c: Tree) -> None:
        self._pair, self._c = pair, c
        batch = torch.Size() if c is None else torch.Size([size_of(c)])
        super().__init__(batch, torch.Size([pair.layout.dim]), validate_args=False)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws of shape (*sample_shape, *batch_shape, D)."""
        shape = torch.Size(sample_shape)
        c = repeated(self._c, shape.numel())
        with torch.no_grad():
            drawn = self._pair.draw_prior((shape + self.batch_shape).numel(), c)
        return drawn.reshape(shape + self.batch_shape + self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Shape (..., *batch_shape, D) to (..., *batch_shape), in nats."""
        value = value.expand(torch.broadcast_shapes(value.shape, self.batch_shape + self.event_shape))
        lead = value.shape[:-1]
        c = None if self._c is None else repeated(self._c, lead.numel() // self.batch_shape.numel())
        return self._pair.log_prior(value.reshape(-1, value.shape[-1]), c).reshape(lead)
