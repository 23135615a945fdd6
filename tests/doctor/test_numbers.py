"""Numbers and gradients that are missing, wrong, not finite, or change from call to call."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, Uniform
from torch.nn import functional

import gapkit
from gapkit.core.errors import InputError
from gapkit.doctor import CHECKS, examine
from gapkit.families import DiagonalGaussian, TransportDistribution
from gapkit.models.freeze import frozen
from tests.doctor.looks import looked_at, refused
from tests.doctor.vae import LATENT, PIXELS, Distributions, Vae, digits, trained


def without_gradient(self, z):
    with torch.no_grad():
        return self.logits(z)


def by_inference(self, z):
    with torch.inference_mode():
        return self.logits(z).clone()


def through_numpy(self, z):
    return self.logits(torch.from_numpy(z.detach().numpy().copy()))


def numpy_of_a_leaf(self, z):
    return self.logits(torch.from_numpy(z.numpy().copy()))


def rounded(self, z):
    return self.logits(z).round()


def rounded_latents(self, z):
    return self.logits((4.0 * z).round() / 4.0)


def detached_in_part(self, z):
    return self.fc4(torch.relu(self.fc3(z.detach()))) + 0.01 * z.sum(1, keepdim=True)


def straight_through(self, z):
    hard = (z > 0).to(z)
    return self.logits(z + (hard - z).detach())


def data_attribute(self, z):
    return self.logits(z.data)


@pytest.mark.parametrize(
    "decode",
    [
        without_gradient,
        by_inference,
        through_numpy,
        numpy_of_a_leaf,
        rounded,
        rounded_latents,
        detached_in_part,
        straight_through,
        data_attribute,
    ],
)
def test_gradients_that_are_missing_or_wrong(decode):
    model = trained()
    model.decode = decode.__get__(model)
    model = gapkit.from_pair(model.encode, model.decode, latent_shape=(LATENT,))
    refused(model, digits("test"), "gradient", "torch.no_grad()")


def test_a_decoder_that_ignores_z_has_a_gradient_of_zero_and_is_sound():
    class Constant(Distributions):
        def decode(self, z):
            return Independent(Bernoulli(logits=self.fc4.bias.expand(len(z), -1)), 1)

    assert "gradient" not in looked_at(trained(Constant), digits("test"))


@pytest.mark.parametrize("where", ["encode", "decode", "sample", "noise", "prior"])
def test_numbers_that_change_from_call_to_call(where):
    class Random(Distributions):
        def encode(self, x):
            h = torch.relu(self.fc1(x))
            if where == "encode":
                h = functional.dropout(h, 0.3)
            mean, scale = self.mu(h), (0.5 * self.lv(h)).exp()
            if where == "sample":
                mean = Normal(mean, scale).sample()
            return Independent(Normal(mean, scale), 1)

        def decode(self, z):
            logits = self.logits(z)
            if where == "decode":
                logits = self.fc4(functional.dropout(torch.relu(self.fc3(z)), 0.1))
            if where == "noise":
                logits = logits + 0.05 * torch.randn_like(logits)
            return Independent(Bernoulli(logits=logits), 1)

        def prior(self):
            shift = 0.1 * torch.randn(()) if where == "prior" else 0.0
            return Independent(Normal(torch.zeros(LATENT) + shift, torch.ones(LATENT)), 1)

    model, x = trained(Random), digits("test")
    refused(model, x, "random", "functional dropout")
    before = torch.random.get_rng_state()
    with frozen(model):
        examine(model, x, allow=CHECKS)
    assert torch.equal(before, torch.random.get_rng_state())


def test_layers_that_count_calls_are_noticed():
    class Counter(Distributions):
        calls = 0

        def decode(self, z):
            self.calls += 1
            return Independent(Bernoulli(logits=self.logits(z) + 0.01 * self.calls), 1)

    refused(trained(Counter), digits("test"), "random")


@pytest.mark.parametrize("where", ["layer", "encode", "decode"])
def test_datapoints_that_depend_on_their_neighbours(where):
    class Coupled(Distributions):
        def encode(self, x):
            return super().encode(x - x.mean(0) if where == "encode" else x)

        def decode(self, z):
            logits = self.logits(z)
            if where == "layer":
                logits = functional.batch_norm(logits, None, None, training=True)
            if where == "decode":
                logits = logits - logits.mean()
            return Independent(Bernoulli(logits=logits), 1)

    refused(trained(Coupled), digits("test"), "neighbours")


def test_the_layer_with_batch_statistics_is_named():
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = trained(Distributions)
            self.bn = nn.BatchNorm1d(PIXELS, track_running_stats=False)

        def encode(self, x):
            return self.net.encode(x)

        def decode(self, z):
            return Independent(Bernoulli(logits=self.bn(self.net.logits(z))), 1)

        def prior(self):
            return self.net.prior()

    refused(Layer(), digits("test"), "neighbours", "bn (BatchNorm1d without running statistics)")


def test_an_encoder_that_writes_into_its_input_gets_copies():
    class InPlace(Distributions):
        def encode(self, x):
            x.sub_(0.5).mul_(2.0)
            return super().encode(x.div_(2.0).add_(0.5).mul_(3.0) / 3.0)

    x = digits("test")[:30]
    kept = x.clone()
    found = gapkit.analyze(trained(InPlace), x, effort="quick")
    right = gapkit.analyze(trained(Distributions), x, effort="quick")
    assert torch.equal(x, kept)
    np.testing.assert_allclose(found.to_frame()["elbo"], right.to_frame()["elbo"], rtol=1e-4)
    assert [finding["level"] for finding in found.run["preflight"]["findings"]] == ["note"]


def test_a_decoder_that_writes_into_its_input_is_refused():
    class InPlace(Distributions):
        def decode(self, z):
            return super().decode(z.mul_(1.5))

    refused(trained(InPlace), digits("test"), "input_changed", "z.clone()")


def test_encodings_that_are_not_numbers():
    class Broken(Distributions):
        def encode(self, x):
            q = super().encode(x).base_dist
            bad = torch.arange(len(x)) < self.bad
            return Independent(Normal(torch.where(bad[:, None], torch.nan, q.loc), q.scale), 1)

    model, x = trained(Broken), digits("test")[:20]
    model.bad = 3
    found = looked_at(model, x, allow=["neighbours"])
    assert "fails on 3 of 20" in found["encoder"].found
    model.bad = 20
    refused(model, x, "encoder", "fails on 20 of 20")


def test_scales_that_are_negative():
    class Negative(Distributions):
        def encode(self, x):
            mean, logvar = Vae.encode(self, x)
            return Independent(Normal(mean, logvar, validate_args=False), 1)

    refused(trained(Negative), digits("test"), "encoder", "zero or negative", "log-variance")


@dataclass(frozen=True)
class NoDensity(DiagonalGaussian):
    """A posterior of one's own whose density was left for later."""

    def log_prob(self, z):
        raise NotImplementedError


def test_a_posterior_whose_density_is_not_written_is_refused_before_the_fits():
    class Later(Distributions):
        def encode(self, x):
            q = super().encode(x)
            return TransportDistribution(NoDensity(q.mean, q.stddev))

    model, x = trained(Later), digits("test")[:20]
    refused(model, x, "density", "log_prob")
    with pytest.raises(InputError, match="--allow density"):
        gapkit.analyze(model, x, effort="quick", family="mean_field")


def test_a_posterior_outside_the_priors_support():
    class Box(Distributions):
        def prior(self):
            return Independent(Uniform(torch.zeros(LATENT), torch.ones(LATENT), validate_args=False), 1)

    refused(trained(Box), digits("test"), "support", "minus infinity")


def test_a_likelihood_without_finite_values():
    class Impossible(Distributions):
        def decode(self, z):
            return Independent(Bernoulli(logits=torch.full((len(z), PIXELS), -torch.inf)), 1)

    refused(trained(Impossible), digits("test"), "finite", "probabilities of exactly 0 or 1")
