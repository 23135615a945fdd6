"""Which decoders are read as chains, and which are left to automatic differentiation."""

import copy

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Normal
from torch.nn import functional as F

from gapkit.models.freeze import frozen
from gapkit.target import Target
from tests.target.dense.decoders import (
    Function,
    Model,
    WithScale,
    assert_right,
    bernoulli,
    latents,
    mlp,
    own,
    target_of,
    unit_normal,
)

# The first use of forward mode makes torch itself use something that it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


@pytest.mark.parametrize("write", [lambda z, w: z @ w, lambda z, w: F.linear(z, w.T), lambda z, w: F.tanh(z.mm(w))])
def test_linear_maps_are_read_however_they_are_written(write):
    weight = torch.randn(3, 7, dtype=torch.float64)
    assert_right(target_of(Function(lambda z: write(z, weight)), unit_normal))


@pytest.mark.parametrize("likelihood", [bernoulli, WithScale(1, 4, 4)])
def test_shapes_that_are_not_flat(likelihood):
    flat = nn.Sequential(nn.Flatten(), *mlp(nn.ELU(), 6, 5, 16), nn.Unflatten(1, (1, 4, 4)))
    target = target_of(flat, likelihood, (1, 4, 4), (2, 3))
    assert target.dim == 6
    assert_right(target)
    upward = nn.Sequential(nn.ConvTranspose2d(1, 1, (3, 2)))
    assert_right(target_of(upward, likelihood, (1, 4, 4), (1, 2, 3)), by_hand=False)


def gate(z, first, last):
    """SiLU written out: the same tensor is used twice."""
    h = first(z)
    return last(h * torch.sigmoid(h))


def label(z, net):
    return net(torch.cat([z, torch.ones(len(z), 2, dtype=z.dtype)], 1))


NOT_CHAINS = {
    "residual connection": Function(lambda z, a, b: b(a(z).relu() + z), nn.Linear(3, 3), nn.Linear(3, 7)),
    "skip to the output": Function(lambda z, a, b: a(z) + b(z), nn.Linear(3, 7), nn.Linear(3, 7)),
    "a tensor used twice": Function(gate, nn.Linear(3, 5), nn.Linear(5, 7)),
    "squared by itself": Function(lambda z, a: a(z) * a(z), nn.Linear(3, 7)),
    "z beside a hidden layer": Function(
        lambda z, a, b: b(torch.cat([a(z).tanh(), z], 1)), nn.Linear(3, 5), nn.Linear(8, 7)
    ),
    "z beside a constant": Function(label, mlp(nn.Tanh(), 5, 4, 7)),
    "halves of z": Function(lambda z, a, b: a(z[:, :1]) + b(z[:, 1:]), nn.Linear(1, 7), nn.Linear(2, 7)),
    "part of z": Function(lambda z, a: a(z[:, 1:]), nn.Linear(2, 7)),
    "unknown function": Function(lambda z, a, b: b(torch.sin(a(z))), nn.Linear(3, 5), nn.Linear(5, 7)),
    "unknown activation": mlp(nn.Mish(), 3, 5, 7),
    "elu with a negative alpha": mlp(nn.ELU(-0.5), 3, 5, 7),
    "function before the first layer": Function(lambda z, a: a(z.tanh()), nn.Linear(3, 7)),
    "two functions in a row": Function(lambda z, a: a(z).tanh().sigmoid(), nn.Linear(3, 7)),
    "factor": Function(lambda z, a: 0.5 * a(z), nn.Linear(3, 7)),
    "limits": Function(lambda z, a: a(z).clamp(-1.0, 1.0), nn.Linear(3, 7)),
    "other order of pixels": Function(lambda z, a: a(z)[:, [1, 0, 2, 3, 4, 5, 6]], nn.Linear(3, 7)),
    "pixels back to front": Function(lambda z, a: a(z).flip(1), nn.Linear(3, 7)),
    "some of the outputs": Function(lambda z, a: a(z)[:, :7], nn.Linear(3, 9)),
    "layer norm": nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 7)),
    "weights that depend on z": Function(
        lambda z, a: torch.bmm(a(z).reshape(-1, 7, 3), z.unsqueeze(2))[..., 0], nn.Linear(3, 21)
    ),
}


@pytest.mark.parametrize("name", NOT_CHAINS)
@pytest.mark.parametrize("likelihood", [bernoulli, unit_normal])
def test_what_is_not_a_chain_is_left_to_automatic_differentiation(name, likelihood):
    assert_right(target_of(copy.deepcopy(NOT_CHAINS[name]), likelihood), by_hand=False)


def test_a_branch_that_small_latents_do_not_take_is_noticed():
    """What is done depends on the values: a recording shows one branch."""

    def cut(z, layer):
        out = layer(z)
        return out.clamp(max=5.0) if bool((out > 5.0).any()) else out

    layer = nn.Linear(3, 7)
    nn.init.uniform_(layer.weight, 0.0, 0.2)
    target = target_of(Function(cut, layer), unit_normal)
    assert not target.by_hand
    z = latents(target, size=20.0)
    value, gradient = own(target, z)
    for mine in (target.log_joint_and_grad(z), (target.log_joint(z), target.grad(z))):
        torch.testing.assert_close(mine, (value, gradient))


def test_batch_norm_is_left_to_automatic_differentiation_and_dropout_is_no_layer_in_eval_mode():
    norm = nn.BatchNorm1d(5)
    norm.running_mean.uniform_()
    norm.running_var.uniform_(1.0, 2.0)
    assert_right(target_of(nn.Sequential(nn.Linear(3, 5), norm, nn.Linear(5, 7))), by_hand=False)
    dropping = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Dropout(), nn.Linear(5, 7))
    assert_right(target_of(dropping))
    model = Model(dropping, bernoulli).double().train()
    x = torch.ones(4, 7, dtype=torch.float64)
    assert not Target(model, x).by_hand
    with frozen(model):
        assert_right(Target(model, x))


class Tempered(Normal):
    """A subclass with a density of its own."""

    def log_prob(self, value):
        return 0.5 * super().log_prob(value)


class Noisy(Bernoulli):
    """A subclass whose density is the same, for all that can be told from outside."""


LIKELIHOODS = {
    "probabilities": (7, lambda out: Bernoulli(probs=0.5 + 0.5 * torch.tanh(0.5 * out))),
    "probabilities as logits": (7, lambda out: Bernoulli(logits=torch.logit(torch.sigmoid(out)))),
    "scale from z": (14, lambda out: Normal(out[:, :7], out[:, 7:].exp())),
    "scale from the mean": (7, lambda out: Normal(out, F.softplus(out))),
    "one scale per z": (8, lambda out: Normal(out[:, :7], F.softplus(out[:, 7:]))),
    "classes": (14, lambda out: Categorical(logits=out.reshape(-1, 7, 2))),
    "scale where the mean is large": (7, lambda out: Normal(out, torch.where(out > 4.0, 2.0, 1.0))),
    "subclass of Normal": (7, lambda out: Tempered(out, 1.0)),
    "subclass of Bernoulli": (7, lambda out: Noisy(logits=out)),
    "mean used twice": (7, lambda out: Normal(out * out, 1.0)),
}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_other_likelihoods_are_left_to_automatic_differentiation(name):
    outputs, likelihood = LIKELIHOODS[name]
    target = target_of(mlp(nn.Tanh(), 3, 5, outputs), likelihood)
    target = Target(target.model, target.x.round())  # classes want whole numbers
    assert_right(target, by_hand=False)
