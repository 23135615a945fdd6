import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.inputs.data import binarize


@pytest.fixture
def x():
    return torch.rand(20, 1, 5, 4, generator=torch.Generator().manual_seed(0))


def test_sample_of_a_datapoint_depends_only_on_seed_and_index(x):
    full = binarize(x, "sample", 3)
    torch.testing.assert_close(binarize(x[:7], "sample", 3), full[:7], rtol=0, atol=0)
    torch.testing.assert_close(binarize(x, "sample", 3), full, rtol=0, atol=0)
    changed = x.clone()
    changed[0] = 1
    torch.testing.assert_close(binarize(changed, "sample", 3)[1:], full[1:], rtol=0, atol=0)
    assert not torch.equal(binarize(x, "sample", 4), full)


def test_sample_is_bernoulli():
    x = torch.full((200, 200), 0.3)
    drawn = binarize(x, "sample", 0)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert abs(drawn.mean().item() - 0.3) < 4 * (0.21 / x.numel()) ** 0.5
    assert torch.equal(binarize(torch.eye(5), "sample", 0), torch.eye(5))


def test_draws_do_not_use_or_move_the_global_generator(x):
    state = torch.random.get_rng_state()
    binarize(x, "sample", 0)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_threshold_and_none(x):
    assert binarize(x, "none", 0) is x
    assert torch.equal(binarize(x, "threshold", 0), (x > 0.5).float())


@pytest.mark.parametrize(("how", "seed", "shift"), [("dither", 0, 0), ("sample", -1, 0), ("sample", 0, 1)])
def test_refusals(x, how, seed, shift):
    with pytest.raises(InputError):
        binarize(x + shift, how, seed)
