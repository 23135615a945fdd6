"""Another encoder on a decoder that stays: against exact optima, for all kinds of models, with nothing else moved."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.models import PosteriorEncoder, VampPrior, build, from_pair, load_model, save_model
from gapkit.target.simulate import simulate
from gapkit.training import RefitConfig, refit
from tests.yardsticks import ppca

TRUTH = ppca()


class Affine(nn.Module):
    """The linear-Gaussian yardstick with an affine encoder: its best mean-field L[q] is within reach, and known."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Linear(10, 3, dtype=torch.float64)
        self.log_scale = nn.Parameter(torch.zeros(3, dtype=torch.float64))
        self.weight = nn.Parameter(TRUTH.weight.clone())

    def encode(self, x):
        mean = self.mean(x)
        return Independent(Normal(mean, self.log_scale.exp().expand_as(mean)), 1)

    def decode(self, z):
        return Independent(Normal(z @ self.weight.T, math.sqrt(TRUTH.noise_variance)), 1)

    def prior(self):
        return TRUTH.prior()


def losses_of(model, x):
    """log p(x) - L[q] of every x, exactly: the divergence of the encoder's q from the true posterior."""
    with torch.no_grad():
        q = model.encode(x)
        diagonal = MultivariateNormal(q.mean, q.stddev.square().diag_embed())
        posterior = MultivariateNormal(TRUTH.posterior_mean(x), TRUTH.covariance.expand(len(x), -1, -1))
        return kl_divergence(diagonal, posterior)


def loss_of(model, x):
    return losses_of(model, x).mean().item()


@pytest.fixture
def spoiled():
    """The best mean-field encoder there is, with noise on its weights."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = Affine()
        model.mean.weight.copy_(TRUTH.posterior_mean(torch.eye(10, dtype=torch.float64)).T)
        model.mean.bias.zero_()
        model.log_scale.copy_(-0.5 * TRUTH.precision.diagonal().log())
        assert loss_of(model, TRUTH.sample(50, 9)) == pytest.approx(TRUTH.approximation_gap(), abs=1e-12)
        for parameter in (model.mean.weight, model.mean.bias, model.log_scale):
            parameter += 0.3 * torch.randn_like(parameter)
    return model.eval()


QUICK = {"epochs": 30, "learning_rate": 0.02, "num_samples": 4}


@pytest.mark.parametrize("on", ["data", "samples", "mixture"])
def test_a_spoiled_encoder_comes_back_to_the_exact_optimum(spoiled, on):
    unseen = TRUTH.sample(1000, 2)
    assert loss_of(spoiled, unseen) > TRUTH.approximation_gap() + 1
    result = refit(spoiled, TRUTH.sample(2000, 1), RefitConfig(on=on, **QUICK))
    assert loss_of(result.model, unseen) == pytest.approx(TRUTH.approximation_gap(), abs=0.005)
    assert loss_of(spoiled, unseen) > TRUTH.approximation_gap() + 1  # the given model is as it was
    assert result.trained == 33 + 3
    assert [entry["epoch"] for entry in result.history] == list(range(1, 31))
    assert result.history[-1]["loss"] < result.history[0]["loss"]


def test_samples_need_no_data_at_all(spoiled):
    result = refit(spoiled, None, RefitConfig(on="samples", num_draws=2000, **QUICK))
    assert loss_of(result.model, TRUTH.sample(1000, 2)) == pytest.approx(TRUTH.approximation_gap(), abs=0.005)


def test_the_trained_loss_is_the_measured_bound(spoiled):
    """With a learning rate of next to nothing the loss is -L[q] of the given encoder, on data and on samples alike."""
    x = TRUTH.sample(4000, 3)
    exact = losses_of(spoiled, x) - TRUTH.log_px(x)
    other_data = 4 * (2 / len(x)) ** 0.5 * exact.std().item()
    for on, tolerance in (("data", 0.1), ("samples", other_data)):
        config = RefitConfig(on=on, epochs=1, learning_rate=1e-12, num_samples=16)
        assert refit(spoiled, x, config).history[0]["loss"] == pytest.approx(exact.mean().item(), abs=tolerance)


@pytest.mark.parametrize(("on", "share"), [("data", 30), ("mixture", 15), ("samples", 0)])
def test_what_an_epoch_is_made_of(spoiled, monkeypatch, on, share):
    """Marked data are told from draws; a mixture takes half of either in every step, and no datapoint twice."""
    x = TRUTH.sample(30, 1).round(decimals=2)
    seen = []
    monkeypatch.setattr(Affine, "encode", lambda self, x, encode=Affine.encode: seen.append(x) or encode(self, x))
    refit(spoiled, x, RefitConfig(on=on, epochs=2, batch_size=10, learning_rate=1e-12))
    steps = seen[-6:]  # before come the checks
    for epoch in (torch.cat(steps[:3]), torch.cat(steps[3:])):
        marked = epoch[(epoch == epoch.round(decimals=2)).all(1)]
        assert len(epoch) == 30
        assert len(marked) == len(marked.unique(dim=0)) == share
    assert [len(step) for step in steps] == [10] * 6
    rows = [int((step == step.round(decimals=2)).all(1).sum()) for step in steps]
    assert rows == [share // 3] * 6
    first, second = torch.cat(steps[:3]), torch.cat(steps[3:])
    assert not torch.equal(first, second)  # another order, other draws
    if on == "samples":
        assert len(torch.cat([first, second]).unique(dim=0)) == 60


@pytest.fixture(scope="module")
def reference():
    """A reference model with a linear decoder, so that its optimum is known, and an encoder of random weights."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        settings = {"x_shape": (6,), "latent": 2, "hidden": (16,), "decoder_hidden": ()}
        model = build("mlp_vae", **settings, likelihood="gaussian:sigma=0.5").eval()
        model.decoder.net[0].weight.normal_()
        model.decoder.net[0].bias.normal_()
        for parameter in model.encoder.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def excess_of(model, x):
    """Exactly: how far L[q] is below that of the best factorised Gaussian, averaged over x."""
    weight, bias = (p.detach().double() for p in model.decoder.net[0].parameters())
    precision = torch.eye(2, dtype=torch.float64) + weight.T @ weight / 0.25
    covariance = torch.linalg.inv(precision)
    with torch.no_grad():
        q = model.encode(x)
    mean = (x.double() - bias) @ weight @ covariance / 0.25
    diagonal = MultivariateNormal(q.mean.double(), q.stddev.double().square().diag_embed())
    best = 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))
    return (kl_divergence(diagonal, MultivariateNormal(mean, covariance.expand(len(x), 2, 2))).mean() - best).item()


