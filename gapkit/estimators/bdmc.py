"""Bidirectional Monte Carlo (BDMC): log p(x) between a lower and an upper bound, on data simulated from the model.

AIS, forward from the start, gives a lower bound in expectation; reverse AIS, backward from an exact posterior draw,
gives an upper one, from the mean of the inverse importance weights. Their difference also bounds, in expectation, the
Jeffreys divergence (both KL divergences added) between the posterior and where the forward chains end. Source: Grosse,
Ghahramani, Adams (2015), https://arxiv.org/abs/1511.02543, section 3; Grosse, Ancha, Roy (2016),
https://arxiv.org/abs/1606.02275, section 3.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.randomness import Key
from gapkit.core.trees import Tree
from gapkit.estimators.ais import Ais
from gapkit.estimators.protocol import Estimate, bound_inputs
from gapkit.families.protocol import Proposal
from gapkit.models.protocol import LatentModel
from gapkit.target import Target

__all__ = ["Bdmc", "Sandwich"]


@dataclass(frozen=True)
class Sandwich:
    """Two bounds on log p(x), shape (B,) each, in nats.

    The backward chains of a datapoint share one exact posterior draw, so the upper bound's ``std_error`` holds only the
    noise of the moves: judge the sandwich by its mean over datapoints and their spread.
    """

    lower: Estimate
    upper: Estimate

    @property
    def gap(self) -> Tensor:
        """Upper minus lower, shape (B,): not negative in expectation."""
        return self.upper.value - self.lower.value


@dataclass(frozen=True, kw_only=True)
class Bdmc:
    """BDMC: AIS and reverse AIS with the same path, temperatures and frozen step sizes.

    Attributes:
        ais: settings of both runs.

    Example:
        >>> from gapkit.models.reference import build
        >>> from gapkit.target.simulate import simulate
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(8,))
        >>> x, z = simulate(model, 20)
        >>> sandwich = Bdmc()(model, x, model.encode(x), z, seed=1)
        >>> bool(sandwich.gap.mean().abs() < 0.1)
        True
    """

    ais: Ais = field(default_factory=Ais)

    def __call__(
        self,
        model: LatentModel,
        x: Tensor,
        q: Distribution | Proposal,
        posterior_draws: Tensor,
        seed: int | Key = 0,
        *,
        condition: Tree = None,
    ) -> Sandwich:
        """Bound log p(x) from both sides: shape (B,) each, in nats.

        Args:
            model: the model that the data were simulated from.
            x: simulated data, shape (B, *x_shape).
            q: the start of the forward chains.
            posterior_draws: the latents behind x, shape (B, D): exact draws from p(z|x). Any other latents make the
                upper bound no bound.
            seed: an integer, or a key.
            condition: of a conditional model, with which x were simulated, one row per datapoint.
        """
        with bound_inputs(model, x, q, seed, condition) as (target, proposal, key):
            return self.on(target, proposal, posterior_draws, key)

    @torch.no_grad()
    def on(self, target: Target, q: Proposal, posterior_draws: Tensor, key: Key) -> Sandwich:
        """Bound log p(x) of B datapoints that are bound to a model from both sides, in nats.

        Args:
            target: log p(x, z) of the datapoints.
            q: the start of the forward chains.
            posterior_draws: the latents behind x, shape (B, D).
            key: seed and indices of the datapoints.
        """
        ais = self.ais
        plans = ais.plans(target, q, key)
        z = posterior_draws.to(target.device, target.dtype).expand(ais.num_chains, -1, -1)
        forward, backward = ais.forward(plans), ais.backward(plans, z)
        return Sandwich(ais.estimate(forward, key), ais.estimate_above(backward, key))
