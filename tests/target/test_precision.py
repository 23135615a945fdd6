"""What a lower precision changes and what it must not, and the count of work."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.estimators import Ais
from gapkit.target import Target, recognise
from gapkit.target.precision import PRECISIONS, gradient_dtype, has_fast_bfloat16, tf32
from gapkit.target.work import Work
from tests.yardsticks import ppca

# The first use of forward mode makes torch itself use something that it has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")

CPU = torch.device("cpu")
LIKELIHOODS = {"bernoulli": lambda out: Bernoulli(logits=out), "normal": lambda out: Normal(out, 0.5)}


class Model(nn.Module):
    """A decoder with one hidden layer whose derivatives are written out, or with a function that is unknown there."""

    def __init__(self, likelihood, by_hand):
        super().__init__()
        self.first, self.last, self.by_hand = nn.Linear(5, 40), nn.Linear(40, 30), by_hand
        self.likelihood = LIKELIHOODS[likelihood]
        nn.init.normal_(self.last.weight, std=0.3)
        self.requires_grad_(False)

    def encode(self, x):
        return Independent(Normal(x.new_zeros(len(x), 5), x.new_ones(5)), 1)

    def prior(self):
        return Independent(Normal(self.first.weight.new_zeros(5), self.first.weight.new_ones(5)), 1)

    def decode(self, z):
        hidden = self.first(z)
        return Independent(self.likelihood(self.last(hidden.tanh() if self.by_hand else hidden.sin())), 1)


def target_of(likelihood="bernoulli", by_hand=True, dtype=torch.float32, **options):
    """A target of 3 datapoints, and latents of shape (8, 3, 5)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        target = Target(Model(likelihood, by_hand).to(dtype), torch.rand(3, 30, dtype=dtype).round(), **options)
        z = torch.randn(8, 3, 5, dtype=dtype)
    assert target.by_hand == by_hand
    return target, z


BOTH = pytest.mark.parametrize("by_hand", [True, False])
EVERY_LIKELIHOOD = pytest.mark.parametrize("likelihood", LIKELIHOODS)


# Refusals


@BOTH
@pytest.mark.parametrize("method", ["grad", "log_joint_and_grad"])
def test_unknown_precisions_and_tf32_on_a_cpu_are_refused(method, by_hand):
    target, z = target_of(by_hand=by_hand)
    for name in ("half", "float32", "", "TF32"):
        with pytest.raises(InputError, match="use one of full, tf32, bfloat16"):
            getattr(target, method)(z, name)
    with pytest.raises(InputError, match="float32 on cpu"):
        getattr(target, method)(z, "tf32")
    assert target.work == Work()  # refused before anything is counted


@BOTH
def test_roots_of_curvatures_refuse_them_too(by_hand):
    target, z = target_of(by_hand=by_hand)
    for name in ("half", "tf32"):
        with pytest.raises(InputError, match="bfloat16"):
            target.root_fisher(z[0], name)


def test_a_run_is_refused_before_it_starts():
    model = ppca()
    x = model.sample(2, 0)
    target = Target(model, x)
    for name in ("half", "tf32"):
        with pytest.raises(InputError, match="bfloat16"):
            Ais(precision=name).on(target, recognise(model.encode(x)), Key(0, (0, 1)))
    assert target.work == Work()


def test_precisions_and_their_types():
    cuda = torch.device("cuda")
    for device in (CPU, cuda):
        for dtype in (torch.float32, torch.float64):
            assert gradient_dtype("full", dtype, device) == dtype
            assert gradient_dtype("bfloat16", dtype, device) == torch.bfloat16
    assert gradient_dtype("tf32", torch.float32, cuda) == torch.float32
    with pytest.raises(InputError, match="float64 on cuda"):
        gradient_dtype("tf32", torch.float64, cuda)
    assert PRECISIONS == ("full", "tf32", "bfloat16")
    assert has_fast_bfloat16(CPU) in (True, False)


def test_tf32_ends_where_it_is_said_to():
    before = torch.get_float32_matmul_precision()
    with tf32(False):
        assert torch.get_float32_matmul_precision() == before
    with tf32(True):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before
    with pytest.raises(InputError), tf32(True):
        gradient_dtype("half", torch.float32, CPU)
    assert torch.get_float32_matmul_precision() == before


# bfloat16