@pytest.mark.parametrize(("start", "hidden"), [("fine_tune", [16]), ("fresh", [16]), ("larger", [48])])
def test_every_start_of_a_reference_model_beats_the_spoiled_one(reference, start, hidden, tmp_path):
    x, unseen = simulate(reference, 3000, 1)[0], simulate(reference, 1000, 2)[0]
    assert excess_of(reference, unseen) > 3
    config = RefitConfig(start=start, factor=3.0 if start == "larger" else 2.0, epochs=40, learning_rate=0.01)
    result = refit(reference, x, config)
    assert 0 < excess_of(result.model, unseen) < 0.2
    assert result.model.config["hidden"] == hidden
    assert result.model.config["decoder_hidden"] == []
    again = load_model(save_model(result.model, tmp_path / "model.pt"))
    assert excess_of(again, unseen) == pytest.approx(excess_of(result.model, unseen), abs=1e-6)


@pytest.mark.parametrize("start", ["fine_tune", "fresh", "larger"])
@pytest.mark.parametrize("on", ["data", "samples", "mixture"])
def test_the_decoder_is_the_same_bit_by_bit(start, on):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,), likelihood="gaussian:scale=global")
    before = copy.deepcopy(model.state_dict())
    result = refit(model, torch.randn(50, 6), RefitConfig(start=start, on=on, epochs=2, learning_rate=0.1))
    torch.testing.assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)
    state = result.model.state_dict()
    kept = [name for name in before if not name.startswith("encoder")]
    assert "likelihood_param" in kept
    assert all(torch.equal(before[name], state[name]) for name in kept)
    assert all(state[name].data_ptr() != model.state_dict()[name].data_ptr() for name in kept)  # a copy of its own
    moved = [name for name in before if name.startswith("encoder") and start != "larger"]
    assert all(not torch.equal(before[name], state[name]) for name in moved)
    assert all(p.requires_grad and p.grad is None for p in result.model.parameters())


def test_convolutions_are_widened_in_the_encoder_only():
    model = build("conv_vae", x_shape=(1, 8, 8), latent=2, channels=(4, 3), hidden=(5,))
    config = refit(model, torch.ones(4, 1, 8, 8), RefitConfig(start="larger", factor=1.5, epochs=1)).model.config
    assert (config["channels"], config["hidden"]) == ([6, 4], [8])
    assert (config["decoder_channels"], config["decoder_hidden"]) == ([3, 4], [5])


