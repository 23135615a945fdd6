"""Models that are wired a little differently: refused or warned about before any work, with a remedy that works."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Independent, Normal, Poisson
from torch.nn import functional

import gapkit
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.doctor import CHECKS
from tests.doctor.looks import looked_at, pair, refused
from tests.doctor.vae import LATENT, Brittle, Distributions, Vae, digits, trained


def test_a_sound_model_gives_no_findings():
    for model in (pair(Vae), trained(Distributions)):
        assert looked_at(model, digits("test")) == {}


class Probabilities(Vae):
    def decode(self, z):
        return torch.sigmoid(self.logits(z))


def test_probabilities_that_are_read_as_logits():
    refused(pair(Probabilities), digits("test"), "outputs", "bernoulli:probs", "sigmoid")
    assert looked_at(pair(Probabilities, likelihood="bernoulli:probs"), digits("test")) == {}
    told = looked_at(pair(Probabilities, likelihood="bernoulli:logits"), digits("test"))
    assert "outputs" not in told


def test_the_remedy_for_probabilities_gives_the_numbers_of_logits():
    x = digits("test")[:40]
    right = gapkit.analyze(pair(Vae), x, effort="quick").to_frame()
    found = gapkit.analyze(pair(Probabilities, likelihood="bernoulli:probs"), x, effort="quick").to_frame()
    for name in ("elbo", "log_px"):
        error = np.hypot(right[f"{name}_se"], found[f"{name}_se"])
        assert (np.abs(right[name] - found[name]) < 4 * error + 1e-3).all()


class ProbabilitiesAsLogits(Distributions):
    def decode(self, z):
        return Independent(Bernoulli(logits=torch.sigmoid(self.logits(z))), 1)


def test_probabilities_as_logits_of_a_users_own_distribution():
    refused(trained(ProbabilitiesAsLogits), digits("test"), "outputs", "Bernoulli(probs=...)")


class Deviation(Vae):
    def encode(self, x):
        mean, logvar = super().encode(x)
        return mean, (0.5 * logvar).exp()


class LogDeviation(Vae):
    def encode(self, x):
        mean, logvar = super().encode(x)
        return mean, 0.5 * logvar


class Variance(Vae):
    def encode(self, x):
        mean, logvar = super().encode(x)
        return mean, logvar.exp()


@pytest.mark.parametrize(
    ("cls", "read", "right"),
    [
        (Deviation, "mean_logvar", "mean_std"),
        (Variance, "mean_logvar", "mean_var"),
    ],
)
def test_scales_that_are_read_as_something_else(cls, read, right):
    found = looked_at(pair(cls, encoder_output=read), digits("test"))
    assert found["scale"].level == "warning"
    assert f"--encoder-output {right}" in found["scale"].do
    assert looked_at(pair(cls, encoder_output=right), digits("test")) == {}


def test_the_warning_comes_before_the_work_and_stays_in_the_run():
    with pytest.warns(GapkitWarning, match="--encoder-output mean_std"):
        result = gapkit.analyze(pair(Deviation), digits("test")[:20], effort="quick")
    assert [finding["check"] for finding in result.run["preflight"]["findings"]] == ["scale"]
    assert [each.to_dict() for each in result.summary_values.findings] == result.run["preflight"]["findings"]


class Tanh(Vae):
    def decode(self, z):
        return torch.tanh(self.logits(z))


def test_data_on_another_scale_than_in_training():
    model = pair(Tanh, "signed", "gaussian:sigma=0.3")
    x = digits("test", grey=True)
    found = looked_at(model, x)
    assert found["range"].level == "warning"
    assert "--scale=-1,1" in found["range"].do
    assert looked_at(model, 2 * x - 1) == {}


def test_data_of_0_to_255_for_a_model_of_0_to_1():
    model = pair(Tanh, "signed", "gaussian:sigma=0.3")
    assert "--scale=-1,1" in looked_at(model, 255 * digits("test", grey=True))["range"].do


def test_a_scale_of_the_likelihood_that_is_far_from_the_residuals():
    model = pair(Tanh, "signed", "gaussian:sigma=0.01")
    assert "residuals" in looked_at(model, 2 * digits("test", grey=True) - 1)["sigma"].found


class Counts(nn.Module):
    """Poisson counts of six genes from two latents."""

    def __init__(self, level=1.0):
        super().__init__()
        torch.manual_seed(1)
        self.net, self.level = nn.Linear(2, 6), level

    def encode(self, x):
        loc = torch.zeros(len(x), 2, dtype=x.dtype)
        return Independent(Normal(loc, torch.ones_like(loc)), 1)

    def log_rate(self, z):
        return 0.3 * self.net(z) + np.log(self.level)

    def decode(self, z):
        return Independent(Poisson(self.log_rate(z).exp()), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

    def draw(self, count):
        with torch.no_grad():
            z = torch.randn(count, 2).to(self.net.weight)
            return torch.poisson(self.log_rate(z).exp(), generator=torch.Generator().manual_seed(2))


def test_counts_whose_log_likelihood_has_no_digits_left():
    few, many = Counts(10.0), Counts(1e7)
    assert looked_at(few, few.draw(40)) == {}
    found = looked_at(many, many.draw(40))["resolution"]
    assert found.level == "warning"
    assert "float64" in found.do
    assert "resolution" not in looked_at(many.double(), many.draw(40).double())


def test_rates_that_are_read_as_log_rates():
    class Rates(Counts):
        def decode(self, z):
            return Independent(Poisson(self.log_rate(z).exp().exp().clamp(max=1e6)), 1)

    model = Rates(5.0)
    assert "Poisson(rate)" in looked_at(model, model.draw(40))["outputs"].do


def test_a_softmax_that_is_read_as_logits():
    class Classes(Distributions):
        def decode(self, z):
            logits = self.logits(z).reshape(-1, 16, 4)
            return Independent(Categorical(logits=torch.softmax(logits, -1)), 1)

    model = trained(Classes)
    with torch.no_grad():
        probs = torch.softmax(model.logits(torch.randn(60, LATENT)).reshape(-1, 16, 4), -1)
        x = Categorical(probs=probs).sample()

    class FromClasses(Classes):
        def encode(self, x):
            return super().encode(functional.one_hot(x.long(), 4).reshape(len(x), -1).float())

    refused(trained(FromClasses), x.float(), "outputs", "Categorical(probs=...)")


def test_a_decoder_that_returns_deviations_for_log_variances():
    class Pixel(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(3)
            self.net = nn.Linear(2, 8)

        def encode(self, x):
            mean = (x - self.net.bias) @ torch.linalg.pinv(self.net.weight).T
            return mean, torch.full_like(mean, -3.0)

        def decode(self, z):
            mean = self.net(z)
            return mean, 0.1 + 0.1 * torch.sigmoid(mean)

    net = Pixel()
    with torch.no_grad():
        mean, deviation = net.decode(torch.randn(50, 2))
        x = mean + deviation * torch.randn_like(mean)
    model = gapkit.from_pair(net.encode, net.decode, "gaussian:scale=pixel", latent_shape=(2,))
    warned = looked_at(model, x)["outputs"]
    assert "standard deviation" in warned.found
    assert "gaussian:scale=pixel,std" in warned.do
    assert looked_at(gapkit.from_pair(net.encode, net.decode, "gaussian:scale=pixel,std", latent_shape=(2,)), x) == {}


def test_a_model_that_is_worse_than_coin_flips():
    class Bad(Distributions):
        def decode(self, z):
            return Independent(Bernoulli(logits=-self.logits(z)), 1)

    assert "fair coins" in looked_at(trained(Bad), digits("test"))["chance"].found


def test_an_encoder_that_was_trained_on_grey_pixels():
    # A public convolutional one loses 86 nats on binary samples; small ones hardly any, so this one is made to.
    model, grey, binary = pair(Brittle, "grey"), digits("test", grey=True), digits("test")
    warned = looked_at(model, binary, other_inputs=grey)["encoder_input"]
    assert warned.level == "warning"
    assert "--encode-from original" in warned.do
    assert "encoder_input" not in looked_at(model, binary, inputs=grey, other_inputs=binary)
    sound = pair(Vae)
    assert "encoder_input" not in looked_at(sound, binary, other_inputs=grey)


def test_what_the_encoder_is_given_changes_q_and_not_the_target():
    model, grey, binary = pair(Brittle, "grey"), digits("test", grey=True)[:30], digits("test")[:30]
    right = gapkit.analyze(model, binary, encoder_x=grey, effort="quick", allow=CHECKS).to_frame()
    wrong = gapkit.analyze(model, binary, effort="quick", allow=CHECKS).to_frame()
    error = np.hypot(right["log_px_se"], wrong["log_px_se"])
    assert (np.abs(right["log_px"] - wrong["log_px"]) < 4 * error + 0.02).all()
    assert right["elbo"].mean() > wrong["elbo"].mean() + 1.0
    with pytest.raises(InputError, match="the same datapoints, in order"):
        gapkit.analyze(model, binary, encoder_x=grey[:5])
    with pytest.raises(InputError, match="encoder_x for train and data for test"):
        gapkit.analyze(model, {"test": binary}, encoder_x={"train": grey})


def test_the_warning_of_an_encoder_that_wants_grey_pixels_comes_from_analyze_too():
    model, grey, binary = pair(Brittle, "grey"), digits("test", grey=True)[:30], digits("test")[:30]
    with pytest.warns(GapkitWarning, match="--encode-from original"):
        gapkit.analyze(model, binary, original_x=grey, effort="quick")


@pytest.mark.parametrize("name", ["everything", "gradients"])
def test_unknown_names_of_checks_are_refused(name):
    with pytest.raises(InputError, match="no such check"):
        gapkit.analyze(pair(Vae), digits("test")[:5], allow=[name])
    assert name not in CHECKS
