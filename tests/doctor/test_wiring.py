"""Models that are wired a little differently: refused or warned about before any work, with a remedy that works."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Independent, Normal, Poisson, Uniform
from torch.nn import functional

import gapkit
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.doctor import CHECKS, examine, prepare
from gapkit.models.freeze import frozen
from tests.doctor.vae import LATENT, PIXELS, Brittle, Distributions, Vae, digits, trained


def looked_at(model, x, **options):
    with frozen(model):
        return {finding.check: finding for finding in examine(model, prepare(model, x), **options).findings}


def pair(cls, kind="binary", likelihood="bernoulli", **options):
    model = trained(cls, kind)
    return gapkit.from_pair(model.encode, model.decode, likelihood, latent_shape=(LATENT,), **options)


def refused(model, x, check, *words):
    """The check refuses before any work, says its name, and lets those go on who give it."""
    with pytest.raises(InputError) as error:
        looked_at(model, x)
    for word in (f"--allow {check}", *words):
        assert word in str(error.value)
    assert looked_at(model, x, allow=CHECKS)[check].level == "allowed"


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
    assert result.summary_values["findings"] == result.run["preflight"]["findings"]


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


class Planar(torch.distributions.Transform):
    """A flow without an analytic inverse: z = u + w tanh(u . v)."""

    domain = codomain = torch.distributions.constraints.real_vector
    bijective = True

    def _call(self, x):
        return x + 0.1 * torch.tanh(x.sum(-1, keepdim=True))

    def log_abs_det_jacobian(self, x, y):
        return torch.log1p(0.1 * LATENT * (1 - torch.tanh(x.sum(-1)) ** 2))


def test_a_flow_without_an_inverse_is_refused_before_the_fits():
    class Flow(Distributions):
        def encode(self, x):
            return torch.distributions.TransformedDistribution(super().encode(x), [Planar()])

    model, x = trained(Flow), digits("test")[:20]
    refused(model, x, "density", "no inverse")
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
