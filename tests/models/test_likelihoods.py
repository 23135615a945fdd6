"""Every likelihood: one contract over the registry, values against scipy and torch, refusals with their remedies."""

import math

import pytest
import torch
from scipy import stats
from torch import distributions as td

from gapkit.core.errors import InputError
from gapkit.models import likelihoods as lk
from gapkit.models.likelihoods import LIKELIHOODS, check_support, parse, spec

SPECS = [
    "bernoulli",
    "bernoulli:logits",
    "bernoulli:probs",
    "categorical:num_classes=4",
    "categorical:num_classes=4,probs",
    "continuous_bernoulli",
    "continuous_bernoulli:probs",
    "cross_entropy",
    "cross_entropy:probs",
    "discretized_logistic",
    "discretized_logistic:bins=16,low=-1.0,scale=global",
    "gaussian:scale=global",
    "gaussian:scale=pixel",
    "gaussian:scale=pixel,chunk_dim=-1",
    "gaussian:scale=pixel,logstd",
    "gaussian:scale=pixel,std",
    "gaussian:scale=pixel,var",
    "gaussian:sigma=0.1",
    "negative_binomial",
    "negative_binomial:dispersion=pixel",
    "poisson",
    "poisson:log_rate",
    "poisson:rate",
]
SHAPES = [(6,), (2, 3, 4)]


def make(text, x_shape, batch=3, dtype=torch.float32):
    """A likelihood, a decoder output for it, and its shared parameter."""
    torch.manual_seed(0)
    likelihood = parse(text)
    params = torch.randn(batch, *likelihood.output_shape(x_shape), dtype=dtype)
    if text.endswith("probs"):
        params = params.softmax(-1) if text.startswith("categorical") else params.sigmoid()
    if text.endswith((":rate", ",std", ",var")):
        params = params.exp()
    shared = None if likelihood.shared is None else torch.tensor(-0.5, dtype=dtype)
    return likelihood, params, shared


def test_every_registered_likelihood_is_tested_and_keyed_by_its_name():
    assert {text.partition(":")[0] for text in SPECS} == set(LIKELIHOODS)
    assert all(key == kind.name for key, kind in LIKELIHOODS.items())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("x_shape", SHAPES)
@pytest.mark.parametrize("text", SPECS)
def test_contract(text, x_shape, dtype):
    likelihood, params, shared = make(text, x_shape, dtype=dtype)
    params.requires_grad_(True)
    dist = likelihood(params, shared)
    assert isinstance(dist, td.Independent)
    assert (dist.batch_shape, dist.event_shape) == ((3,), x_shape)
    x = dist.sample()
    likelihood.check_support(x)
    check_support(dist, x)
    value = dist.log_prob(x)
    assert (value.shape, value.dtype) == ((3,), dtype)
    (gradient,) = torch.autograd.grad(value.sum(), params)
    assert torch.isfinite(gradient).all()
    alone = likelihood(params[1:2], shared).log_prob(x[1:2])
    torch.testing.assert_close(alone, value[1:2])


@pytest.mark.parametrize("text", SPECS)
def test_spec_and_parse_are_inverse(text):
    assert spec(parse(text)) == text
    assert parse(spec(parse(text))) == parse(text)


def scipy_log_prob(text, a, b, x):
    """Log probability of one value, from scipy; a and b are the decoder's numbers, b also the shared one."""
    return {
        "bernoulli": lambda: stats.bernoulli(1 / (1 + math.exp(-a))).logpmf(x),
        "poisson": lambda: stats.poisson(math.exp(a)).logpmf(x),
        "gaussian:sigma=0.1": lambda: stats.norm(a, 0.1).logpdf(x),
        "gaussian:scale=global": lambda: stats.norm(a, math.exp(b)).logpdf(x),
        "gaussian:scale=pixel": lambda: stats.norm(a, math.exp(b / 2)).logpdf(x),
        "negative_binomial": lambda: stats.nbinom(math.exp(b), 1 / (1 + math.exp(a - b))).logpmf(x),
        "negative_binomial:dispersion=pixel": lambda: stats.nbinom(math.exp(b), 1 / (1 + math.exp(a - b))).logpmf(x),
    }[text]()


