"""Monte Carlo EM: the decoder climbs log p(x, z) at draws of the posterior itself; no encoder takes part.

Every datapoint has a chain of its own, which begins at a draw of the prior and moves on by one Hamiltonian transition
whenever its minibatch comes; the weights then take some steps at what was drawn. All chains share a step size, which
follows the acceptance rate. Source: Kingma & Welling, "Auto-Encoding Variational Bayes" (2014),
https://arxiv.org/abs/1312.6114, appendix E: 10 leapfrogs, 90% acceptance, 5 steps of the weights for every draw.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from gapkit.core.trees import Tree
from gapkit.families import DiagonalGaussian
from gapkit.kernels import GeometricPath, transition
from gapkit.models.conditions import prior_with
from gapkit.models.freeze import frozen
from gapkit.models.pair import PairModel
from gapkit.models.unvalidated import unvalidated
from gapkit.target import Target
from gapkit.training.objectives import log_likelihood

__all__ = ["MonteCarloEm"]

_FIRST_STEP, _SMALLEST = 0.1, math.log(1e-4)
_GAIN = 0.5  # of the logarithm of the step, for each visit; the mean over a minibatch is a steady signal


class MonteCarloEm:
    """Chains of all datapoints, and the bounds that the weights climb.

    Args:
        model: its decoder is trained, its encoder left alone.
        num_datapoints: N.
        num_leapfrogs: gradients of a transition.
        acceptance: the acceptance rate that the step size follows.
        num_updates: steps of the weights for every draw.

    Attributes:
        z: where the chains are, (N, D); from torch's global generator, as all noise here.
        step: the step size.
        accepted: mean acceptance of the last visit.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> em = MonteCarloEm(model, 10)
        >>> [bound.shape for bound in em.bounds(torch.ones(3, 4), torch.arange(3))]
        [torch.Size([3]), torch.Size([3]), torch.Size([3]), torch.Size([3]), torch.Size([3])]
    """

    def __init__(
        self,
        model: PairModel,
        num_datapoints: int,
        *,
        num_leapfrogs: int = 10,
        acceptance: float = 0.9,
        num_updates: int = 5,
    ) -> None:
        self.model, self.num_leapfrogs, self.acceptance, self.num_updates = (
            model,
            num_leapfrogs,
            acceptance,
            num_updates,
        )
        self.z: Tensor = prior_with(model, None).sample(torch.Size([num_datapoints])).flatten(1)
        self._log_step, self.accepted = math.log(_FIRST_STEP), math.nan

    @property
    def step(self) -> float:
        """The step size of all chains."""
        return math.exp(self._log_step)

    def bounds(self, x: Tensor, index: Tensor) -> Iterator[Tensor]:
        """Move the chains of a minibatch, then give log p(x, z), (B,) in nats, once for every step of the weights.

        Args:
            x: (B, *x_shape).
            index: numbers of the datapoints, (B,), on the CPU.
        """
        z = self.move(x, index)
        for _ in range(self.num_updates):  # each after the step that the one before was for
            yield self._log_joint(x, z)

    def move(self, x: Tensor, index: Tensor) -> Tensor:
        """One transition of the chains of some datapoints, shapes as in :meth:`bounds`; returns where they are."""
        place = index.to(self.z.device)
        with frozen(self.model), torch.no_grad(), unvalidated():
            here = self.z[place].unsqueeze(0)
            still = DiagonalGaussian(torch.zeros_like(here[0]), torch.ones_like(here[0]))
            path = GeometricPath(Target(self.model, x), still, still)
            one = here.new_ones(len(x))
            noise, uniform = torch.randn_like(here), torch.rand_like(here[..., 0])
            state, _, probability = transition(
                path, path.evaluate(here), one, self.step * one, noise, uniform, self.num_leapfrogs
            )
            self.z[place] = state.u[0]
        self.accepted = float(probability.mean())
        self._log_step = max(self._log_step + _GAIN * (self.accepted - self.acceptance), _SMALLEST)
        return self.z[place]

    def _log_joint(self, x: Tensor, z: Tensor, condition: Tree = None) -> Tensor:
        shaped = z.reshape(1, len(x), *self.model.latent_shape)  # type: ignore[misc]
        value: Tensor = log_likelihood(self.model, x, shaped, condition)[0]
        return value + prior_with(self.model, condition).log_prob(shaped[0])
