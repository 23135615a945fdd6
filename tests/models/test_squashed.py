"""Decoders that end in a sigmoid or a softmax: as exact and as fast as those that return logits."""

import copy

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal
from torch.nn import functional as F

from gapkit.models import from_pair
from gapkit.models.freeze import frozen
from gapkit.models.squashed import Squashed, sharp
from gapkit.target import Target

# The first use of forward mode makes torch itself use something that it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

PIXELS, LATENT = 12, 3


def net(dtype, scale=1.0):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(LATENT, 20), nn.Tanh(), nn.Linear(20, PIXELS)).to(dtype)
    with torch.no_grad():
        layers[2].weight.mul_(scale)
    return layers


def encoder(x):
    flat = x.flatten(1)[:, :LATENT]
    return flat, torch.zeros_like(flat)


def target(decoder, likelihood, dtype, x_shape=(PIXELS,)):
    torch.manual_seed(1)
    x = torch.rand(4, *x_shape, dtype=dtype).round()
    return Target(from_pair(encoder, decoder, likelihood), x)


def latents(dtype, size):
    torch.manual_seed(2)
    return size * torch.randn(5, 4, LATENT, dtype=dtype)


class Module(nn.Module):
    def __init__(self, layers, last):
        super().__init__()
        self.layers, self.last = layers, last

    def forward(self, z):
        return self.last(self.layers(z))


ENDS = {
    "torch.sigmoid": torch.sigmoid,
    "method": lambda y: y.sigmoid(),
    "functional": F.sigmoid,
    "module": nn.Sigmoid(),
    "expit": torch.special.expit,
    "reshaped after": lambda y: torch.sigmoid(y).view(-1, 3, 4),
    "reshaped before and after": lambda y: torch.sigmoid(y.view(-1, 3, 4)).flatten(1).unflatten(1, (3, 4)),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 1000.0])  # the second saturates: logits of thousands
@pytest.mark.parametrize("end", ENDS)
def test_a_final_sigmoid_costs_neither_exactness_nor_speed(end, scale, dtype):
    layers = net(dtype, scale)
    shape = (3, 4) if "reshaped" in end else (PIXELS,)
    by_probs = target(Module(layers, ENDS[end]), "bernoulli:probs", dtype, shape)
    by_logits = target(Module(layers, lambda y: y.view(-1, *shape)), "bernoulli:logits", dtype, shape)
    assert by_logits.by_hand
    assert by_probs.by_hand
    z = latents(dtype, 2.0)
    with torch.no_grad():
        want, got = by_logits.log_joint(z), by_probs.log_joint(z)
    assert torch.equal(got, want)
    if scale > 1:
        assert want.min() < -60 * PIXELS  # beyond what clamped probabilities can say
    for a, b in zip(by_probs.log_joint_and_grad(z), by_logits.log_joint_and_grad(z), strict=True):
        assert torch.equal(a, b)
    rows = z.reshape(-1, LATENT)
    assert torch.equal(by_probs.root_fisher(rows).clone(), by_logits.root_fisher(rows))
    # and by automatic differentiation, which is what convolutional decoders have
    leaf = z.clone().requires_grad_(True)
    own = by_probs.log_likelihood(leaf)
    (gradient,) = torch.autograd.grad(own.sum(), leaf)
    tolerance = {"rtol": 1e-4, "atol": 1e-3} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    torch.testing.assert_close(own, by_logits.log_likelihood(z), **tolerance)
    torch.testing.assert_close(gradient, by_logits.grad(z) + z, **tolerance)


