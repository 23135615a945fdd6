"""The contract of a user's model: what is asked, what is refused and in which words, and what its structure is."""

import numpy as np
import pytest
import torch
from torch.distributions import Normal, Poisson

from gapkit.core.errors import InputError
from gapkit.joint import Factors, HierarchicalModel, Window, analyze, structure_of
from gapkit.joint.model import as_data, check_model
from gapkit.joint.models import BayesianVae, GaussianProcess, Linear, Saw


class Shape(Linear):
    def log_local(self, theta, z, x):
        return super().log_local(theta, z, x).sum(-1)


class Prior(Linear):
    def log_prior(self, theta):
        return theta


class Bounded(Linear):
    def log_local(self, theta, z, x):
        return super().log_local(theta, z, x) + (z[..., 0] - 1).log()


class Sizes(Linear):
    global_size = -1


@pytest.mark.parametrize(
    ("model", "asked", "do"),
    [
        (Shape(), "log_local(theta, z, x) of shape (2, 5)", "keep those axes"),
        (Prior(), "log_prior(theta) of shape (2,)", "keep those axes"),
        (Bounded(), "log_local(theta, z, x) in nats", "supports"),
        (Sizes(), "a model with sizes", "global_size 0 or more"),
        (GaussianProcess(np.linspace(0, 1, 4)), "a data set for this model", "as many rows"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(model, asked, do):
    with pytest.raises(InputError) as refused:
        check_model(model, torch.zeros(5, 1).double())
    assert refused.value.asked.startswith(asked)
    assert do in refused.value.do


@pytest.mark.parametrize(
    ("x", "found"),
    [
        ("words", "str"),
        ([[1.0, float("nan")], [0.0, 1.0]], "1 that are not finite"),
        ([1.0], "shape (1, 1)"),
        (3.0, "shape ()"),
    ],
)
def test_data_that_do_not_fit_are_refused(x, found):
    with pytest.raises(InputError) as refused:
        as_data(x)
    assert found in refused.value.found


def test_a_vector_is_a_column():
    assert as_data(np.arange(4)).shape == (4, 1)
    assert as_data(np.arange(4)).dtype == torch.float64


class Counts(HierarchicalModel):
    """Discrete data, which have no gradient: x_n ~ Poisson(exp(theta + z_n))."""

    global_size = 1

    def log_local(self, theta, z, x):
        rate = (theta + z[..., 0]).exp()
        return Normal(0.0, 1.0).log_prob(z[..., 0]) + Poisson(rate).log_prob(x[:, 0])


class Numbered(Linear):
    """Each datapoint has a noise of its own that x does not hold."""

    def log_local(self, theta, z, x):
        sd = 1 + torch.arange(len(x)).double()
        return Normal(0.0, 1.0).log_prob(z[..., 0]) + Normal(theta + z[..., 0], sd).log_prob(x[:, 0])


class TwoBack(Linear):
    """x_n looks at z_{n-2}: z meet no z but through nothing; they meet x_n and x_{n+2}."""

    def log_local(self, theta, z, x):
        z = z[..., 0]
        before = torch.cat([torch.zeros_like(z[:, :2]), z[:, :-2]], 1)
        return Normal(0.0, 1.0).log_prob(z) + Normal(theta + before, 1.0).log_prob(x[:, 0])


@pytest.mark.parametrize(
    ("model", "reach", "offsets", "same", "ideal"),
    [
        (Counts(), 0, (0,), True, Window()),
        (Numbered(), 0, (0,), False, None),
        (TwoBack(), 0, (2,), True, Window((2,))),
        (BayesianVae(3, 2, 4), 0, (0,), True, Window()),
        (GaussianProcess(np.linspace(0, 1, 30), "ou"), 1, (0,), True, None),
        (GaussianProcess(np.linspace(0, 1, 30), "matern32"), None, (0,), False, None),
    ],
    ids=["counts", "numbered", "two back", "vae", "OU, which is a chain", "matern"],
)
def test_what_meets_in_a_model_is_found(model, reach, offsets, same, ideal):
    x = torch.randint(
        0, 2, (30, 3 if isinstance(model, BayesianVae) else 1), generator=torch.Generator().manual_seed(0)
    )
    found = structure_of(model, x.double())
    assert (found.reach, found.offsets, found.ideal) == (reach, offsets, ideal)
    assert found.same == same


def test_a_long_series_is_looked_at_in_a_part():
    assert structure_of(Saw(), Saw().simulate(1000, 0)).probed == 48


def test_factors_draw_and_have_an_entropy():
    q = Factors(torch.zeros(1).double(), torch.zeros(1).double(), torch.ones(3, 2).double(), torch.ones(3, 2).double())
    theta, z = q.draw(torch.ones(5, 7).double())
    assert theta.shape == (5, 1)
    assert z.shape == (5, 3, 2)
    assert float(z[0, 0, 0]) == pytest.approx(1 + np.e)
    normal = Normal(0.0, 1.0).entropy()
    assert float(q.entropy()) == pytest.approx(7 * float(normal) + 6, abs=1e-6)


def test_windows_say_what_they_see():
    assert [str(Window(offsets)) for offsets in ((0,), (-1, 0), (-2, 1))] == ["x[n]", "x[n-1..n]", "x[n-2], x[n+1]"]
    assert Window((-2, 1)).gather(torch.arange(5.0)[:, None]).tolist() == [[0.0, 3.0], [1.0, 4.0]]
    for offsets in ((), (1, 1)):
        with pytest.raises(InputError, match="name each once"):
            Window(offsets)
    with pytest.raises(InputError, match="smaller window"):
        Window.around(5).rows(10)


def test_a_model_of_another_kind_is_refused_by_the_call():
    with pytest.raises(InputError, match="a hierarchical model"):
        analyze(torch.nn.Linear(1, 1), torch.zeros(5, 1))