@pytest.mark.parametrize("x", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(
    "text",
    [
        "bernoulli",
        "gaussian:scale=global",
        "gaussian:scale=pixel",
        "gaussian:sigma=0.1",
        "negative_binomial",
        "negative_binomial:dispersion=pixel",
        "poisson",
    ],
)
def test_log_prob_against_scipy(text, x):
    if text == "bernoulli" and x > 1:
        return
    a, b = torch.tensor([[0.7]], dtype=torch.float64), torch.tensor([[-0.4]], dtype=torch.float64)
    likelihood = parse(text)
    params = (a, b) if "pixel" in text else a
    value = likelihood(params, b[0] if likelihood.shared else None).log_prob(torch.full_like(a, x))
    assert value.item() == pytest.approx(scipy_log_prob(text, 0.7, -0.4, x), rel=1e-9)


def test_negative_binomial_mean_and_variance_are_those_of_the_docstring():
    dist = lk.NegativeBinomial()(torch.tensor([[1.5]]), torch.tensor(0.3))
    mean, r = math.exp(1.5), math.exp(0.3)
    assert dist.mean.item() == pytest.approx(mean, rel=1e-5)
    assert dist.variance.item() == pytest.approx(mean + mean**2 / r, rel=1e-5)


def test_categorical_equals_cross_entropy():
    logits, x = torch.randn(3, 5, 4), torch.randint(4, (3, 5))
    expected = -torch.nn.functional.cross_entropy(logits.movedim(-1, 1), x, reduction="none").sum(1)
    torch.testing.assert_close(lk.Categorical(4)(logits).log_prob(x), expected)


def test_a_pair_and_a_chunked_tensor_mean_the_same():
    mean, log_var, x = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    pair = parse("gaussian:scale=pixel")((mean, log_var)).log_prob(x)
    torch.testing.assert_close(parse("gaussian:scale=pixel")(torch.cat([mean, log_var], 1)).log_prob(x), pair)
    last = torch.cat([mean, log_var], -1)
    torch.testing.assert_close(parse("gaussian:scale=pixel,chunk_dim=-1")(last).log_prob(x), pair)


@pytest.mark.parametrize(
    ("text", "x", "message"),
    [
        ("bernoulli", [0.0, 0.2, 0.7, 1.0], r"2 of 4 values lie strictly between 0 and 1[\s\S]*--binarize"),
        ("bernoulli", [0.0, 255.0], r"outside \[0, 1\] \(smallest 0, largest 255\)[\s\S]*/ 255"),
        ("bernoulli", [math.nan, 1.0], "1 of 2 values are NaN or infinite"),
        ("continuous_bernoulli", [0.5, 1.2], r"1 of 2 values lie outside \[0, 1\]"),
        ("discretized_logistic", [0.0, 0.5], "1 of 2 values lie between the 256 values of the grid"),
        ("discretized_logistic", [0.0, 255.0], "1 of 2 values lie outside"),
        ("gaussian:sigma=1", [math.inf, 0.0], "1 of 2 values are NaN or infinite"),
        ("poisson", [-1.0, 2.0], "1 of 2 values are negative"),
        ("negative_binomial", [0.5, 2.0], "1 of 2 values are not whole numbers"),
        ("categorical:num_classes=3", [0, 3], r"outside 0, ..., 2 \(smallest 0, largest 3\)[\s\S]*num_classes"),
        ("categorical:num_classes=3", [0.0, 0.3], "1 of 2 values are not whole numbers"),
    ],
)
def test_data_outside_the_support_are_refused_alike_by_likelihood_and_distribution(text, x, message):
    likelihood = parse(text)
    data = torch.tensor(x)[None]
    params = torch.zeros(1, *likelihood.output_shape(data.shape[1:]))
    dist = likelihood(params, torch.tensor(0.0) if likelihood.shared else None)
    with pytest.raises(InputError, match=message):
        likelihood.check_support(data)
    with pytest.raises(InputError, match=message):
        check_support(dist, data)


def test_whole_number_pixels_of_integer_dtype_are_told_to_become_floats():
    with pytest.raises(InputError, match=r"x\.float\(\)"):
        lk.Bernoulli().check_support(torch.tensor([[0, 1]]))


class Silent(td.Distribution):
    """A user's distribution that says nothing about its support."""

    arg_constraints: dict = {}  # noqa: RUF012


def test_check_support_of_other_distributions():
    inside = torch.tensor([[0.2, 0.8]])
    check_support(td.Independent(td.Beta(torch.ones(1, 2), 1.0), 1), inside)
    with pytest.raises(InputError, match=r"outside \[0, 1\]"):
        check_support(td.Independent(td.Beta(torch.ones(1, 2), 1.0), 1), inside + 1)
    with pytest.raises(InputError, match="1 of 2 values lie outside the support"):
        check_support(td.Independent(td.Exponential(torch.ones(1, 2)), 1), torch.tensor([[-1.0, 1.0]]))
    check_support(td.MultivariateNormal(torch.zeros(1, 2), torch.eye(2)), inside)
    with pytest.raises(InputError, match=r"shape \(1, 2\), event shape \(3,\)"):
        check_support(td.MultivariateNormal(torch.zeros(1, 3), torch.eye(3)), inside)
    silent = Silent(validate_args=False)
    check_support(silent, inside)
    with pytest.raises(InputError, match="NaN"):
        check_support(silent, inside / 0 * 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bernouli", "choose from bernoulli, categorical"),
        ("gaussian", "sigma=0.1 .fixed."),
        ("gaussian:sigma=0.1,scale=pixel", "give the noise"),
        ("gaussian:sigma=-1", "positive"),
        ("gaussian:sigma=small", "positive"),
        ("gaussian:scale=fixed", "give the noise"),
        ("gaussian:scale=row", "choose from fixed, global, pixel"),
        ("gaussian:scale=pixel,chunk_dim=0", "channel axis"),
        (
            "gaussian:variance=1",
            "options of gaussian: sigma, scale, chunk_dim, output .logvar or std or logstd or var.",
        ),
        ("gaussian:0.1", "not of the form option=value"),
        ("bernoulli:sigma=1", r"options of bernoulli: output \(logits or probs\)"),
        ("bernoulli:rate", r"'rate' is not of the form option=value[\s\S]*logits or probs"),
        ("bernoulli:output=rate", "choose from logits, probs"),
        ("bernoulli:probs,logits", "output is given twice"),
        ("gaussian:probs", "not of the form option=value"),
        ("gaussian:sigma=0.1,std", "gaussian:scale=pixel"),
        ("gaussian:scale=pixel,output=sigma", "choose from logvar, std, logstd, var"),
        ("poisson:probs", "log_rate or rate"),
        ("categorical:probs", "write categorical:num_classes="),
        ("categorical", "write categorical:num_classes=..."),
        ("categorical:num_classes=1", "at least 2"),
        ("discretized_logistic:bins=1", "bins >= 2"),
        ("discretized_logistic:low=a", "low < high"),
        ("negative_binomial:dispersion=row", "choose from global, pixel"),
    ],
)
def test_bad_strings_are_refused_and_what_exists_is_listed(text, message):
    with pytest.raises(InputError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        ("bernoulli", (torch.zeros(2, 3), torch.zeros(2, 3)), r"a tuple of tensors of shape \(2, 3\), \(2, 3\)"),
        ("bernoulli", td.Bernoulli(torch.full((2, 3), 0.5)), "needs no from_pair"),
        ("categorical:num_classes=4", torch.zeros(2, 3), "last axis"),
        ("gaussian:scale=pixel", torch.zeros(2, 3), "pair of tensors of equal shape"),
        ("gaussian:scale=pixel", (torch.zeros(2, 3), torch.zeros(2, 4)), "pair of tensors of equal shape"),
        ("gaussian:scale=global", torch.zeros(2, 3), "pass the trained log scale"),
        ("bernoulli:probs", torch.tensor([[0.2, 3.0, -4.0]]), r"2 of 3 values lie outside \[0, 1\] \(smallest -4, l"),
        ("bernoulli:probs", torch.tensor([[0.2, 3.0, math.nan]]), "1 of 3 values[\\s\\S]*bernoulli:logits"),
        ("continuous_bernoulli:probs", torch.tensor([[1.1]]), "continuous_bernoulli:logits"),
        ("categorical:num_classes=2,probs", torch.tensor([[[1.1, -0.1]]]), "num_classes=2,logits"),
        (
            "gaussian:scale=pixel,std",
            (torch.zeros(1, 2), torch.tensor([[1.0, -2.0]])),
            "1 of 2 values are zero or negative",
        ),
        ("gaussian:scale=pixel,var", (torch.zeros(1, 2), torch.zeros(1, 2)), "gaussian:scale=pixel,logvar"),
        ("poisson:rate", torch.tensor([[1.1, -0.1]]), "1 of 2 values[\\s\\S]*poisson:log_rate"),
    ],
)
def test_bad_decoder_outputs_are_refused_with_the_shapes_found(text, params, message):
    with pytest.raises(InputError, match=message):
        parse(text)(params)


