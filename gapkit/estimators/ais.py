"""Annealed importance sampling from any start: a lower bound on log p(x) that tightens with more temperatures.

Source: Neal, "Annealed Importance Sampling" (2001), https://arxiv.org/abs/physics/9803008; for decoders Wu, Burda,
Salakhutdinov, Grosse (2017), https://arxiv.org/abs/1611.04273. Chains move in the whitened coordinates of the start:
from a fitted q* the path is short, where one from the prior is long.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.checks import InputError
from gapkit.estimators.protocol import Bound, Estimate, bound_inputs, without_nan
from gapkit.families.protocol import Proposal
from gapkit.kernels import Annealing, GeometricPath, temperatures
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
        with bound_inputs(model, x, q, seed) as (target, proposal, key):
            run = self.annealing(target, proposal)
            z, _ = proposal.draw(key.streams(self.stage, target.dtype, target.device), self.num_chains)
            moves = key.streams(f"{self.stage}/moves", target.dtype, target.device)
            log_w, acceptance = run.forward(z, moves, self.pilot(run, key))
            log_w, nonfinite = without_nan(log_w)
            diagnostics = {"acceptance": acceptance, "ess": effective_sample_size(log_w), "nonfinite": nonfinite}
            draws, noise = log_mean_exp_influence(log_w), (self.stage, key, self.num_chains)
            return Estimate.from_draws(log_mean_exp(log_w), draws, Bound.LOWER, noise, diagnostics)

    def annealing(self, target: Target, proposal: Proposal) -> Annealing:
        """The path from a start to the posteriors, with these settings."""
        betas = temperatures(self.schedule, self.num_temperatures).tolist()
        path = GeometricPath(target, proposal, proposal.whitening())
        return Annealing(path, betas, self.num_leapfrogs, self.jitter)

    def pilot(self, run: Annealing, key: Key) -> Tensor:
        """Learn step sizes with chains of their own, shape (T - 1, B)."""
        target = run.path.target
        first = self.step or 1.6 * target.dim**-0.25
        if self.pilot_chains < 1 or run.num_moves < 1:
            shape = (max(run.num_moves, 0), target.num_datapoints)
            return torch.full(shape, first, dtype=target.dtype, device=target.device)
        z, _ = run.path.proposal.draw(
            key.streams(f"{self.stage}/pilot", target.dtype, target.device), self.pilot_chains
        )
        moves = key.streams(f"{self.stage}/pilot/moves", target.dtype, target.device)
        return run.learn_steps(z, moves, first, self.acceptance)
