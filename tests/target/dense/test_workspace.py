"""Buffers are used again without a trace in results, data or weights."""

import copy

import pytest
import torch
from torch import nn

from gapkit.target import Target
from tests.target.dense.decoders import assert_right, bernoulli, latents, mlp, own, target_of, unit_normal

# The first use of forward mode makes torch itself use something that it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


# Buffers


def calls(target):
    """What a target can be asked for at z of shape (S, B, D), but for the root of the curvature."""
    return [
        target.log_joint,
        target.log_likelihood,
        lambda z: torch.cat([part.reshape(len(z), -1) for part in target.log_joint_and_grad(z)], 1),
        lambda z: torch.cat([part.reshape(len(z), -1) for part in target.log_joint_and_grad(z, "bfloat16")], 1),
        target.grad,
        lambda z: target.grad(z, "bfloat16"),
    ]


NETS = {"deep": (3, 5, 7), "linear": (3, 7), "square": (7, 7, 7)}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("likelihood", [bernoulli, unit_normal])
@pytest.mark.parametrize("final", [None, nn.Tanh(), nn.SiLU(), nn.Mish()])
def test_results_do_not_depend_on_chunks(name, likelihood, final):
    """The last final activation is one that makes the whole decoder unknown."""
    sizes = NETS[name]
    net = mlp(nn.ReLU(), *sizes, final=final)
    whole = target_of(net, likelihood, latent_shape=sizes[:1], max_rows=10**6)
    assert whole.by_hand != isinstance(final, nn.Mish)
    pieces = Target(whole.model, whole.x, max_rows=9)
    assert (len(whole.chunks(23)), pieces.chunks(23)) == (1, [2] * 11 + [1])
    z = latents(whole, 23)
    with torch.no_grad():
        for one, other in zip(calls(whole), calls(pieces), strict=True):
            torch.testing.assert_close(one(z), other(z), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("likelihood", ["binary", "grey", "normal"])
@pytest.mark.parametrize("final", [None, nn.Tanh(), nn.SiLU()])
@pytest.mark.parametrize("max_rows", [None, 9])
def test_a_result_outlives_the_next_call(name, likelihood, final, max_rows):
    sizes = NETS[name]
    target = target_of(
        mlp(nn.ReLU(), *sizes, final=final),
        unit_normal if likelihood == "normal" else bernoulli,
        latent_shape=sizes[:1],
        max_rows=max_rows,
        grey=likelihood == "grey",
    )
    assert target.by_hand
    part = target.select(torch.tensor([3, 2, 1, 0]))  # the same shapes, and the same buffers
    z, other = latents(target), latents(target)
    with torch.no_grad():
        kept = [ask(z) for ask in calls(target)]
        before = [ask(z).clone() for ask in calls(target)]
        for again in (*calls(target), *calls(part)):
            again(other)
        target.root_fisher(other[0])
    for result, known in zip(kept, before, strict=True):
        assert torch.equal(result, known)


@pytest.mark.parametrize("final", [None, nn.Tanh()])
@pytest.mark.parametrize("likelihood", [bernoulli, unit_normal])
def test_nothing_that_is_given_is_written_to(likelihood, final):
    target = target_of(mlp(nn.ELU(), 3, 5, 7, final=final), likelihood)
    z = latents(target)
    before = copy.deepcopy([z, target.x, list(target.model.parameters())])
    with torch.no_grad():
        for ask in calls(target):
            ask(z)
    target.root_fisher(z[0])
    after = [z, target.x, list(target.model.parameters())]
    for old, new in zip([*before[:2], *before[2]], [*after[:2], *after[2]], strict=True):
        assert torch.equal(old, new)


def test_many_shapes_in_turn_do_not_confuse_the_buffers():
    """More different numbers of samples than the workspace keeps arrays for."""
    target = target_of(mlp(nn.Tanh(), 3, 5, 7))
    for num_samples in [*range(1, 60), 3, 1]:
        z = latents(target, num_samples)
        value, gradient = target.log_joint_and_grad(z)
        mine, theirs = own(target, z)
        torch.testing.assert_close(value, mine)
        torch.testing.assert_close(gradient, theirs)


# Weights and selections


@pytest.mark.parametrize("precision", ["full", "bfloat16"])
def test_a_new_target_sees_new_weights(precision):
    target = target_of(mlp(nn.Tanh(), 3, 5, 7))
    z = latents(target)
    old = target.grad(z, precision)
    with torch.no_grad():
        for parameter in target.model.parameters():
            parameter.mul_(1.5)
    new = Target(target.model, target.x)
    assert_right(new, z)
    now = new.grad(z, precision)
    assert float((now - own(new, z)[1]).norm() / now.norm()) < (0.02 if precision == "bfloat16" else 1e-9)
    assert not torch.allclose(old, now, rtol=0.05)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("by_hand", [False, True])
def test_selected_rows_keep_their_values(grey, by_hand):
    net = mlp(nn.Tanh() if by_hand else nn.Mish(), 3, 5, 7)
    target = target_of(net, grey=grey)
    rows = torch.tensor([2, 0, 2])
    part = target.select(rows)
    z = latents(target)
    assert_right(part, z[:, rows], by_hand=by_hand)
    for whole, some in zip(target.log_joint_and_grad(z), part.log_joint_and_grad(z[:, rows]), strict=True):
        torch.testing.assert_close(whole[:, rows], some)
