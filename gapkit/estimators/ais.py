"""Annealed importance sampling from any start: a lower bound on log p(x) that tightens with more temperatures.

Source: Neal, "Annealed Importance Sampling" (2001), https://arxiv.org/abs/physics/9803008; for decoders Wu, Burda,
Salakhutdinov, Grosse (2017), https://arxiv.org/abs/1611.04273. Chains move in the whitened coordinates of the start,
which needs about a thousand times fewer gradients than a start at the prior.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.checks import InputError
from gapkit.estimators.protocol import Bound, Estimate, bound_inputs, without_nan
from gapkit.families.protocol import Proposal
from gapkit.kernels import GeometricPath, temperatures, transition
from gapkit.models.protocol import LatentModel
from gapkit.models.target import Target
from gapkit.numerics import effective_sample_size, log_mean_exp, log_mean_exp_influence
from gapkit.randomness import Key

__all__ = ["Ais"]


@dataclass(frozen=True, kw_only=True)
class Ais:
    """AIS with Hamiltonian transitions; q is the start (the encoder's q, a fitted q*, a mixture, or the prior).

    A pilot run with chains of its own learns a step size for every datapoint and temperature; the weighted run then
    uses them frozen, because weights of a chain that adapts itself are not valid. One run costs
    ``num_chains * (1 + (num_temperatures - 1) * num_leapfrogs)`` gradients per datapoint, the pilot the same with
    ``pilot_chains``.

    Diagnostics: ``acceptance`` (mean over the weighted run), ``ess`` (of the chains), ``nonfinite`` (chains whose
    weight was undefined and counted as zero).

    Attributes:
        num_chains: independent chains per datapoint.
        num_temperatures: T; 1 makes no move and is plain importance sampling.
        num_leapfrogs: gradients per transition.
        schedule: ``sigmoid`` or ``linear``.
        acceptance: the acceptance rate that the pilot aims at.
        pilot_chains: chains of the pilot; 0 skips it and keeps ``step``.
        step: first step size in whitened coordinates; None scales with the latent dimension, as optimal tuning does.
        jitter: each transition's step is multiplied by a uniform draw from [1 - jitter, 1 + jitter].
        stage: names the noise.

    Example:
        >>> from gapkit.models.reference import build
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(8,))
        >>> x = torch.ones(3, 4)
        >>> estimate = Ais(num_chains=8, num_temperatures=10)(model, x, model.encode(x), seed=1)
        >>> bool((estimate.diagnostics["acceptance"] > 0.3).all())
        True
    """

    num_chains: int = 32
    num_temperatures: int = 50
    num_leapfrogs: int = 1
    schedule: str = "sigmoid"
    acceptance: float = 0.75
    pilot_chains: int = 4
    step: float | None = None
    jitter: float = 0.2
    stage: str = "ais"

    def __call__(
        self, model: LatentModel | Target, x: Tensor, q: Distribution | Proposal, seed: int | Key = 0
    ) -> Estimate:
        """Estimate log p(x): x has shape (B, *x_shape), the estimate (B,), in nats.

        Raises:
            InputError: fewer than one chain, temperature or leapfrog, or an unknown schedule.
        """
        if min(self.num_chains, self.num_leapfrogs) < 1:
            raise InputError(
                f"AIS with {self.num_chains} chains and {self.num_leapfrogs} leapfrogs",
                "both must be at least 1",
                "raise the smaller one",
            )
        betas = temperatures(self.schedule, self.num_temperatures).tolist()
        with bound_inputs(model, x, q, seed) as (target, proposal, key):
            path = GeometricPath(target, proposal, proposal.whitening())
            steps = self._pilot(path, betas, key)
            log_w, acceptance, _ = self._anneal(path, betas, key, self.stage, self.num_chains, steps, adapt=False)
            log_w, nonfinite = without_nan(log_w)
            diagnostics = {"acceptance": acceptance, "ess": effective_sample_size(log_w), "nonfinite": nonfinite}
            draws = log_mean_exp_influence(log_w)
            return Estimate.from_draws(log_mean_exp(log_w), draws, Bound.LOWER, (self.stage, key), diagnostics)

    def _pilot(self, path: GeometricPath, betas: list[float], key: Key) -> Tensor:
        """Learn step sizes, shape (T - 1, B)."""
        first = self.step or 1.6 * path.target.dim**-0.25
        shape = (max(len(betas) - 2, 0), path.target.num_datapoints)
        steps = torch.full(shape, first, dtype=path.target.dtype, device=path.target.device)
        if self.pilot_chains < 1 or shape[0] == 0:
            return steps
        return self._anneal(path, betas, key, f"{self.stage}/pilot", self.pilot_chains, steps, adapt=True)[2]

    def _anneal(
        self,
        path: GeometricPath,
        betas: list[float],
        key: Key,
        stage: str,
        num_chains: int,
        steps: Tensor,
        *,
        adapt: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run all chains; return log weights (S, B), mean acceptance (B,) and the step sizes used or learned."""
        target = path.target
        start = key.streams(stage, target.dtype, target.device)
        moves = key.streams(f"{stage}/moves", target.dtype, target.device)
        z, _ = path.proposal.draw(start, num_chains)
        state = path.evaluate(path.transport.inverse(z))
        log_w = torch.zeros(num_chains, target.num_datapoints, dtype=torch.float64, device=target.device)
        accepted = torch.zeros(target.num_datapoints, dtype=target.dtype, device=target.device)
        learned = steps.clone()
        log_step = steps[0].log() if len(steps) else torch.zeros_like(accepted)
        for t in range(1, len(betas)):
            log_w += (betas[t] - betas[t - 1]) * (state.log_target - state.log_base).double()
            if t == len(betas) - 1:
                break  # a move at the last temperature would not touch the weights
            noise = moves.normal(num_chains, target.dim)
            uniforms = moves.uniform(num_chains, 2)
            base = log_step.exp() if adapt else steps[t - 1]
            learned[t - 1] = base
            jittered = base * (1.0 + self.jitter * (2.0 * uniforms[..., 1] - 1.0))
            state, probability = transition(
                path.evaluate, state, betas[t], jittered, noise, uniforms[..., 0], self.num_leapfrogs
            )
            rate = probability.mean(0)
            accepted += rate
            if adapt:
                log_step = (log_step + _LEARNING_RATE * (rate - self.acceptance)).clamp(min=_LOG_SMALLEST_STEP)
        return log_w, accepted / max(len(betas) - 2, 1), learned


_LEARNING_RATE = 0.2
_LOG_SMALLEST_STEP = math.log(1e-5)