class Own(nn.Module):
    """A model of the contract whose Bernoulli has probabilities."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def encode(self, x):
        return Independent(Normal(x[:, :LATENT], 1.0), 1)

    def decode(self, z):
        return Independent(Bernoulli(probs=torch.sigmoid(self.layers(z))), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(LATENT).to(self.layers[0].weight), 1.0), 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_model_whose_distribution_has_probabilities_is_read_by_its_logits(dtype):
    layers = net(dtype, 100.0)
    model = Own(layers).eval()
    by_logits = target(layers, "bernoulli:logits", dtype)
    with frozen(model):
        own = Target(model, by_logits.x)
        assert own.by_hand
        z = latents(dtype, 2.0)
        assert torch.equal(own.log_joint(z), by_logits.log_joint(z))
        assert torch.equal(own.grad(z), by_logits.grad(z))
        undifferentiated = own.decode(z.reshape(-1, LATENT)).log_prob(by_logits.x.repeat(5, 1)).reshape(5, 4)
    torch.testing.assert_close(undifferentiated, by_logits.log_likelihood(z), rtol=1e-4, atol=1e-3)


class Convolutional(nn.Module):
    def __init__(self, last):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(LATENT, 8), nn.ConvTranspose2d(2, 1, 2, stride=2)
        self.last = last
        with torch.no_grad():
            self.second.weight.mul_(200)

    def forward(self, z):
        return self.last(self.second(torch.relu(self.first(z)).view(-1, 2, 2, 2)))


def test_a_convolutional_decoder_keeps_its_logits_too():
    probs = target(Convolutional(torch.sigmoid), "bernoulli:probs", torch.float32, (1, 4, 4))
    logits = target(Convolutional(lambda y: y), "bernoulli", torch.float32, (1, 4, 4))
    z = latents(torch.float32, 2.0)
    for a, b in zip(probs.log_joint_and_grad(z), logits.log_joint_and_grad(z), strict=True):
        torch.testing.assert_close(a, b)
    rows = z.reshape(-1, LATENT)
    torch.testing.assert_close(probs.root_fisher(rows), logits.root_fisher(rows))
    assert probs.log_joint(z).min() < -300


def test_probabilities_of_unknown_origin_are_clamped_as_in_torch():
    decoder = Module(net(torch.float32, 100.0), lambda y: 0.5 + 0.5 * torch.tanh(0.5 * y))
    made = target(decoder, "bernoulli:probs", torch.float32)
    assert not made.by_hand
    z = latents(torch.float32, 2.0)
    p = decoder(z.reshape(-1, LATENT)).detach().clamp(0, 1)
    want = Independent(Bernoulli(probs=p), 1).log_prob(made.x.repeat(5, 1)).reshape(5, 4)
    torch.testing.assert_close(made.log_likelihood(z), want)


def test_a_softmax_is_undone_over_its_own_axis_only():
    logits = 60 * torch.randn(2, PIXELS, 4)
    decoder = Module(nn.Identity(), nn.Softmax(-1))
    x = torch.randint(4, (2, PIXELS))
    got = from_pair(encoder, decoder, "categorical:num_classes=4,probs").decode(logits).log_prob(x)
    torch.testing.assert_close(
        got, from_pair(encoder, nn.Identity(), "categorical:num_classes=4").decode(logits).log_prob(x)
    )
    with Squashed() as squashed:
        over_pixels = torch.softmax(logits, 1)
        over_classes = torch.softmax(logits, -1)
    assert squashed.logits(over_pixels, softmax=True) is None
    assert squashed.logits(over_classes, softmax=True) is logits
    assert squashed.logits(over_classes) is None


def test_what_is_done_to_the_probabilities_afterwards_is_not_undone():
    z = torch.randn(2, PIXELS)
    with Squashed() as squashed:
        p = torch.sigmoid(z)
        halved = torch.sigmoid(z)
        halved.mul_(0.5)
        changed = [halved, 0.9 * p + 0.05, p.clamp(0.1, 0.9), p + 0, p**2]
    assert squashed.logits(p) is z
    assert all(squashed.logits(each) is None for each in changed)


def test_a_sigmoid_inside_the_network_is_not_taken_for_its_end():
    layers = nn.Sequential(nn.Linear(LATENT, 8), nn.Sigmoid(), nn.Linear(8, PIXELS), nn.Sigmoid()).double()
    made = target(layers, "bernoulli:probs", torch.float64)
    assert made.by_hand
    assert len(made.dense_layers) == 2
    z = latents(torch.float64, 1.0)
    p = layers(z.reshape(-1, LATENT)).detach()
    want = Bernoulli(probs=p).log_prob(made.x.repeat(5, 1)).sum(1).reshape(5, 4)
    torch.testing.assert_close(made.log_likelihood(z), want)


def test_a_chain_that_changes_the_logits_in_place_is_not_misread():
    layers = net(torch.float64)

    def decoder(z):
        y = layers(z)
        p = torch.sigmoid(y)
        y.mul_(2.0)  # whoever kept y now keeps something else
        return p

    made = target(decoder, "bernoulli:probs", torch.float64)
    z = latents(torch.float64, 1.0)
    want = Bernoulli(probs=decoder(z.reshape(-1, LATENT)).detach()).log_prob(made.x.repeat(5, 1)).sum(1).reshape(5, 4)
    torch.testing.assert_close(made.log_likelihood(z), want)


def test_a_branch_on_the_probabilities_is_no_chain():
    layers = net(torch.float64)

    def decoder(z):
        p = torch.sigmoid(layers(z))
        return torch.sigmoid(layers(z) + 1) if bool((p > 2).any()) else p

    assert not target(decoder, "bernoulli:probs", torch.float64).by_hand


def test_sharp_leaves_other_distributions_alone():
    logits = torch.randn(2, 3)
    for make in (
        lambda z: Independent(Bernoulli(logits=z), 1),
        lambda z: Independent(Normal(torch.sigmoid(z), 1.0), 1),
        lambda z: Independent(Bernoulli(probs=0.5 * torch.sigmoid(z)), 1),
    ):
        made = make(logits)
        assert sharp(lambda z, made=made: made, logits) is made


def test_a_copy_of_the_pair_still_knows():
    dtype = torch.float32
    pair = copy.deepcopy(from_pair(encoder, Module(net(dtype, 100.0), torch.sigmoid), "bernoulli:probs"))
    p = pair.decode(latents(dtype, 3.0)[0])
    assert p.base_dist.logits.abs().max() > 20