@pytest.mark.parametrize("posterior", ["full_rank", "flow", "auxiliary"])
def test_richer_posteriors_are_refitted_too(posterior):
    """Their flows have weights of their own, and one has no density that could be asked for."""
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,), posterior=posterior)
    before = copy.deepcopy(model.encoder.state_dict())
    result = refit(model, torch.ones(50, 6), RefitConfig(epochs=3, batch_size=10, learning_rate=0.01))
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert result.trained == sum(p.numel() for p in model.encoder.parameters())
    state = result.model.encoder.state_dict()
    trained = [name for name, _ in model.encoder.named_parameters()]
    assert all(not torch.equal(before[name], state[name]) for name in trained)


def test_the_seed_decides_everything_and_the_callers_random_state_stays(reference):
    x = simulate(reference, 200, 1)[0]
    config = {"start": "fresh", "on": "mixture", "epochs": 2}
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = refit(reference, x, RefitConfig(**config))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    second = refit(reference, x, RefitConfig(**config))
    third = refit(reference, x, RefitConfig(**config, seed=1))
    torch.testing.assert_close(first.model.state_dict(), second.model.state_dict(), rtol=0, atol=0)
    assert first.history == second.history != third.history


def test_progress_is_told_every_epoch(reference):
    reports = []
    result = refit(reference, torch.ones(20, 6), RefitConfig(epochs=3), progress=reports.append)
    assert [(r.epoch, r.epochs) for r in reports] == [(1, 3), (2, 3), (3, 3)]
    assert [r.loss for r in reports] == [entry["loss"] for entry in result.history]


class Plain:
    """No module at all; its networks lie in a dictionary, its scale is a bare tensor."""

    def __init__(self):
        self.nets = {"in": nn.Linear(6, 2), "out": nn.Linear(2, 6)}
        self.log_scale = torch.ones(2, requires_grad=True)  # wider than the prior: there is something to learn

    def encode(self, x):
        mean = self.nets["in"](x)
        return Independent(Normal(mean, self.log_scale.exp().expand_as(mean)), 1)

    def decode(self, z):
        return Independent(Bernoulli(logits=self.nets["out"](z)), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)


def test_a_model_that_is_no_module():
    model = Plain()
    before = copy.deepcopy(model)
    result = refit(model, torch.ones(40, 6), RefitConfig(epochs=5, batch_size=10, learning_rate=0.05))
    assert result.trained == 14 + 2
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert not torch.equal(result.model.log_scale, before.log_scale)
    assert torch.equal(result.model.nets["out"].weight, before.nets["out"].weight)
    assert torch.equal(model.nets["in"].weight, before.nets["in"].weight)
    assert torch.equal(model.log_scale, before.log_scale)
    with pytest.raises(InputError, match="fine_tune"):
        refit(model, torch.ones(40, 6), RefitConfig(start="fresh"))


def test_functions_hide_a_decoder_but_not_an_encoder():
    first, second = nn.Linear(6, 4), nn.Sequential(nn.Linear(2, 6), nn.Dropout())
    weights = [p.detach().clone() for p in (*first.parameters(), *second.parameters())]
    options = {"encoder_output": "chunk_logvar", "latent_shape": (2,)}
    pair = from_pair(first, lambda z: second(z), **options)
    result = refit(pair, torch.ones(20, 6), RefitConfig(epochs=2, learning_rate=0.1))
    assert result.trained == 28
    assert second.training
    assert all(p.requires_grad and p.grad is None for p in (*first.parameters(), *second.parameters()))
    hidden = from_pair(lambda x: first(x), second, **options)
    with pytest.raises(InputError, match="as attributes"):
        refit(hidden, torch.ones(20, 6), RefitConfig(epochs=2))
    now = [*first.parameters(), *second.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(now, weights, strict=True))


class Tied(Plain):
    """One matrix there and back."""

    def __init__(self, own_bias=True):
        self.matrix = nn.Parameter(torch.full((6, 2), 0.1))
        self.bias = nn.Parameter(torch.zeros(2), requires_grad=own_bias)

    def encode(self, x):
        mean = x @ self.matrix + self.bias
        return Independent(Normal(mean, torch.ones_like(mean)), 1)

    def decode(self, z):
        return Independent(Bernoulli(logits=z @ self.matrix.T), 1)


def test_shared_weights_stay_and_are_named():
    model = Tied()
    with pytest.warns(GapkitWarning, match=r"1 of the encoder's parameters \(12 numbers\)"):
        result = refit(model, torch.ones(20, 6), RefitConfig(epochs=2))
    assert (result.trained, result.left) == (2, 12)
    assert torch.equal(result.model.matrix, model.matrix)
    assert not torch.equal(result.model.bias, model.bias)
    with pytest.raises(InputError, match="no weights that"):  # nothing but the shared matrix is left
        refit(Tied(own_bias=False), torch.ones(20, 6))


