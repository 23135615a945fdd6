"""Refits of every kind of model: what may move, and what is refused."""

import copy

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.models import PosteriorEncoder, VampPrior, build, from_pair
from gapkit.training import RefitConfig, refit
from tests.training.affine import TRUTH
from tests.yardsticks import ppca


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


@pytest.mark.parametrize("builder", ["mlp_vae", "conv_vae"])
def test_a_fresh_encoder_of_other_layers_and_another_family(builder):
    model = build(builder, x_shape=(1, 8, 8), latent=2)
    decoder = {name: value.clone() for name, value in model.state_dict().items() if name.startswith("decoder")}
    config = RefitConfig(start="fresh", hidden=(4,), posterior="flow", epochs=1)
    other = refit(model, torch.ones(4, 1, 8, 8), config).model
    assert other.config["hidden" if builder == "mlp_vae" else "channels"] == [4]
    assert type(other.encode(torch.ones(2, 1, 8, 8))).__name__ == "TransportDistribution"
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in decoder.items())
    assert rebuilt(other).config == other.config


def rebuilt(model):
    copy = build(model.builder, **model.config)
    copy.load_state_dict(model.state_dict())
    return copy


def test_an_encoder_without_hidden_layers():
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(5,), posterior="flow", posterior_options={"num_layers": 2})
    config = RefitConfig(start="fresh", hidden=(), epochs=1)
    other = refit(model, torch.ones(4, 6), config).model
    assert (other.config["hidden"], other.config["posterior_options"]["num_layers"]) == ([], 2)
    back = refit(other, torch.ones(4, 6), RefitConfig(start="fresh", hidden=(3,), posterior="mean_field", epochs=1))
    assert (back.model.config["hidden"], back.model.config["posterior_options"]) == ([3], {})
