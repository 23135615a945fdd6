"""Full variational Bayes: a factorised Gaussian over the decoder's weights beside q(z|x).

    log p(X) >= E_q(theta)[ sum_n L[q; x_n, theta] ] - KL(q(theta) || N(0, s^2 I))
             ~  1/L sum_l [ N/M sum_m L_B(x_m, theta_l) ] - KL,       theta_l = mean + std * noise

The means are the model's own weights. Source: Kingma & Welling, "Auto-Encoding Variational Bayes" (2014),
https://arxiv.org/abs/1312.6114, appendix F, with the closed form of both divergences, and a standard deviation of the
prior that may differ from 1.
"""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gapkit.core.errors import InputError
from gapkit.core.randomness import seeded
from gapkit.models.pair import PairModel
from gapkit.training.objectives import elbo

__all__ = ["FullVb", "draw_weights", "generative_weights"]

_FIRST_STD = 0.02


def generative_weights(model: PairModel) -> dict[str, nn.Parameter]:
    """The weights of p(x|z) by name: those of the decoder, and the likelihood's own parameter.

    Raises:
        InputError: a decoder without weights.

    Example:
        >>> from gapkit.models.reference import build
        >>> list(generative_weights(build("mlp_vae", x_shape=(4,), latent=2, hidden=())))
        ['decoder.net.0.weight', 'decoder.net.0.bias']
    """
    found = {
        name: weight
        for name, weight in model.named_parameters()
        if name.startswith("decoder.") or name == "likelihood_param"
    }
    if not found:
        raise InputError("the weights of p(x|z)", f"a {type(model).__name__} whose decoder has none", "use a network")
    return found


class FullVb:
    """q(theta) of a model, and the bounds that its parameters climb.

    Args:
        model: its decoder's weights become the means of q(theta).
        num_datapoints: N.
        prior_std: s of the prior N(0, s^2 I) over the weights.
        num_samples: L, draws of theta, and of z for each datapoint and draw of theta.

    Attributes:
        log_std: logarithms of q(theta)'s standard deviations, by the names of the weights: to be trained.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> vb = FullVb(model, num_datapoints=10)
        >>> next(vb.bounds(torch.ones(5, 4))).shape
        torch.Size([5])
    """

    def __init__(self, model: PairModel, num_datapoints: int, *, prior_std: float = 1.0, num_samples: int = 1) -> None:
        self.model, self.num_datapoints, self.prior_std, self.num_samples = (
            model,
            num_datapoints,
            prior_std,
            num_samples,
        )
        self.log_std = {
            name: nn.Parameter(torch.full_like(weight, math.log(_FIRST_STD)))
            for name, weight in generative_weights(model).items()
        }

    def bounds(self, x: Tensor, encoder_x: Tensor | None = None, **weights: Any) -> Iterator[Tensor]:
        """The bound on log p(X) per datapoint, from a minibatch: (B,), whose mean is the bound over N, in nats.

        Args:
            x: (B, *x_shape).
            encoder_x: what the encoder is given in the place of x.
            weights: further arguments of :func:`gapkit.training.elbo`.
        """
        drawn = [self._elbo(x, encoder_x=encoder_x, **weights) for _ in range(self.num_samples)]
        yield torch.stack(drawn).mean(0) - self.kl() / self.num_datapoints

    def kl(self) -> Tensor:
        """KL(q(theta) || N(0, s^2 I)), in closed form, a scalar in nats."""
        total = torch.zeros(())
        for name, mean in generative_weights(self.model).items():
            log_ratio = self.log_std[name] - math.log(self.prior_std)
            spread = (2 * log_ratio).exp() + (mean / self.prior_std).square()
            total = total.to(mean) + 0.5 * (spread - 1.0 - 2 * log_ratio).sum()
        return total

    def std(self) -> dict[str, Tensor]:
        """The standard deviations of q(theta), by name, as a checkpoint keeps them."""
        return {name: value.detach().exp().cpu() for name, value in self.log_std.items()}

    def _elbo(self, x: Tensor, **arguments: Any) -> Tensor:
        """The ELBO of each datapoint under one draw of the weights, differentiable in means and deviations."""
        drawn = {
            f"model.{name}": mean + self.log_std[name].exp() * torch.randn_like(mean)
            for name, mean in generative_weights(self.model).items()
        }
        bound: Tensor = functional_call(_Called(self.model), drawn, (lambda model: elbo(model, x, **arguments),))
        return bound


class _Called(nn.Module):
    """A module whose call applies a function to a model: what torch needs to replace weights meanwhile."""

    def __init__(self, model: PairModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[[PairModel], Tensor]) -> Tensor:
        return function(self.model)


def draw_weights(model: PairModel, std: Mapping[str, Tensor], seed: int = 0) -> PairModel:
    """Draw the decoder's weights from q(theta): a model that can be analysed as any other.

    Args:
        model: with the means of q(theta) as weights; it stays as it is.
        std: standard deviations by name; ``read_payload(path)["extra"]["weight_std"]`` of a checkpoint that
            ``objective="full_vb"`` left.
        seed: of the draw.

    Returns:
        A copy with other weights.

    Raises:
        InputError: deviations of other weights.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,))
        >>> std = {name: torch.zeros_like(weight) for name, weight in generative_weights(model).items()}
        >>> torch.equal(draw_weights(model, std).decoder.net[0].weight, model.decoder.net[0].weight)
        True
    """
    drawn = copy.deepcopy(model)
    weights = generative_weights(drawn)
    if {name: tuple(value.shape) for name, value in std.items()} != {k: tuple(v.shape) for k, v in weights.items()}:
        found = f"deviations of {', '.join(std) or 'nothing'}"
        raise InputError(f"a draw of {', '.join(weights)}", found, "give those that were trained with this model")
    with torch.no_grad(), seeded(seed, "weights"):
        for name, weight in weights.items():
            weight.add_(std[name].to(weight) * torch.randn_like(weight))
    return drawn
