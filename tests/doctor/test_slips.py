"""Slips in the user's own code are told with their line, parameters that no distribution takes with their number."""

from types import MappingProxyType

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Gamma, Independent, Normal, Poisson

import gapkit
from gapkit.core.errors import InputError
from gapkit.doctor import CHECKS
from gapkit.engine.checkup import checkup
from gapkit.engine.given import Given
from gapkit.engine.spec import AnalysisSpec
from gapkit.models import LatentGroups
from tests.doctor.looks import looked_at

X = torch.bernoulli(torch.full((8, 12), 0.5), generator=torch.Generator().manual_seed(0))


class Plain:
    """Two latents; ``slip`` says what is wrong with it."""

    def __init__(self, slip=""):
        self.slip, self.parts = slip, {}

    def encode(self, x):
        if self.slip == "encode":
            return self.parts["mean"]  # slip: encode
        return Independent(Normal(x[:, :2], -0.5 if self.slip == "scale of q" else 0.5), 1)

    def decode(self, z):
        if self.slip == "decode":
            return z.no_such_thing  # slip: decode
        if self.slip == "of many" and len(z) > 50:
            return self.parts["many"]  # slip: of many
        first = z[:, :1].expand(-1, 12)
        if self.slip == "scale":
            return Independent(Normal(first, first), 1)
        if self.slip == "rate":
            return Independent(Poisson(first), 1)
        if self.slip == "probs":
            return Independent(Bernoulli(probs=first), 1)
        return Independent(Bernoulli(logits=first), 1)

    def prior(self):
        if self.slip == "prior":
            return undefined  # noqa: F821  # slip: prior
        return Independent(Normal(torch.zeros(2), torch.tensor([1.0, -1.0 if self.slip == "scale of p" else 1.0])), 1)


class Ladder(LatentGroups):
    groups = MappingProxyType({"z2": 1, "z1": 2})

    def __init__(self, slip=""):
        super().__init__()
        self.slip = slip
        self.up, self.down, self.out = nn.Linear(12, 3), nn.Linear(1, 2), nn.Linear(2, 12)

    def infer(self, name, features, drawn):
        if self.slip == "infer":
            return drawn["z3"]  # slip: infer
        mean = self.up(features)[:, :1] if name == "z2" else self.up(features)[:, 1:]
        return Normal(mean, mean.sin() if self.slip == "scale of q" else 0.5)

    def generate(self, name, drawn):
        if name == "z2":
            return Normal(torch.zeros(1), 1.0)
        if self.slip == "generate":
            return drawn["z0"]  # slip: generate
        mean = self.down(drawn["z2"])
        return Normal(mean, mean.sin() if self.slip == "scale of p" else 1.0)

    def likelihood(self, z):
        if self.slip == "likelihood":
            return z["z5"]  # slip: likelihood
        return Independent(Bernoulli(logits=self.out(z["z1"])), 1)


@pytest.mark.parametrize(
    ("kind", "slip", "words"),
    [
        (Plain, "encode", "encode failed: KeyError: 'mean'"),
        (Plain, "decode", "decode failed: AttributeError: 'Tensor' object has no attribute 'no_such_thing'"),
        (Plain, "prior", "prior failed: NameError: name 'undefined' is not defined"),
        (Ladder, "infer", "encode failed: KeyError: 'z3'"),
        (Ladder, "generate", "prior failed: KeyError: 'z0'"),
        (Ladder, "likelihood", "decode failed: KeyError: 'z5'"),
    ],
)
def test_a_slip_is_told_with_its_line(kind, slip, words):
    with pytest.raises(InputError) as error:
        gapkit.analyze(kind(slip), X, effort="quick")
    assert f"{words}, at {__file__} line " in error.value.found
    assert error.value.found.endswith(f"# slip: {slip}")
    assert "mend that line" in error.value.do


def test_a_slip_that_needs_many_rows_is_told_with_its_line():
    with pytest.raises(InputError) as error:
        looked_at(Plain("of many"), X)
    assert f"KeyError: 'many', at {__file__} line " in error.value.found
    assert error.value.found.endswith("# slip: of many")
    assert "mend that line" in error.value.do


@pytest.mark.parametrize(
    ("kind", "slip", "words"),
    [
        (Plain, "scale", r"p\(x\|z\): scale of Normal: \d+ of 96 values are not positive"),
        (Plain, "rate", r"p\(x\|z\): rate of Poisson: \d+ of 96 values lie outside the positive numbers"),
        (Plain, "probs", r"p\(x\|z\): probs of Bernoulli: \d+ of 96 values lie outside the interval \[0, 1\]"),
        (Ladder, "scale of q", r"q\(z\|x\): standard deviations of .*: \d+ of 216 values are not positive"),
        (Ladder, "scale of p", r"p\(z\): standard deviations of .*: \d+ of 216 values are not positive"),
    ],
)
def test_parameters_that_no_distribution_takes_are_counted(kind, slip, words):
    torch.manual_seed(0)
    model = kind(slip)
    with pytest.raises(InputError, match=words) as error:
        gapkit.analyze(model, X, effort="quick")
    assert "--allow parameters" in error.value.do
    assert "exp or softplus" in error.value.do
    assert looked_at(model, X, allow=CHECKS)["parameters"].level == "allowed"
    assert "parameters" not in looked_at(kind(), X, allow=CHECKS)


def test_scales_of_q_and_of_a_plain_prior_too():
    with pytest.raises(InputError, match="16 of 16 are zero or negative"):
        looked_at(Plain("scale of q"), X)
    with pytest.raises(InputError, match="scale of Normal: 1 of 2 values are not positive") as error:
        looked_at(Plain("scale of p"), X)
    assert "exp or softplus" in error.value.do


class Single:
    """One latent: a number for a datapoint in encode, whatever ``decode`` and ``prior`` take."""

    def __init__(self, prior_axis=False, decode_axis=False, q_axis=False):
        self.prior_axis, self.decode_axis, self.q_axis = prior_axis, decode_axis, q_axis

    def encode(self, x):
        a = 1.0 + x.sum(1)
        return Independent(Gamma(a.unsqueeze(-1), torch.ones(1)), 1) if self.q_axis else Gamma(a, 1.0)

    def decode(self, z):
        rate = z @ torch.ones(1, 12) if self.decode_axis else z.unsqueeze(1).expand(-1, 12)
        return Independent(Poisson(rate), 1)

    def prior(self):
        return Independent(Gamma(torch.ones(1), 1.0), 1) if self.prior_axis else Gamma(torch.ones(()), 1.0)


def errors_of(model):
    return [line for line in checkup(model, Given(x=X), AnalysisSpec()) if line.level == "error"]


def test_a_latent_that_is_a_number_is_taken_where_all_agree():
    assert not errors_of(Single())


@pytest.mark.parametrize("part", ["prior_axis", "decode_axis"])
def test_a_latent_without_an_axis_is_said(part):
    (error,) = errors_of(Single(**{part: True}))
    assert "give the latent an axis, as in Independent(Gamma(a.unsqueeze(-1), b.unsqueeze(-1)), 1)" in error.do
    assert not errors_of(Single(prior_axis=True, decode_axis=True, q_axis=True))


def test_a_prior_of_other_latents_is_said():
    model = Plain()
    model.prior = lambda: Independent(Normal(torch.zeros(3), 1.0), 1)
    with pytest.raises(InputError, match=r"make the prior of latents of shape \(2,\)"):
        looked_at(model, X)
    model.prior = lambda: Normal(torch.zeros(2), 1.0)
    with pytest.raises(InputError, match=r"Independent\(prior, 1\)"):
        looked_at(model, X)
