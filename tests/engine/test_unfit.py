"""Posteriors that cannot be analysed are refused before any work, by their own names, with a remedy that works."""

import re
from types import MappingProxyType

import pytest
import torch
from torch import distributions as d
from torch.distributions import Independent, Normal, TransformedDistribution, transforms

import gapkit
from gapkit import register_family
from gapkit.core.errors import InputError
from gapkit.engine.checkup import checkup
from gapkit.engine.given import Given
from gapkit.engine.spec import AnalysisSpec
from gapkit.local import forget_family
from gapkit.models import LatentGroups, classes_summed_out
from tests.own_family import LaplaceMeanField

X = torch.bernoulli(torch.full((4, 6), 0.5), generator=torch.Generator().manual_seed(0))
ONE = torch.ones(2)
PRIORS = {
    "real": lambda: Independent(Normal(0 * ONE, 1.0), 1),
    "positive": lambda: Independent(d.Gamma(2 * ONE, 1.0), 1),
    "unit": lambda: Independent(d.Uniform(0 * ONE, 1.0), 1),
    "interval": lambda: Independent(d.Uniform(-1 * ONE, 2.0), 1),
    "above": lambda: Independent(d.Pareto(0.5 * ONE, 2 * ONE), 1),
    "simplex": lambda: d.Dirichlet(torch.ones(3)),
}


def _normal(*steps):
    return lambda x: TransformedDistribution(Independent(Normal(_m(x), 0.5), 1), list(steps))


def _m(x):
    return 0.2 + 0.3 * x[:, :2]


WORK = {  # what a refusal recommends on each set
    "real": [lambda x: Independent(Normal(_m(x), 0.5), 1)],
    "positive": [
        lambda x: Independent(d.LogNormal(_m(x), 0.5), 1),
        lambda x: Independent(d.Gamma(_m(x), 0.5), 1),
        lambda x: Independent(d.Weibull(_m(x), 1 + _m(x)), 1),
        lambda x: Independent(d.Exponential(_m(x)), 1),
        lambda x: Independent(d.Chi2(_m(x)), 1),
        _normal(transforms.SoftplusTransform()),
    ],
    "unit": [lambda x: Independent(d.Beta(_m(x), 1 + _m(x)), 1), _normal(transforms.SigmoidTransform())],
    "interval": [_normal(transforms.SigmoidTransform(), transforms.AffineTransform(-1, 3))],
    "above": [_normal(transforms.ExpTransform(), transforms.AffineTransform(0.5, 1))],
    "simplex": [lambda x: d.Dirichlet(1 + x[:, :3]), _normal(transforms.StickBreakingTransform())],
}
NO_FAMILY = {
    "HalfNormal": (lambda x: Independent(d.HalfNormal(_m(x)), 1), "the positive numbers", "LogNormal, Gamma, Weibull"),
    "HalfCauchy": (lambda x: Independent(d.HalfCauchy(_m(x)), 1), "the positive numbers", "LogNormal, Gamma, Weibull"),
    "InverseGamma": (lambda x: Independent(d.InverseGamma(_m(x), _m(x)), 1), "the positive numbers", "LogNormal"),
    "FisherSnedecor": (lambda x: Independent(d.FisherSnedecor(_m(x), _m(x)), 1), "the positive numbers", "LogNormal"),
    "Pareto": (lambda x: Independent(d.Pareto(_m(x), _m(x)), 1), "bounds of their own", "Beta on [0, 1]"),
    "Uniform": (lambda x: Independent(d.Uniform(_m(x), 1 + _m(x)), 1), "bounds of its own", "Beta on [0, 1]"),
    "Kumaraswamy": (lambda x: Independent(d.Kumaraswamy(1 + _m(x), _m(x)), 1), "the interval [0, 1]", "Beta, or"),
    "ContinuousBernoulli": (lambda x: Independent(d.ContinuousBernoulli(_m(x)), 1), "the interval [0, 1]", "Beta, or"),
    "StudentT": (lambda x: Independent(d.StudentT(4.0, _m(x)), 1), "all real numbers", "gapkit.register_family"),
    "Gumbel": (lambda x: Independent(d.Gumbel(_m(x), 1.0), 1), "all real numbers", "gapkit.register_family"),
    "Laplace": (lambda x: Independent(d.Laplace(_m(x), 1.0), 1), "all real numbers", "gapkit.register_family"),
    "VonMises": (lambda x: Independent(d.VonMises(_m(x), 1 + _m(x)), 1), "all real numbers", "Independent(Normal)"),
    "LKJCholesky": (lambda x: d.LKJCholesky(2, _m(x)[:, 0]), "correlation matrices", "flat numbers"),
    "Gamma through AffineTransform": (
        lambda x: Independent(TransformedDistribution(d.Gamma(_m(x), 1.0), [transforms.AffineTransform(1.0, 2.0)]), 1),
        "the numbers above 1",
        "of a Normal by [ExpTransform(), AffineTransform(1, 1)]",
    ),
    "Normal through SoftmaxTransform": (_normal(transforms.SoftmaxTransform()), "the simplex", "Dirichlet, or"),
    "Normal through AbsTransform": (_normal(transforms.AbsTransform()), "the positive numbers", "LogNormal, Gamma"),
}
DISCRETE = {
    "RelaxedBernoulli": lambda x: Independent(d.RelaxedBernoulli(torch.tensor(0.5), _m(x)), 1),
    "RelaxedOneHotCategorical": lambda x: d.RelaxedOneHotCategorical(torch.tensor(0.5), logits=x[:, :3]),
    "OneHotCategoricalStraightThrough": lambda x: d.OneHotCategoricalStraightThrough(logits=x[:, :3]),
    "Bernoulli": lambda x: Independent(d.Bernoulli(_m(x)), 1),
    "Categorical": lambda x: Independent(d.Categorical(logits=x.reshape(-1, 2, 3)), 1),
    "Poisson": lambda x: Independent(d.Poisson(_m(x)), 1),
}


