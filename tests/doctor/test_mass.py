"""A log_prob of one's own that is no density is refused, and one that is passes without a word."""

import math
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal, StudentT, constraints

from tests.doctor.looks import looked_at, refused
from tests.doctor.vae import LATENT, Distributions, digits, trained


class Own(Distribution):
    """A factorised distribution, its log density multiplied by a factor, or averaged, or without its constant."""

    arg_constraints: ClassVar = {}
    support = constraints.independent(constraints.real, 1)
    has_rsample = False

    def __init__(self, base, factor=1.0, constant=0.0):
        self.base, self.factor, self.constant = base, factor, constant
        super().__init__(base.batch_shape[:1], base.batch_shape[1:], validate_args=False)

    mean = property(lambda self: self.base.mean)
    variance = property(lambda self: self.base.variance)

    def sample(self, shape=()):
        return self.base.sample(shape)

    def log_prob(self, x):
        return self.factor * self.base.log_prob(x).sum(-1) + self.constant


class Silent(Own):
    """Tells neither mean nor draws."""

    @property
    def mean(self):
        raise NotImplementedError

    def sample(self, shape=()):
        raise NotImplementedError


def binary(factor=1.0, cls=Own):
    class Model(Distributions):
        def decode(self, z):
            return cls(Bernoulli(logits=self.logits(z)), factor)

    return trained(Model)


@pytest.mark.parametrize(
    ("factor", "word"), [(1 / 64, "the mean over 64 values"), (0.5, "a weight"), (4.0, "about 4 times")]
)
def test_a_factor_before_a_likelihood_of_binary_data(factor, word):
    x = digits("test")
    refused(binary(factor), x, "mass", word, "sum over all values of x without a factor")
    assert looked_at(binary(), x) == {}  # the remedy


def test_where_nothing_can_be_told_nothing_is():
    assert "mass" not in looked_at(binary(0.5, Silent), digits("test"), allow=["chance"])


class Continuous(nn.Module):
    """Real values from two latents, with an exact encoder's form."""

    def __init__(self, size, make):
        super().__init__()
        torch.manual_seed(0)
        self.enc, self.dec, self.make = nn.Linear(size, 4), nn.Linear(2, size), make

    def encode(self, x):
        mean, logvar = self.enc(x).chunk(2, -1)
        return Independent(Normal(mean, (0.5 * logvar).exp()), 1)

    def decode(self, z):
        return self.make(self.dec(z))

    def prior(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)


SIZES = {"one value": 1, "two values": 2, "many values": 60}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("kind", ["normal", "student", "width"])
def test_densities_of_continuous_data_pass_and_those_with_a_factor_do_not(size, kind):
    def base(mean):
        if kind == "student":
            return StudentT(torch.full_like(mean, 5.0), mean, 0.4)
        return Normal(mean, 0.3 if kind == "normal" else 0.1 + mean.abs())

    x = torch.randn(30, size) * 0.5
    right = Continuous(size, lambda mean: Own(base(mean)))
    assert "mass" not in looked_at(right, x)
    wrong = Continuous(size, lambda mean: Own(base(mean), 1 / size if size > 2 else 0.5))
    refused(wrong, x, "mass", "the mean over 60 values" if size > 2 else "and not 1")


def test_a_missing_constant_shows_where_x_is_small():
    x = torch.randn(30, 1) * 0.5
    model = Continuous(1, lambda mean: Own(Normal(mean, 0.1), constant=math.log(0.1 * math.sqrt(2 * math.pi))))
    refused(model, x, "mass", "summed up over x (1 value) gives 0.25")


def test_a_few_binary_values_are_enumerated():
    x = (torch.rand(30, 6) < 0.5).float()
    for factor in (1.0, 0.7):
        model = Continuous(6, lambda mean, factor=factor: Silent(Bernoulli(logits=mean), factor))
        assert ("mass" in looked_at(model, x, allow=["mass"])) == (factor != 1.0)


def test_counts_that_happen_to_be_binary_are_no_binary_values():
    class Counts(torch.distributions.Poisson):
        """Of another library, with a log_prob of its own."""

        def log_prob(self, value):
            return super().log_prob(value)

    x = (torch.rand(30, 6) < 0.5).float()
    model = Continuous(6, lambda mean: Independent(Counts(mean.exp()), 1))
    assert "mass" not in looked_at(model, x)


class Coupled(Own):
    """A binary density whose values depend on each other: log-odds are no multiple of those of the mean."""

    def log_prob(self, x):
        pairs = (x[:, 1:] * x[:, :-1]).sum(-1)
        return self.base.log_prob(x).sum(-1) + 0.7 * pairs


def test_values_that_depend_on_each_other_are_left_alone():
    class Model(Distributions):
        def decode(self, z):
            return Coupled(Bernoulli(logits=self.logits(z)))

    assert "mass" not in looked_at(trained(Model), digits("test"))
    assert LATENT == 4
