"""Gaussians in coordinates of z that are written as shifted and stretched noise, which is how many encoders do it."""

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    ComposeTransform,
    Independent,
    LogNormal,
    MultivariateNormal,
    Normal,
    Poisson,
    TransformedDistribution,
)
from torch.distributions.transforms import (
    ExpTransform,
    IndependentTransform,
    SigmoidTransform,
    SoftplusTransform,
    TanhTransform,
)

import gapkit
from gapkit.models.coordinates import in_real_coordinates
from gapkit.target import family_name, recognise


def _noise(x):
    return Normal(torch.zeros_like(x), 1.0)


def _to(x, event_dim=0):
    return AffineTransform(x / 3, 0.2 + 0.1 * x, event_dim=event_dim)


FORMS = {
    "within": lambda x, f: Independent(TransformedDistribution(_noise(x), [_to(x), f]), 1),
    "base": lambda x, f: TransformedDistribution(Independent(_noise(x), 1), [_to(x, 1), f]),
    "steps": lambda x, f: TransformedDistribution(
        Independent(_noise(x), 1), [IndependentTransform(_to(x), 1), IndependentTransform(f, 1)]
    ),
    "composed": lambda x, f: TransformedDistribution(Independent(_noise(x), 1), [ComposeTransform([_to(x), f])]),
    "nested": lambda x, f: TransformedDistribution(
        Independent(TransformedDistribution(_noise(x), [_to(x)]), 1), [IndependentTransform(f, 1)]
    ),
    "twice": lambda x, f: Independent(
        TransformedDistribution(_noise(x), [AffineTransform(-x, -2 * torch.ones_like(x)), _to(x), f]), 1
    ),
    "scalar_noise": lambda x, f: Independent(TransformedDistribution(Normal(0.0 * x[0, 0], 1.0), [_to(x), f]), 1),
}
WORDS = {"exp": "log z", "sigmoid": "logit z", "tanh": "artanh z", "softplus": "the inverse of Softplus"}
STEPS = {"exp": ExpTransform, "sigmoid": SigmoidTransform, "tanh": TanhTransform, "softplus": SoftplusTransform}


class Written:
    def __init__(self, form, step):
        self.form, self.step = form, step

    def encode(self, x):
        return FORMS[self.form](x, STEPS[self.step]())

    def decode(self, z):
        return Independent(Poisson(1.0 + z.abs()), 1)

    def prior(self):
        base = Normal(torch.zeros(2, dtype=torch.float64), 1.0)
        return Independent(TransformedDistribution(base, [STEPS[self.step]()]), 1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("step", STEPS)
def test_it_is_mean_field_in_the_coordinates(form, step):
    torch.manual_seed(0)
    model, x = Written(form, step), torch.tensor([[1.0, 2.0], [0.0, 3.0], [2.0, 1.0]], dtype=torch.float64)
    real = in_real_coordinates(model, x)
    q = recognise(real.encode(x))
    assert family_name(q) == "mean_field"
    assert real.words == WORDS[step]
    y = real.encode(x).sample()
    z = real.to_latents(y)
    by_hand = model.prior().log_prob(z) + model.decode(z).log_prob(x) - model.encode(x).log_prob(z)
    found = real.prior().log_prob(y) + real.decode(y).log_prob(x) - q.log_prob(y.unsqueeze(0))[0]
    torch.testing.assert_close(found, by_hand)


def test_shifted_full_rank_posteriors_are_full_rank():
    tril = torch.tensor([[[1.0, 0.0], [0.5, 2.0]]]).expand(3, 2, 2)
    base = MultivariateNormal(torch.ones(3, 2), scale_tril=tril)
    q = TransformedDistribution(base, [AffineTransform(torch.ones(3, 2), torch.tensor([-2.0, 0.5]), event_dim=1)])
    found = recognise(q)
    assert family_name(found) == "full_rank"
    assert bool((found.scale_tril.diagonal(dim1=-2, dim2=-1) > 0).all())
    z = q.sample((4,))
    torch.testing.assert_close(found.log_prob(z), q.log_prob(z))


@pytest.mark.slow
def test_the_gaps_are_those_of_a_log_normal():
    x = torch.tensor([[1.0, 2.0], [0.0, 3.0], [2.0, 1.0], [4.0, 1.0]], dtype=torch.float64)
    written = Written("within", "exp")
    plain = Written("within", "exp")
    plain.encode = lambda x: Independent(LogNormal(x / 3, 0.2 + 0.1 * x), 1)
    ours, theirs = (gapkit.analyze(model, x, effort="quick").to_frame() for model in (written, plain))
    for column in ("log_px", "elbo", "elbo_star"):
        assert ours[column].to_numpy() == pytest.approx(theirs[column].to_numpy(), abs=1e-6)