class Model:
    def __init__(self, q, prior):
        self.encode, self.prior = q, prior

    def decode(self, z):
        return Independent(d.Bernoulli(logits=2 * torch.tanh(z.reshape(len(z), -1).sum(1, True)).expand(-1, 6)), 1)


def checks(model, x=X, **settings):
    return checkup(model, Given(x=x), AnalysisSpec(**settings))


def refused(model):
    lines = [line for line in checks(model) if line.level == "error"]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("name", NO_FAMILY)
def test_a_family_that_is_not_known_is_named_with_its_set(name):
    q, where, do = NO_FAMILY[name]
    for prior in ("real", "positive"):
        line = refused(Model(q, PRIORS[prior]))
        assert f"encode returned {name} on" in line.found
        assert where in line.found
        assert do in line.do


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_latents_and_their_relaxations_are_named(name):
    line = refused(Model(DISCRETE[name], PRIORS["real"]))
    assert f"encode returned {name}" in line.found
    assert ("the relaxation of discrete latents" in line.found) == name.startswith("Relaxed")
    assert "gapkit.models.classes_summed_out" in line.do
    assert "condition" in line.do


@pytest.mark.parametrize("where", WORK)
def test_what_a_refusal_recommends_can_be_analysed(where):
    for q in WORK[where]:
        assert not [line for line in checks(Model(q, PRIORS[where])) if line.level == "error"]


NAMES = {"positive": "the positive numbers", "unit": "the interval [0, 1]", "real": "all real numbers"}


@pytest.mark.parametrize(
    ("q", "kind", "prior"),
    [
        ("Gamma", "positive", "unit"),
        ("Gamma", "positive", "real"),
        ("Beta", "unit", "positive"),
        ("Beta", "unit", "real"),
        ("LogNormal", "positive", "real"),
        ("LogNormal", "positive", "unit"),
        ("Normal", "real", "positive"),
        ("Normal", "real", "unit"),
    ],
)
def test_supports_that_differ_are_both_named(q, kind, prior):
    encode = next(each for each in WORK[kind] if type(each(X).base_dist).__name__ == q)
    line = refused(Model(encode, PRIORS[prior]))
    theirs = type(PRIORS[prior]().base_dist).__name__
    assert f"q(z|x) is {q} on {NAMES[kind]}, and p(z) is {theirs} on {NAMES[prior]}" in line.found
    assert f"on {NAMES[kind]}" in line.do  # the two remedies, which the test above follows
    assert {"positive": "LogNormal, Gamma", "unit": "Beta, or", "real": "Independent(Normal)"}[prior] in line.do


class Undrawn(d.Gamma):
    def sample(self, sample_shape=()):
        raise NotImplementedError


