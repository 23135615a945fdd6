"""A mixture does not pay for components that few datapoints have, and gives the same numbers to the last bit."""

import pytest
import torch

from gapkit.core.randomness import Key
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture

B, D, K = 20, 3, 8


class Counting(FullRankGaussian):
    """Counts the datapoints that its density is asked for."""

    asked = 0

    def inverse(self, z):
        Counting.asked += z.shape[1]
        return super().inverse(z)

    def select(self, rows):
        return Counting(self.loc[rows], self.scale_tril[rows])


def members(kind, dtype):
    generator = torch.Generator().manual_seed(0)
    loc = 3 * torch.randn(K, B, D, generator=generator, dtype=dtype)
    scale = 0.5 + torch.rand(K, B, D, generator=generator, dtype=dtype)
    if kind is DiagonalGaussian:
        return tuple(kind(loc[k], scale[k]) for k in range(K))
    tril = torch.diag_embed(scale) + 0.3 * torch.randn(K, B, D, D, generator=generator, dtype=dtype).tril(-1)
    return tuple(kind(loc[k], tril[k]) for k in range(K))


def weights(dtype, few=2):
    """All datapoints have the first component; the first few have all."""
    on = torch.zeros(K, B, dtype=torch.bool)
    on[0] = True
    on[:, :few] = True
    return torch.where(on, 1.0 / on.sum(0), 0.0).to(dtype).log()


@pytest.mark.parametrize("kind", [DiagonalGaussian, FullRankGaussian])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_company_of_datapoints_with_many_components_changes_no_bit(kind, dtype):
    few, many = (Mixture(weights(dtype, count), members(kind, dtype)) for count in (2, B))
    z, log_q = few.draw(Key(0, tuple(range(B))).streams("test", dtype), 50)
    z_many, log_q_many = many.draw(Key(0, tuple(range(B))).streams("test", dtype), 50)
    assert torch.equal(z[:, :2], z_many[:, :2])
    assert torch.equal(log_q[:, :2], log_q_many[:, :2])
    for ours, theirs in zip(few.log_prob_and_grad(z), many.log_prob_and_grad(z), strict=True):
        assert torch.equal(ours[:, :2], theirs[:, :2])


def test_value_and_gradient_agree_with_automatic_differentiation():
    q = Mixture(weights(torch.float64), members(FullRankGaussian, torch.float64))
    z, _ = q.draw(Key(0, tuple(range(B))).streams("test", torch.float64), 7)
    leaf = z.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(q.log_prob(leaf).sum(), leaf)
    torch.testing.assert_close(q.log_prob_and_grad(z)[1], gradient)


def test_only_the_datapoints_that_have_a_component_pay_for_it():
    q = Mixture(weights(torch.float64), members(Counting, torch.float64))
    z = torch.zeros(1, B, D, dtype=torch.float64)
    q.log_prob(z)
    Counting.asked = 0
    q.log_prob(z)
    assert Counting.asked == B + 2 * (K - 1)