@pytest.mark.parametrize(
    ("plain", "other", "to_other"),
    [
        ("bernoulli", "bernoulli:probs", torch.sigmoid),
        ("continuous_bernoulli", "continuous_bernoulli:probs", torch.sigmoid),
        ("categorical:num_classes=4", "categorical:num_classes=4,probs", lambda y: y.softmax(-1)),
        ("poisson", "poisson:rate", torch.exp),
        (
            "gaussian:scale=pixel",
            "gaussian:scale=pixel,std",
            lambda y: torch.cat([y[:, :2], (0.5 * y[:, 2:]).exp()], 1),
        ),
        ("gaussian:scale=pixel", "gaussian:scale=pixel,var", lambda y: torch.cat([y[:, :2], y[:, 2:].exp()], 1)),
        ("gaussian:scale=pixel", "gaussian:scale=pixel,logstd", lambda y: torch.cat([y[:, :2], 0.5 * y[:, 2:]], 1)),
    ],
)
def test_two_kinds_of_output_mean_the_same(plain, other, to_other):
    likelihood, params, _ = make(plain, (2, 3), dtype=torch.float64)
    params.requires_grad_(True)
    x = likelihood(params).sample()
    want, got = likelihood(params).log_prob(x), parse(other)(to_other(params)).log_prob(x)
    torch.testing.assert_close(got, want)
    gradients = [torch.autograd.grad(value.sum(), params)[0] for value in (got, want)]
    torch.testing.assert_close(*gradients)


def test_what_is_not_said_is_known_to_be_not_said():
    assert parse("bernoulli").output is None
    assert parse("bernoulli:output=probs") == parse("bernoulli:probs")


@pytest.mark.parametrize("text", ["bernoulli:probs", "poisson:rate"])
def test_a_broken_value_is_passed_on_and_spoils_no_other_datapoint(text):
    value = parse(text)(torch.tensor([[0.5, math.nan], [0.5, 0.5]])).log_prob(torch.ones(2, 2))
    assert value.isnan().tolist() == [True, False]


def test_where_values_cannot_be_looked_at_those_outside_become_nan():
    likelihood = parse("bernoulli:probs")
    value = torch.func.vmap(lambda p: likelihood(p[None]).log_prob(torch.ones(1, 2)))(
        torch.tensor([[0.5, 1.5], [1, 0.5]])
    )
    assert value.flatten().isnan().tolist() == [True, False]