@BOTH
@EVERY_LIKELIHOOD
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bfloat16_gradients_are_close_and_values_untouched(dtype, likelihood, by_hand):
    target, z = target_of(likelihood, by_hand, dtype)
    value, gradient = target.log_joint_and_grad(z)
    same, coarse = target.log_joint_and_grad(z, "bfloat16")
    alone = target.grad(z, "bfloat16")
    assert torch.equal(same, value)
    # Autocast lowers float32 alone: a float64 decoder that is not written out keeps its type.
    low = by_hand or dtype == torch.float32
    for rough in (coarse, alone):
        assert rough.dtype == dtype
        error = (rough - gradient).norm(dim=-1) / gradient.norm(dim=-1)
        assert float(error.median()) < 0.01
        assert float(error.max()) < 0.03
        assert (float(error.median()) > 2e-4) == low


@EVERY_LIKELIHOOD
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bfloat16_roots_of_curvatures_are_close(dtype, likelihood):
    target, z = target_of(likelihood, dtype=dtype)
    rows = z.reshape(-1, 5)
    full = target.root_fisher(rows).clone()
    coarse = target.root_fisher(rows, "bfloat16")
    assert coarse.dtype == dtype
    assert 1e-4 < float((coarse - full).norm() / full.norm()) < 0.01


@BOTH
@EVERY_LIKELIHOOD
def test_values_outlive_a_call_in_another_precision(likelihood, by_hand):
    """Buffers of one type are not those of another, and weights are cast, not changed."""
    target, z = target_of(likelihood, by_hand)
    with torch.no_grad():
        before = [target.log_joint(z), target.grad(z), *target.log_joint_and_grad(z)]
        target.grad(-z, "bfloat16")
        target.log_joint_and_grad(-z, "bfloat16")
        after = [target.log_joint(z), target.grad(z), *target.log_joint_and_grad(z)]
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one, other)


@BOTH
@pytest.mark.parametrize("precision", ["full", "bfloat16"])
def test_a_gradient_is_a_function_of_its_point_to_the_bit(precision, by_hand):
    """A trajectory is reversible only if it is: wherever the other chains are, and whatever was asked before."""
    target, z = target_of(by_hand=by_hand)
    elsewhere = torch.cat([z[:4], 3.0 - z[4:]])
    once = target.grad(z, precision)
    other = target.grad(elsewhere, precision)
    assert torch.equal(other[:4], once[:4])
    assert not torch.equal(other[4:], once[4:])
    assert torch.equal(target.grad(z, precision), once)


# Work


@BOTH
@pytest.mark.parametrize("max_rows", [None, 6])
def test_every_evaluation_is_counted_once(max_rows, by_hand):
    target, z = target_of(by_hand=by_hand, max_rows=max_rows)
    latents, dim = 8 * 3, 5
    assert target.work == Work()  # reading the decoder is free
    steps = [
        (lambda: target.log_likelihood(z), Work(values=latents)),
        (lambda: target.log_joint(z), Work(values=latents)),
        (lambda: target.log_prior(z), Work()),
        (lambda: target.grad(z), Work(gradients=latents)),
        (lambda: target.grad(z, "bfloat16"), Work(gradients=latents)),
        (lambda: target.log_joint_and_grad(z), Work(gradients=latents)),
        (lambda: target.log_joint_and_grad(z, "bfloat16"), Work(gradients=latents)),
        (lambda: target.root_fisher(z[0]), Work(columns=3 * dim)),
    ]
    for call, cost in steps:
        before = target.work.copy()
        call()
        assert target.work - before == cost
    assert target.work == Work(values=2 * latents, gradients=4 * latents, columns=3 * dim)
    assert target.work.equivalents == 4 * latents + 0.5 * (2 * latents + 3 * dim)


def test_selections_share_the_count_and_new_targets_do_not():
    target, z = target_of()
    part = target.select(torch.tensor([2, 2]))
    again = part.select(torch.tensor([1]))
    part.grad(z[:, :2])
    again.log_joint(z[:, :1])
    again.root_fisher(z[:4, 0])
    for one in (target, part, again):
        assert one.work == Work(values=8, gradients=16, columns=20)
    assert Target(target.model, target.x).work == Work()


def test_a_noted_count_stands_still():
    target, z = target_of()
    before = target.work.copy()
    target.grad(z)
    assert before == Work()
    assert target.work - before == Work(gradients=24)
