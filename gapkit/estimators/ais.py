"""Annealed importance sampling from any start: a lower bound on log p(x) that tightens with more temperatures.

Source: Neal, "Annealed Importance Sampling" (2001), https://arxiv.org/abs/physics/9803008; for decoders Wu, Burda,
Salakhutdinov, Grosse (2017), https://arxiv.org/abs/1611.04273. Chains move in the whitened coordinates of the start:
from a fitted q* the path is short, from the prior it is long. The same chains run backward (reverse AIS) give an upper
bound; both together are bidirectional Monte Carlo, :mod:`gapkit.estimators.bdmc`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gapkit.core.numerics import effective_sample_size, log_mean_exp, log_mean_exp_influence
from gapkit.core.randomness import Key
from gapkit.core.ranges import above, check_ranges, one_of, optional, share, whole
from gapkit.estimators.protocol import Bound, Estimate, Estimator, without_nan
from gapkit.families.protocol import Posterior, Proposal, can_be_cut, with_density
from gapkit.kernels import (
    SCHEDULES,
    Annealing,
    GeometricPath,
    MoveNoise,
    Run,
    Tuning,
    learn_curve,
    learn_steps,
    temperatures,
)
from gapkit.target import Target
from gapkit.target.precision import PRECISIONS, gradient_dtype

__all__ = ["RANGES", "Ais", "Plan"]

RANGES = {
    "num_chains": whole(1),
    "num_temperatures": whole(1),
    "num_leapfrogs": whole(1),
    "schedule": one_of("adaptive", *sorted(SCHEDULES)),
    "conditional_ess": share(zero=False, one=False),
    "acceptance": share(zero=False, one=False),
    "pilot_chains": whole(0, or_zero="for no pilot"),
    "step": optional(above(0)),
    "jitter": share(zero=True, one=True),
    "refresh": share(zero=False, one=True),
    "precision": one_of(*PRECISIONS),
}


@dataclass(frozen=True)
class Plan:
    """Some datapoints of a batch and the frozen run that is meant for them.

    Attributes:
        rows: their places in the batch, shape (P,).
        run: path, temperatures and steps of these datapoints.
        key: seed and indices of these datapoints.
    """

    rows: Tensor
    run: Annealing
    key: Key


@dataclass(frozen=True, kw_only=True)
class Ais(Estimator):
    """AIS with Hamiltonian transitions; q is the start (the encoder's q, a fitted q*, a mixture, or the prior).

    A pilot run with chains of its own learns a step size for every datapoint and temperature, and for the adaptive
    schedule the temperatures too; the weighted run then uses them frozen, because weights of a chain that adapts itself
    are not valid. One run costs ``num_chains * (1 + (num_temperatures - 1) * num_leapfrogs)`` gradients per datapoint,
    the pilot of a fixed schedule the same with ``pilot_chains``.

    Diagnostics: ``acceptance`` (mean over the weighted run), ``ess`` (of the chains), ``nonfinite`` (chains whose
    weight was undefined and counted as zero), ``temperatures`` (T of each datapoint).

    Attributes:
        num_chains: independent chains per datapoint.
        num_temperatures: T; 1 makes no move and is plain importance sampling. For the adaptive schedule, at most.
        num_leapfrogs: gradients per transition; 1 is the Metropolis-adjusted Langevin algorithm.
        schedule: ``sigmoid``, ``linear``, or ``adaptive``: each datapoint's own temperatures, as many as it needs.
        conditional_ess: of each step of the adaptive schedule: the closer to 1, the more temperatures.
        acceptance: the acceptance rate that the pilot aims at.
        pilot_chains: chains of the pilot; 0 skips it and keeps ``step``. An adaptive schedule uses at least 8.
        step: first step size in whitened coordinates; None scales with the latent dimension, as optimal tuning does.
        jitter: each transition's step is multiplied by a uniform draw from [1 - jitter, 1 + jitter].
        refresh: share of the momentum that is replaced before each transition; less than 1 keeps some direction.
        precision: of gradients: ``full``, ``tf32`` (CUDA) or ``bfloat16``. Energies and weights are always full, so the
            estimate stays valid; see :mod:`gapkit.target.precision`.
        stage: names the noise.

    Raises:
        InputError: a setting out of its range.

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
    conditional_ess: float = 0.999
    acceptance: float = 0.75
    pilot_chains: int = 4
    step: float | None = None
    jitter: float = 0.2
    refresh: float = 1.0
    precision: str = "full"
    stage: str = "ais"

    def __post_init__(self) -> None:
        check_ranges("AIS", self, RANGES)

    @torch.no_grad()
    def on(self, target: Target, q: Posterior | Proposal, key: Key) -> Estimate:
        """Estimate log p(x) of B datapoints: shape (B,), in nats.

        Raises:
            InputError: a precision that the device does not support.
        """
        return self.estimate(self.forward(self.plans(target, with_density(q), key)), key)

    def forward(self, plans: Sequence[Plan]) -> tuple[Run, Tensor]:
        """The weighted chains of all datapoints, and the number of temperatures of each."""

        def chains(plan: Plan) -> Run:
            like = plan.run.path.target
            draws = plan.key.streams(self.stage, like.dtype, like.device)
            z, _ = plan.run.path.proposal.draw(draws, self.num_chains)
            return plan.run.forward(z, MoveNoise.of(plan.key, f"{self.stage}/moves", z))

        return _gather(plans, chains)

    def backward(self, plans: Sequence[Plan], z: Tensor) -> tuple[Run, Tensor]:
        """Reverse AIS: chains from posterior draws of shape (S, B, D), with the same temperatures and steps."""

        def chains(plan: Plan) -> Run:
            start = z[:, plan.rows]
            return plan.run.backward(start, MoveNoise.of(plan.key, f"{self.stage}/backward", start))

        return _gather(plans, chains)

    def estimate(self, outcome: tuple[Run, Tensor], key: Key) -> Estimate:
        """The lower bound that weighted chains give."""
        run, counts = outcome
        log_w, nonfinite = without_nan(run.log_w)
        diagnostics = {
            "acceptance": run.acceptance,
            "ess": effective_sample_size(log_w),
            "nonfinite": nonfinite,
            "temperatures": counts,
        }
        noise = (self.stage, key, self.num_chains)
        return Estimate.from_draws(log_mean_exp(log_w), log_mean_exp_influence(log_w), Bound.LOWER, noise, diagnostics)

    def ends(self, outcome: tuple[Run, Tensor], key: Key) -> Tensor:
        """Where the weighted chains ended, drawn again in proportion to their weights: shape (S, B, D).

        These are posterior draws as far as AIS has converged, so reverse AIS from them gives an *approximate* upper
        bound: on real data there is no exact draw to start from, and a mode that the forward chains missed is missing
        here too.
        """
        run, _ = outcome
        log_w, _ = without_nan(run.log_w)
        weights = torch.softmax(log_w, 0).nan_to_num(1.0 / len(log_w)).cumsum(0).mT.contiguous()
        start = key.streams(f"{self.stage}/ends", weights.dtype, weights.device).uniform(1)
        comb = (torch.arange(len(log_w), device=log_w.device).unsqueeze(1) + start) / len(log_w)
        chosen = torch.searchsorted(weights, comb.mT.contiguous()).clamp(max=len(log_w) - 1).mT
        return run.z.gather(0, chosen.unsqueeze(-1).expand_as(run.z))

    def estimate_above(self, outcome: tuple[Run, Tensor], key: Key) -> Estimate:
        """The upper bound that reverse AIS gives."""
        run, counts = outcome
        # An undefined weight counts as an inverse of zero: that can only raise the bound.
        inverse, nonfinite = without_nan(-run.log_w)
        return Estimate.from_draws(
            -log_mean_exp(inverse),
            -log_mean_exp_influence(inverse),
            Bound.UPPER,
            (f"{self.stage}/backward", key, len(inverse)),
            {"acceptance": run.acceptance, "nonfinite": nonfinite, "temperatures": counts},
        )

    def plans(self, target: Target, proposal: Proposal, key: Key) -> list[Plan]:
        """Pilot runs, and the frozen runs that follow from them, for parts of the batch.

        Raises:
            InputError: a precision that the device does not support.
        """
        gradient_dtype(self.precision, target.dtype, target.device)  # refuses what the device lacks, before any work
        path = GeometricPath(target, proposal, proposal.whitening(), self.precision)
        everyone = torch.arange(target.num_datapoints, device=target.device)
        if self.schedule != "adaptive":
            betas = temperatures(self.schedule, self.num_temperatures).to(target.device)
            return [Plan(everyone, self._fixed(path, betas.unsqueeze(1).expand(-1, len(everyone)), key), key)]
        z, noise = self._pilot_chains(path, key, max(8, self.pilot_chains))
        curve = learn_curve(path, z, noise, self._tuning(target))
        wanted = curve.temperatures_for(self.conditional_ess, self.num_temperatures)
        # Datapoints that need about as many temperatures run together, so that none waits for the hardest one.
        groups = _rounded_up(wanted).clamp(max=self.num_temperatures)
        if not can_be_cut(proposal):
            groups = groups.max().expand_as(groups)
        plans = []
        for count in groups.unique().tolist():
            rows = everyone[groups == count]
            betas, steps = curve.schedule(count)
            part = path
            if len(rows) < len(everyone):
                chosen = proposal.select(rows)
                part = replace(path, target=target.select(rows), proposal=chosen, transport=chosen.whitening())
            run = self._run(part, betas[:, rows], steps[:, rows].to(target.dtype))
            plans.append(Plan(rows, run, key.select(rows)))
        return plans

    def _fixed(self, path: GeometricPath, betas: Tensor, key: Key) -> Annealing:
        first = self._first_step(path.target)
        if self.pilot_chains < 1 or len(betas) < 3:
            like = path.target.x
            steps = torch.full((max(len(betas) - 2, 0), betas.shape[1]), first, dtype=like.dtype, device=like.device)
        else:
            z, noise = self._pilot_chains(path, key, self.pilot_chains)
            steps = learn_steps(path, betas, z, noise, self._tuning(path.target))
        return self._run(path, betas, steps)

    def _run(self, path: GeometricPath, betas: Tensor, steps: Tensor) -> Annealing:
        return Annealing(path, betas, steps, self.num_leapfrogs, self.jitter, self.refresh)

    def _pilot_chains(self, path: GeometricPath, key: Key, count: int) -> tuple[Tensor, MoveNoise]:
        streams = key.streams(f"{self.stage}/pilot", path.target.dtype, path.target.device)
        z, _ = path.proposal.draw(streams, count)
        return z, MoveNoise.of(key, f"{self.stage}/pilot/moves", z)

    def _tuning(self, target: Target) -> Tuning:
        return Tuning(self.num_leapfrogs, self.jitter, self._first_step(target), self.acceptance)

    def _first_step(self, target: Target) -> float:
        return self.step or 1.6 * target.dim**-0.25


def _gather(plans: Sequence[Plan], chains: Callable[[Plan], Run]) -> tuple[Run, Tensor]:
    """Run chains for every plan and put the outcomes in the batch's order; also the numbers of temperatures."""
    runs = [chains(plan) for plan in plans]
    order = torch.cat([plan.rows for plan in plans]).argsort()
    counts = torch.cat([torch.full_like(plan.rows, len(plan.run.betas) - 1) for plan in plans])
    run = Run(
        torch.cat([run.log_w for run in runs], 1)[:, order],
        torch.cat([run.acceptance for run in runs])[order],
        torch.cat([run.z for run in runs], 1)[:, order],
    )
    return run, counts[order]


def _rounded_up(counts: Tensor) -> Tensor:
    """Whole numbers to the next of 1, 2, 3, 4, 6, 8, 12, 16, 24, ...: few different ones, none much larger."""
    power = 2.0 ** counts.double().log2().floor()
    middle = 1.5 * power
    return torch.where(counts <= power, power, torch.where(counts <= middle, middle.ceil(), 2.0 * power)).long()
