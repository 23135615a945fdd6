"""L[q] after k local steps that begin at the encoder's q: what a few steps at test time would give.

    q_0 = the encoder's q,     q_t+1 = one natural-gradient step from q_t,     L[q_k] for k = 0, 1, 2, 5, ...

A step is one step of the polish (path gradients, natural coordinates, sizes min(1/2, 8 / (t + 8)), and none longer than
one standard deviation of q; see :mod:`gapkit.local.natural`), in the encoder's own family and from q alone: the mean of
a factorised Gaussian is preconditioned by its own variances, as they are at that step.

The iterate after k steps is q_k itself. The polish returns the average over a stretch of steps, which would make L
after 10 steps depend on whether 5 were asked for as well; here every step is a stretch of its own, and the average over
one iterate is that iterate. L[q_k] is not kept above L[q]: where a step loses, the curve says so. Mean-field steps
oscillate at first where the posterior's latents are correlated so strongly that half a step is too long.

The source trains the encoder through such steps; here they are applied to an encoder that was trained without them.
Source: Kim, Wiseman, Miller, Sontag & Rush, "Semi-Amortized Variational Autoencoders" (2018),
https://arxiv.org/abs/1802.02550, section 3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.estimators.elbo import Elbo
from gapkit.estimators.protocol import Estimate
from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.families.protocol import Posterior
from gapkit.ladder.arithmetic import Difference, gap
from gapkit.local.natural import polish_diagonal, polish_full_rank
from gapkit.models.freeze import frozen
from gapkit.target import Target, family_name

__all__ = ["NUM_SAMPLES", "STEPS", "SemiAmortized", "check_steps", "semi_amortized", "steps_refusal"]

STEPS = (0, 1, 2, 5, 10, 20, 50, 100)
NUM_SAMPLES = 16
_FAMILIES = ("mean_field", "full_rank")


@dataclass(frozen=True)
class SemiAmortized:
    """L[q] along the local steps of a batch.

    Attributes:
        steps: numbers of local steps k, ascending, the first one 0.
        elbo: L[q_k] for each of them, values of shape (B,) in nats, all on the same noise; the first is L[q].
        q: the last iterate.
    """

    steps: tuple[int, ...]
    elbo: tuple[Estimate, ...]
    q: DiagonalGaussian | FullRankGaussian

    def gains(self) -> tuple[Difference, ...]:
        """L[q_k] - L[q] for every k, with paired errors; zero without error for k = 0."""
        return tuple(gap(after, self.elbo[0]) for after in self.elbo)

    def left(self, star: Estimate) -> tuple[Difference, ...]:
        """L[q*] - L[q_k] for every k, paired where q* was judged on the same noise."""
        return tuple(gap(star, after) for after in self.elbo)


def semi_amortized(
    target: Target,
    q: Posterior,
    key: Key,
    *,
    steps: Sequence[int] = STEPS,
    num_samples: int = NUM_SAMPLES,
    judge: Elbo | None = None,
    encoder: Estimate | None = None,
) -> SemiAmortized:
    """Take local steps from the encoder's q, and evaluate L[q] after some of them.

    Args:
        target: the batch, B datapoints.
        q: the encoder's posteriors, factorised or full-rank Gaussians.
        key: seed and datapoint indices. Step t has the same noise whatever ``steps`` holds.
        steps: after how many steps to evaluate, ascending, the first one 0.
        num_samples: latent draws of a step, even (antithetic pairs).
        judge: the ELBO estimator, whose noise is the same for all of them.
        encoder: L[q] by that judge, where it is known already; it then is the first point of the curve.

    Raises:
        InputError: a family without such steps, or numbers of steps or samples that make no curve.

    Example:
        >>> from gapkit.models.reference import build
        >>> from gapkit.target import recognise
        >>> model, x = build("mlp_vae", x_shape=(4,), latent=2, hidden=(8,)), torch.ones(3, 4)
        >>> curve = semi_amortized(Target(model, x), recognise(model.encode(x)), Key(0, (0, 1, 2)), steps=(0, 10))
        >>> bool((curve.gains()[1].value > 0).all())
        True
    """
    steps, judge = check_steps(steps), judge or Elbo(antithetic=True)
    refusal = steps_refusal(family_name(q))
    if refusal or not isinstance(q, DiagonalGaussian | FullRankGaussian):
        raise InputError("local steps from the encoder's q", refusal, "leave the curve out: semi_amortized=0")
    if num_samples < 2 or num_samples % 2:
        raise InputError(f"local steps of {num_samples} samples", "they come in pairs", "use an even number")
    streams = key.streams("semi_amortized", target.dtype, target.device)

    def noise(count: int) -> Tensor:
        return streams.normal(count, target.dim)

    with torch.no_grad(), frozen(target.model):
        found = [encoder or judge.on(target, q, key)]
        for before, after in pairwise(steps):
            for number in range(before, after):
                q = _step(target, q, noise, number, num_samples)
            found.append(judge.on(target, q, key))
    return SemiAmortized(steps, tuple(found), q)


def _step(
    target: Target,
    q: DiagonalGaussian | FullRankGaussian,
    noise: Callable[[int], Tensor],
    number: int,
    num_samples: int,
) -> DiagonalGaussian | FullRankGaussian:
    """The step after ``number`` others: a stretch of one step, whose average is its only iterate."""
    stretch = range(number, number + 1)
    if isinstance(q, DiagonalGaussian):
        return polish_diagonal(target, q, noise, stretch, num_samples)
    return polish_full_rank(target, q, noise, stretch, num_samples)


def steps_refusal(family: str) -> str:
    """Why an encoder of this family has no such curve; empty where it has one."""
    if family in _FAMILIES:
        return ""
    known = " and ".join(name.replace("_", "-") for name in _FAMILIES)
    return f"the encoder's family is {family!r}, and natural-gradient steps are known for {known} Gaussians only"


def check_steps(steps: Sequence[int]) -> tuple[int, ...]:
    """The numbers of steps as a tuple.

    Raises:
        InputError: they do not start at 0, or do not ascend, or there is only one.
    """
    found = tuple(steps)
    if len(found) < 2 or found[0] != 0 or any(one >= other for one, other in pairwise(found)):
        raise InputError(
            f"a curve after {found} local steps", "it begins at the encoder, k = 0, and ascends", "use (0, 1, 10)"
        )
    return found
