"""Every likelihood goes through the whole analysis, on data drawn from the model itself."""

import numpy as np
import pytest
import torch

import gapkit
from gapkit.engine import spec_for
from gapkit.estimators import Ais
from gapkit.local.curvature import available, gauss_newton
from gapkit.models.likelihoods import LIKELIHOODS
from gapkit.models.reference import build
from gapkit.target import PriorProposal, Target
from tests.fast import only

SPECS = {
    "bernoulli": "bernoulli",
    "continuous_bernoulli": "continuous_bernoulli",
    "cross_entropy": "cross_entropy",
    "gaussian": "gaussian:sigma=0.5",
    "gaussian global": "gaussian:scale=global",
    "gaussian pixel": "gaussian:scale=pixel",
    "categorical": "categorical:num_classes=4",
    "poisson": "poisson",
    "negative_binomial": "negative_binomial",
    "discretized_logistic": "discretized_logistic:bins=16",
}


def test_every_likelihood_is_here():
    assert {name.split()[0] for name in SPECS} == set(LIKELIHOODS)


def drawn(model, count):
    """Latents from the prior, data from the decoder."""
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(1)
        z = model.prior().sample((count,))
        return model.decode(z).sample().float()


@pytest.mark.parametrize("name", only(SPECS, "bernoulli"))
def test_analysis_of_a_likelihood(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build("mlp_vae", x_shape=(10,), latent=2, hidden=(16,), likelihood=SPECS[name])
    model.encode(torch.zeros(1, 10))
    x = drawn(model, 16)
    frame = gapkit.analyze(model, x, spec_for("quick", unit_size=8, details=0)).to_frame()
    assert set(",".join(frame["status"]).split(",")) <= {"ok", "fit_budget"}
    # An independent route to log p(x): AIS from the prior.
    prior = PriorProposal(model.prior(), 16)
    other = Ais(num_chains=200, num_temperatures=100, num_leapfrogs=3, stage="prior")(model, x, prior, 0)
    error = np.hypot(frame["log_px_se"].to_numpy(), other.std_error.numpy())
    assert (np.abs(frame["log_px"].to_numpy() - other.value.numpy()) / error).max() < 4
    assert (frame["elbo_star"] >= frame["elbo"]).all()
    assert (frame["total_gap"] > -4 * frame["total_gap_se"]).all()
    assert available(Target(model, x[:1])) is gauss_newton


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian:sigma=0.5"])
def test_convolutional_models(likelihood):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build("conv_vae", x_shape=(1, 8, 8), latent=4, channels=(4, 8), likelihood=likelihood)
    x = drawn(model, 6)
    frame = gapkit.analyze(model, x, spec_for("quick", unit_size=6)).to_frame()
    assert (frame["log_px"] >= frame["elbo"] - 4 * frame["total_gap_se"]).all()


class NoForwardMode(torch.autograd.Function):
    """An operation that has a second derivative but no forward mode."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.tanh()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (1 - x.tanh() ** 2)


class Odd:
    """A decoder without forward-mode derivatives, and one that is not twice differentiable either."""

    def __init__(self, twice):
        torch.manual_seed(0)
        self.weight, self.twice = torch.randn(3, 8), twice

    def encode(self, x):
        return torch.distributions.Independent(torch.distributions.Normal(x[:, :3] - 0.5, 0.8), 1)

    def decode(self, z):
        hidden = NoForwardMode.apply(z) if self.twice else Once.apply(z)
        return torch.distributions.Independent(torch.distributions.Bernoulli(logits=hidden @ self.weight), 1)

    def prior(self):
        return torch.distributions.Independent(torch.distributions.Normal(torch.zeros(3), 1.0), 1)


class Once(NoForwardMode):
    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (1 - x.tanh() ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("twice", [True, False])
def test_decoders_without_curvature_still_get_an_optimum(twice):
    x = torch.bernoulli(torch.full((8, 8), 0.5), generator=torch.Generator().manual_seed(0))
    odd = gapkit.analyze(Odd(twice), x, spec_for("standard", unit_size=8)).to_frame()

    class Smooth(Odd):
        def decode(self, z):
            logits = z.tanh() @ self.weight
            return torch.distributions.Independent(torch.distributions.Bernoulli(logits=logits), 1)

    smooth = gapkit.analyze(Smooth(True), x, spec_for("standard", unit_size=8)).to_frame()
    for name in ("elbo_star", "log_px"):
        limit = 4 * np.hypot(odd[f"{name}_se"], smooth[f"{name}_se"]) + 0.02
        assert ((odd[name] - smooth[name]).abs() < limit).all(), name


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::gapkit.core.errors.GapkitWarning")  # of an encoder that was never trained
def test_many_latents_need_no_full_matrices():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build("mlp_vae", x_shape=(20,), latent=520, hidden=(16,))
    x = torch.bernoulli(torch.full((4, 20), 0.5), generator=torch.Generator().manual_seed(0))
    frame = gapkit.analyze(model, x, spec_for("quick", unit_size=4)).to_frame()
    assert "elbo_star_full_rank" not in frame
    assert (frame["elbo_star"] > frame["elbo"]).all()
    assert frame["log_px"].notna().all()
