"""Values and derivatives by hand against automatic differentiation, also of extreme and broken numbers."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal

from gapkit.target import Target
from tests.target.dense.decoders import (
    ACTIVATIONS,
    DTYPES,
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


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("likelihood", ["binary", "grey", "number", "per value", "shared"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_with_every_likelihood_is_what_torch_gives(name, likelihood, dtype):
    heads = {"number": lambda mean: Normal(mean, 0.7), "per value": WithScale(7), "shared": WithScale()}
    net = mlp(ACTIVATIONS[name], 3, 6, 5, 7)
    assert_right(target_of(net, heads.get(likelihood, bernoulli), dtype=dtype, grey=likelihood == "grey"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["tanh", "silu"])  # one that keeps its output and one that keeps its input
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("likelihood", [bernoulli, unit_normal])
def test_biases_and_a_final_activation_are_read(likelihood, bias, name, dtype):
    for sizes in ((3, 7), (3, 5, 7)):
        for final in (None, nn.Sigmoid(), nn.Softplus(), nn.ReLU()):
            assert_right(target_of(mlp(ACTIVATIONS[name], *sizes, bias=bias, final=final), likelihood, dtype=dtype))


@pytest.mark.parametrize("pixels", [1, 2, 3, 8, 63, 64, 96, 128, 192, 385])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_pixels(pixels, grey, dtype):
    assert_right(target_of(mlp(nn.Tanh(), 3, 5, pixels), x_shape=(pixels,), grey=grey, dtype=dtype))


def test_grey_data_after_a_binary_datapoint_are_not_taken_for_binary():
    """The decoder is read with the first datapoint alone."""
    target = target_of(mlp(nn.Tanh(), 3, 5, 7), grey=True)
    x = torch.cat([target.x[:2].round(), target.x[2:]])
    mixed = Target(target.model, x)
    assert_right(mixed)
    for rows in ([0, 1], [2, 3], [1, 2]):
        assert_right(mixed.select(torch.tensor(rows)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_thousands_of_undecided_pixels_do_not_underflow(dtype):
    target = target_of(
        Function(lambda z: z @ torch.ones(1, 4096, dtype=dtype)), x_shape=(4096,), latent_shape=(1,), dtype=dtype
    )
    assert target.by_hand
    with torch.no_grad():
        value = target.log_likelihood(torch.zeros(1, 4, 1, dtype=dtype))
    torch.testing.assert_close(value, torch.full((1, 4), -4096 * math.log(2.0), dtype=dtype))


# Extremes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("grey", [False, True])
def test_extreme_logits_have_the_values_of_torch(grey, dtype):
    weight = torch.tensor([[200.0, -200.0, 200.0, -200.0, 1.0, -1.0, 0.0, 87.0]], dtype=dtype)
    target = target_of(Function(lambda z: z @ weight), x_shape=(8,), latent_shape=(1,), dtype=dtype, grey=grey)
    z = torch.tensor([1.0, -1.0, 0.44, 5.0, -500.0, 1e-3], dtype=dtype).expand(4, 6).T.unsqueeze(2)
    value, _ = own(target, z)
    assert bool(value.isfinite().all())
    assert float(value.min()) < -500
    assert_right(target, z)
    with torch.no_grad():  # also relative to their own size, the small ones among them
        torch.testing.assert_close(target.log_joint(z), value, atol=1e-5, rtol=1e-6)


def test_a_datapoint_that_is_sure_is_not_an_infinite_one():
    """At a logit of 200, log p of the right pixel is 0 and that of the wrong one -200; neither over- nor underflows."""
    model = Model(Function(lambda z: z @ torch.full((1, 64), 200.0)), bernoulli, (1,))
    target = Target(model, torch.stack([torch.ones(64), torch.zeros(64)]))
    assert target.by_hand
    with torch.no_grad():
        value = target.log_likelihood(torch.tensor([[[1.0], [1.0]], [[-1.0], [-1.0]]]))
    torch.testing.assert_close(value, torch.tensor([[0.0, -12800.0], [-12800.0, 0.0]]))
    slopes = torch.tensor([[[0.0], [-12800.0]]]) - 1.0 / 1.5**2  # the likelihood's and the prior's
    torch.testing.assert_close(target.grad(torch.ones(1, 2, 1)), slopes)


BAD = [math.nan, math.inf, 1e38]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("likelihood", [bernoulli, unit_normal])
@pytest.mark.parametrize("bad", BAD)
def test_a_broken_row_breaks_no_other(bad, likelihood, name, monkeypatch):
    """NaN latents, infinite ones, and finite ones at which a layer overflows."""
    # Weights of 1e10 ask for float64, at latents that are not those of this test; what is tested is the path by hand.
    monkeypatch.setattr("gapkit.target.target.needs_double", lambda *_: False)
    net = nn.Sequential(nn.Linear(3, 5), copy.deepcopy(ACTIVATIONS[name]), nn.Linear(5, 7, bias=False))
    net[2].weight.data *= 1e10
    target = target_of(net, likelihood, dtype=torch.float32)
    z = latents(target, size=1e-9)
    broken = z.clone()
    broken[2, 1] = bad
    rest = torch.ones(6, 4, dtype=torch.bool)
    rest[2, 1] = False
    assert target.by_hand
    with torch.no_grad():
        pairs = [(target.log_joint(z), target.log_joint(broken)), (target.grad(z), target.grad(broken))]
    pairs += zip(target.log_joint_and_grad(z), target.log_joint_and_grad(broken), strict=True)
    pairs.append((target.grad(z, "bfloat16"), target.grad(broken, "bfloat16")))
    for sound, now in pairs:
        assert torch.equal(sound[rest], now[rest])
    theirs = own(target, broken)[0]
    for value in (pairs[0][1], pairs[2][1]):
        torch.testing.assert_close(value[rest], theirs[rest], rtol=1e-4, atol=1e-4)
        assert bool(theirs[2, 1].isfinite()) <= bool(value[2, 1].isfinite())
        assert not value[2, 1] > 0
        if math.isnan(bad):
            assert bool(value[2, 1].isnan())


def test_infinite_logits_are_certain_and_nan_is_never_a_value():
    """Torch has no answer, 0 * inf, where a certain pixel is right; the limit is 0. Where it is wrong both say -inf."""
    model = Model(Function(lambda z: z @ torch.ones(1, 7)), bernoulli, (1,))
    target = Target(model, torch.stack([torch.ones(7), torch.zeros(7)]))
    assert target.by_hand
    z = torch.tensor([math.inf, -math.inf, math.nan]).reshape(3, 1, 1).expand(3, 2, 1)
    with torch.no_grad():
        value = target.log_likelihood(z)
    assert value[:2].tolist() == [[0.0, -math.inf], [-math.inf, 0.0]]
    assert bool(value[2].isnan().all())


def test_a_scale_of_one_datapoint_is_that_of_all():
    """The scale is read at three latents and used for any number of them."""
    target = target_of(mlp(nn.Tanh(), 3, 5, 7), WithScale(7))
    for rows in ([0], [0, 1], [0, 1, 2, 3]):
        assert_right(target.select(torch.tensor(rows)), latents(target)[:, rows])
