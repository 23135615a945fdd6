"""What the weights climb in a minibatch, by the objective of a training: one bound, or several in turn."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.models.pair import PairModel
from gapkit.training.config import TrainConfig
from gapkit.training.full_vb import FullVb, generative_weights
from gapkit.training.mcem import MonteCarloEm
from gapkit.training.objectives import elbo, iwae
from gapkit.training.wake_sleep import wake_sleep

__all__ = ["OBJECTIVES", "Steps"]

OBJECTIVES: dict[str, Callable[..., Tensor]] = {"elbo": elbo, "iwae": iwae, "wake_sleep": wake_sleep}


class Steps:
    """The weight updates of minibatches.

    Args:
        config: of the training.
        model: that is trained; with ``initial_std`` its weights are drawn again.
        num_datapoints: N.

    Attributes:
        weights: to be trained beside the model's own.
    """

    def __init__(self, config: TrainConfig, model: PairModel, num_datapoints: int) -> None:
        self.config, self.model, self.num_datapoints = config, model, num_datapoints
        if config.initial_std:
            _draw_again(model, config.initial_std)
        self._em = MonteCarloEm(model, num_datapoints) if config.objective == "mcem" else None
        self._vb = None
        if config.objective == "full_vb":
            prior_std = config.weight_prior or 1.0
            self._vb = FullVb(model, num_datapoints, prior_std=prior_std, num_samples=config.num_samples)
        self.weights: tuple[nn.Parameter, ...] = () if self._vb is None else tuple(self._vb.log_std.values())

    @property
    def updates(self) -> int:
        """Weight updates of a minibatch."""
        return 1 if self._em is None else self._em.num_updates

    def bounds(
        self, x: Tensor, index: Tensor, encoder_x: Tensor | None, kl_weight: float, entropy_weight: float
    ) -> Iterator[Tensor]:
        """For each weight update of a minibatch what is to be climbed: (B,), in nats; each is made when asked for.

        Args:
            x: (B, *x_shape).
            index: numbers of the datapoints, (B,), on the CPU.
            encoder_x: what the encoder is given in the place of x.
            kl_weight: annealing weight of the KL term.
            entropy_weight: annealing weight of log q(z|x).
        """
        if self._em is not None:
            yield from self._em.bounds(x, index)
            return
        annealing = {"kl_weight": kl_weight, "entropy_weight": entropy_weight}
        further: dict[str, Any] = {} if self.config.objective == "wake_sleep" else dict(annealing)
        if self.config.sgvb == "a":
            further["analytic_kl"] = False
        if self._vb is not None:
            yield from self._vb.bounds(x, encoder_x, **further)
            return
        objective = OBJECTIVES[self.config.objective]
        yield objective(self.model, x, self.config.num_samples, encoder_x=encoder_x, **further)

    def penalty(self) -> Tensor | float:
        """Minus log p(theta) / N of the prior over the decoder's weights, without its constant; nats per datapoint."""
        std = self.config.weight_prior
        if not std or self._vb is not None:  # whose divergence has the prior already
            return 0.0
        squares = [weight.square().sum() for weight in generative_weights(self.model).values()]
        return torch.stack(squares).sum() / (2 * std**2 * self.num_datapoints)

    def validate(self, x: Tensor) -> Tensor:
        """The bound of held-out data, (B,), without annealing."""
        return OBJECTIVES[self.config.objective](self.model, x, self.config.num_samples)

    def told(self) -> dict[str, float]:
        """What the history says of an epoch beside its loss."""
        return {} if self._em is None else {"acceptance": self._em.accepted, "step": self._em.step}

    def kept(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the model."""
        return {} if self._vb is None else {"weight_std": self._vb.std()}


@torch.no_grad()
def _draw_again(model: PairModel, std: float) -> None:
    """All weights and biases from N(0, std^2), as in the paper; the likelihood's own parameter stays."""
    for name, weight in model.named_parameters():
        if name != "likelihood_param":
            weight.copy_(std * torch.randn(weight.shape))
