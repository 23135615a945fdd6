"""Data and model are brought together, or the reason is the one that matters."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, OneHotCategorical

import gapkit
from gapkit.core.errors import InputError
from gapkit.doctor import prepare


class Flat(nn.Module):
    """Four latents of 64 values, given flat."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(64, 8), nn.Linear(4, 64)

    def encode(self, x):
        mean, scale = self.enc(x).chunk(2, -1)
        return Independent(Normal(mean, scale.exp()), 1)

    def decode(self, z):
        return Independent(Bernoulli(logits=self.dec(z)), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(4), torch.ones(4)), 1)


IMAGES = torch.zeros(3, 1, 8, 8)


def test_images_are_flattened_for_a_flat_model():
    assert prepare(Flat(), IMAGES).shape == (3, 64)


class ThreeTensors(Flat):
    def encode(self, x):
        return (self.enc(x), self.enc(x), self.enc(x))


class Codes(Flat):
    def encode(self, x):
        return self.enc(x).argmax(-1)


class Classes(Flat):
    def encode(self, x):
        return OneHotCategorical(logits=self.enc(x))


class Ladder(Flat):
    def decode(self, z):
        raise RuntimeError("needs the skip connections of encode")


class Conditional(Flat):
    def encode(self, x, label):
        return super().encode(x)


class Tokens(Flat):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(2, 1)

    def encode(self, x):
        return super().encode(self.embed(x).squeeze(-1))


class Hidden(Flat):
    def __init__(self):
        super().__init__()
        self.prior = None


class Wide(Flat):
    def decode(self, z):
        return Independent(Bernoulli(logits=self.dec(z)[:, :32]), 1)


@pytest.mark.parametrize(
    ("cls", "words"),
    [
        (ThreeTensors, ["encode() returning a torch Distribution", "type tuple"]),
        (Codes, ["whole numbers (int64 (2,))", "discrete latents are not analysed, because"]),
        (Classes, ["discrete z have none", "classes_summed_out"]),
        (Ladder, ["decode failed", "skip connections", "test_contract.py line"]),
        (Conditional, ["encode needs x, label", "--condition NAME"]),
        (Tokens, ["x = x.long() first in encode"]),
        (Hidden, ["an attribute prior of this Hidden hides its method prior()"]),
        (Wide, ["decode describes 32 values"]),
    ],
)
def test_the_reason_of_the_try_that_came_furthest_is_told(cls, words):
    with pytest.raises(InputError) as error:
        prepare(cls(), IMAGES)
    for word in words:
        assert word in str(error.value)


def test_a_pair_that_returns_three_tensors_is_told_so_for_images_too():
    net = ThreeTensors()
    with pytest.raises(InputError, match="a pair of tensors"):
        gapkit.analyze(gapkit.from_pair(net.encode, net.dec), IMAGES)


def test_grey_pixels_under_a_bernoulli_are_refused_with_the_honest_ways():
    with pytest.raises(InputError) as error:
        prepare(Flat(), IMAGES + 0.5)
    for word in ("--likelihood cross_entropy", "--encode-from original", "encoder_x=", "--binarize"):
        assert word in str(error.value)