def test_a_prior_on_the_same_set_that_cannot_be_drawn_from_is_said():
    line = refused(Model(WORK["positive"][1], lambda: Independent(Undrawn(2 * ONE, 1.0), 1)))
    assert "p(z) is Undrawn on the positive numbers, but not with mass on the same part" in line.found
    assert "draws (sample) that lie within" in line.do


def test_another_family_for_a_log_normal_under_a_normal_prior():
    model = Model(WORK["positive"][0], PRIORS["real"])
    assert "--family flow" in refused(model).do
    assert not [line for line in checks(model, families=("flow",)) if line.level == "error"]


def test_a_density_needs_its_prior():
    encode = WORK["positive"][1]
    joint = gapkit.from_joint(lambda x, z: -z.sum(1) + 0 * x.sum(1), encode)
    assert "p(z) is Normal on all real numbers" in refused(joint).found
    assert "prior= of gapkit.from_joint" in refused(joint).do
    followed = gapkit.from_joint(lambda x, z: -z.sum(1) + 0 * x.sum(1), encode, prior=PRIORS["positive"]())
    assert not [line for line in checks(followed) if line.level == "error"]


def test_a_family_of_ones_own_is_read_from_a_transformed_distribution():
    """Gumbel is one of torch's own: it is read before it is refused."""

    def read(q):
        inner = q.base_dist
        return LaplaceMeanField(inner.loc, inner.scale) if isinstance(inner, d.Gumbel) else None

    model = Model(NO_FAMILY["Gumbel"][0], PRIORS["real"])
    register_family("stand_in", LaplaceMeanField, recognise=read, words="Laplace distribution")
    try:
        assert not [line for line in checks(model) if line.level == "error"]
    finally:
        forget_family("stand_in")
    assert "register_family" in refused(model).do


def test_estimators_refuse_in_the_same_words():
    model = Model(WORK["real"][0], PRIORS["real"])
    with pytest.raises(InputError, match="encode returned HalfNormal on the positive numbers"):
        gapkit.Elbo()(model, X, NO_FAMILY["HalfNormal"][0](X))


class Ladder(LatentGroups):
    groups = MappingProxyType({"z2": 1, "z1": 1})

    def infer(self, name, features, drawn):
        return Normal(features[:, :1] - 0.5, 0.5)

    def generate(self, name, drawn):
        return Normal(torch.zeros(1), 1.0)

    def likelihood(self, z):
        return Independent(d.Bernoulli(logits=z["z1"].expand(-1, 6)), 1)


class OfClasses(Model):
    def __init__(self):
        super().__init__(lambda x, y: Independent(Normal(_m(x), 0.5), 1), PRIORS["real"])

    def decode(self, z, y):
        return Independent(d.Bernoulli(logits=2 * torch.tanh(z.sum(1, True) + y.unsqueeze(1)).expand(-1, 6)), 1)


MODELS = {
    "p(z) Gamma, p(x|z) Bernoulli": Model(WORK["positive"][1], PRIORS["positive"]),
    "p(z) Uniform, p(x|z) Bernoulli": Model(WORK["unit"][1], PRIORS["unit"]),
    "p(z) Dirichlet, p(x|z) Bernoulli": Model(WORK["simplex"][0], PRIORS["simplex"]),
    "p(z) Pareto, p(x|z) Bernoulli": Model(WORK["above"][0], PRIORS["above"]),
    "p(z) Normal of each group, p(x|z) Bernoulli": Ladder(),
    "p(x|z) Bernoulli of 2 classes": classes_summed_out(OfClasses(), 2, lambda x: x[:, :2]),
    "p(x|z) log p(x, z) - log p(z)": gapkit.from_joint(lambda x, z: -z.square().sum(1) + 0 * x.sum(1), WORK["real"][0]),
    "1 latent, q(z|x) gamma, p(z) Gamma": Model(lambda x: d.Gamma(_m(x)[:, 0], 1.0), lambda: d.Gamma(ONE[0], 1.0)),
}


@pytest.mark.parametrize("words", MODELS)
def test_the_checks_call_every_distribution_by_the_users_name(words):
    lines = checks(MODELS[words])
    assert words in lines[0].asked
    told = " ".join(f"{line.asked} {line.found} {line.do}" for line in lines)
    assert not re.search(r"\b_[A-Z]\w*|Inverse|TransportDistribution\b(?! of)", told)