def test_an_encoder_that_is_the_priors_as_well():
    encoder = nn.Linear(6, 4)
    prior = VampPrior(PosteriorEncoder(encoder, "chunk_logvar"), torch.rand(3, 6))
    model = from_pair(encoder, nn.Linear(2, 6), prior=prior, encoder_output="chunk_logvar")
    with pytest.raises(InputError, match="prior's"):
        refit(model, torch.ones(20, 6))


def test_weights_without_gradients_are_left_alone(spoiled):
    spoiled.log_scale.requires_grad_(False)
    result = refit(spoiled, TRUTH.sample(50, 1), RefitConfig(epochs=2))
    assert result.trained == 33
    assert torch.equal(result.model.log_scale, spoiled.log_scale)
    assert not result.model.log_scale.requires_grad
    spoiled.requires_grad_(False)
    with pytest.raises(InputError, match="requires_grad=True"):
        refit(spoiled, TRUTH.sample(50, 1))


def test_layers_act_as_in_evaluation_and_keep_their_statistics():
    encoder = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 4))
    decoder = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 6))
    model = from_pair(encoder, decoder, encoder_output="chunk_logvar").train()
    buffers = copy.deepcopy(dict(model.named_buffers()))
    result = refit(model, torch.ones(20, 6), RefitConfig(epochs=2))
    for one in (model, result.model):
        torch.testing.assert_close(dict(one.named_buffers()), buffers, rtol=0, atol=0)
        assert all(module.training for module in one.modules())


class Counting(nn.Linear):
    """A decoder that is not the same after a call."""

    def __init__(self):
        super().__init__(2, 6)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, z):
        self.calls += 1
        return super().forward(z)


def test_a_decoder_that_does_not_stay_as_it_is():
    model = from_pair(nn.Linear(6, 4), Counting(), encoder_output="chunk_logvar")
    with pytest.raises(InputError, match="1 tensors outside"):
        refit(model, torch.ones(20, 6), RefitConfig(epochs=1))


def test_divergence_is_explained_and_leaves_the_given_model(reference):
    before = copy.deepcopy(reference.state_dict())
    with pytest.raises(InputError, match="epoch 1") as caught:
        refit(reference, simulate(reference, 500, 1)[0], RefitConfig(epochs=2, learning_rate=1e4))
    assert "smaller learning rate (now 10000)" in caught.value.do
    torch.testing.assert_close(reference.state_dict(), before, rtol=0, atol=0)
    assert all(p.requires_grad for p in reference.parameters())


def test_binarization_of_grey_data():
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    grey = torch.rand(30, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)  # the model has float32
    losses = {}
    for how in ("threshold", "sample", "dynamic"):
        losses[how] = refit(model, grey, RefitConfig(epochs=2, binarize=how, learning_rate=1e-12)).history
    assert losses["threshold"] != losses["sample"]
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        refit(model, grey)
    with pytest.raises(InputError, match="scale the data"):
        refit(model, 2 * grey, RefitConfig(binarize="dynamic"))
    refit(model, grey, RefitConfig(on="samples", epochs=1))  # the data only say how many


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (None, "pass x"),
        (torch.zeros(0, 6), "datapoints"),
        (torch.full((4, 6), math.nan), "NaN"),
        (torch.zeros(4, 2, 3), "shape"),
    ],
)
def test_data_that_do_not_fit(reference, x, expected):
    with pytest.raises(InputError, match=expected):
        refit(reference, x, RefitConfig(epochs=1))


def test_models_that_do_not_allow_it():
    with pytest.raises(InputError, match="no weights that"):
        refit(ppca(), TRUTH.sample(10, 0))
    flat = build("mlp_vae", x_shape=(6,), latent=2, hidden=())
    with pytest.raises(InputError, match="use start fresh"):
        refit(flat, torch.ones(4, 6), RefitConfig(start="larger"))
    holding = Plain()
    holding.result = holding.nets["in"](torch.ones(1, 6))
    with pytest.raises(InputError, match="plain values as attributes"):
        refit(holding, torch.ones(4, 6))


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "cold"},
        {"on": "test"},
        {"binarize": "dither"},
        {"epochs": 0},
        {"batch_size": 0},
        {"num_samples": 0},
        {"num_draws": 0},
        {"seed": -1},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"factor": 1.0},
        {"factor": math.inf},
    ],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(InputError):
        RefitConfig(**wrong)


def test_a_factor_without_a_larger_encoder_warns():
    with pytest.warns(GapkitWarning, match="no effect"):
        RefitConfig(factor=3.0)
