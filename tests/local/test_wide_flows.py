"""Fits of flows over many latents: more steps must not end lower, and certificates must know what is left."""

import pytest
import torch
from torch.distributions import Independent, Normal

from gapkit.core.randomness import Key
from gapkit.estimators import Elbo
from gapkit.families import AuxiliaryFlow, CouplingFlow, DiagonalGaussian
from gapkit.families.auxiliary import flat_reverse
from gapkit.families.coupling import identity_weights
from gapkit.ladder.arithmetic import gap
from gapkit.local import FitSettings, fit_batch
from gapkit.target import Target

DIM, ROWS, HIDDEN, LAYERS = 40, 3, 32, 4
JUDGE = Elbo(num_samples=4000, antithetic=True, stage="judge")


class Linear:
    """Forty latents, all seen by each of forty pixels: a posterior that no factorised Gaussian comes near."""

    def __init__(self, seed):
        self.weight = 1.5 * torch.randn(DIM, DIM, generator=torch.Generator().manual_seed(seed)) / DIM**0.5

    def encode(self, x):
        return Independent(Normal(torch.zeros(len(x), DIM), torch.ones(len(x), DIM)), 1)

    def decode(self, z):
        return Independent(Normal(z @ self.weight, 0.5), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(DIM), 1.0), 1)


def factorised(kind):
    """A flow that does nothing yet, around a factorised Gaussian, as encoders of this family have it."""
    inner = DiagonalGaussian(torch.zeros(ROWS, DIM), torch.ones(ROWS, DIM))
    if kind == "flow":
        return CouplingFlow(inner, identity_weights(ROWS, DIM, LAYERS, HIDDEN))
    both = DiagonalGaussian(torch.zeros(ROWS, 2 * DIM), torch.ones(ROWS, 2 * DIM))
    joint = CouplingFlow(both, identity_weights(ROWS, 2 * DIM, LAYERS, HIDDEN))
    return AuxiliaryFlow(joint, flat_reverse(inner, HIDDEN))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["flow", "auxiliary"])
@pytest.mark.parametrize("seed", range(2))
def test_a_longer_fit_of_a_wide_flow_is_higher_and_a_shorter_one_says_so(kind, seed):
    model = Linear(seed)
    x = model.decode(model.prior().sample((ROWS,))).sample()
    target, key = Target(model, x), Key(seed, tuple(range(ROWS)))
    found = {}
    for steps in (300, 900, 2700):
        settings = FitSettings(gradient_steps=steps, more_rounds=0)
        fits = fit_batch(target, factorised(kind), None, key, settings, families=(kind,))
        found[steps] = fits.found[kind]
    levels = {steps: JUDGE.on(target, fit.q, key) for steps, fit in found.items()}
    for shorter, longer in ((300, 900), (900, 2700)):
        gained = gap(levels[longer], levels[shorter])
        claimed = found[shorter].certificate
        assert bool((gained.value > -3.0 * gained.std_error).all())
        # What is claimed to be left is more than what three times the steps bring.
        error = (gained.std_error**2 + claimed.std_error**2).sqrt()
        assert bool((gained.value < claimed.gap + 3.0 * error).all())
