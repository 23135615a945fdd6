"""A family of one's own gets q*, a certificate, a column and words; its optimum is known in closed form."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Laplace

import gapkit
from gapkit import InputError, register_family
from gapkit.engine import spec_for
from gapkit.families import DiagonalGaussian
from gapkit.ladder import quantity
from gapkit.local import FITTERS, GradientFitter, forget_family
from gapkit.report import build
from tests.fast import only
from tests.own_family import LaplaceEncoder, LaplaceMeanField, laplace_gap
from tests.processes import python
from tests.yardsticks import ppca


def read(q):
    """A factorised Laplace distribution of torch."""
    inner = q.base_dist if isinstance(q, Independent) else q
    return LaplaceMeanField(inner.loc, inner.scale) if isinstance(inner, Laplace) else None


@pytest.fixture(autouse=True)
def _registered():
    words = "factorised Laplace distribution"
    register_family("laplace", LaplaceMeanField, recognise=read, label="Laplace", words=words)
    yield
    forget_family("laplace")


def off_centre(plain=False):
    like = ppca()
    model = LaplaceEncoder(like.weight, like.noise_variance, "scaled", 0.8)
    model.plain = plain
    return model


def test_the_optimum_beside_a_gaussian_encoder():
    model = ppca("scaled", 0.8)
    x = model.sample(12, 0)
    found = gapkit.fit(model, x, "laplace", effort="standard")
    exact = model.log_px(x) - laplace_gap(model)
    assert bool(((found.elbo - exact).abs() < 4 * found.std_error + 0.02).all())
    torch.testing.assert_close(found.q.loc, model.posterior_mean(x), atol=0.1, rtol=0)
    assert isinstance(found.q, LaplaceMeanField)
    assert bool((found.left.abs() < 0.1).all())
    assert set(found.status) == {"converged"}


@pytest.mark.parametrize("plain", only([False, True], True))
def test_an_encoder_of_the_family_is_split_in_it(plain):
    """As a transport, and as a distribution of torch that is read as one."""
    model = off_centre(plain)
    x = model.sample(12, 0)
    result = gapkit.analyze(model, x, effort="quick")
    frame, log_px = result.to_frame(), model.log_px(x)
    assert result.run["families"]["encoder"] == result.run["families"]["split"] == "laplace"
    shift = 0.2 * model.posterior_mean(x)
    lost = 0.5 * torch.einsum("bi,ij,bj->b", shift, model.precision, shift)
    exact = {
        "elbo": log_px - laplace_gap(model) - lost,
        "elbo_star": log_px - laplace_gap(model),
        "log_px": log_px,
        "approximation_gap": torch.full_like(lost, laplace_gap(model)),
        "amortization_gap": lost,
    }
    for name, values in exact.items():
        assert (np.abs(frame[name] - values.numpy()) < 4 * frame[f"{name}_se"] + 0.03).all(), name
    np.testing.assert_array_equal(frame["elbo_star_laplace"], frame["elbo_star"])
    assert not any("compares families" in sentence for sentence in result.verdict())


@pytest.mark.usefixtures("no_pictures")
def test_it_is_a_rung_beside_others_with_words_of_its_own(tmp_path):
    model = ppca("scaled", 0.8)
    result = gapkit.analyze(model, model.sample(12, 0), effort="quick", family=["mean_field", "laplace"])
    frame = result.to_frame()
    assert result.run["families"]["split"] == "mean_field"
    assert (frame["elbo_star_laplace"] < frame["elbo_star"]).all()  # it does not hold the Gaussians
    told = quantity("elbo_star_laplace", result.ladder)
    assert (told.kind, told.label) == ("family", "L[q*], Laplace")
    assert "the best factorised Laplace distribution for each datapoint" in told.meaning
    table = build(result).table("gaps-1")
    assert "L[q*], Laplace" in [row.cells[0] for row in table.rows]
    result.save(tmp_path / "run")
    code = (
        "import sys; from gapkit.results import Result; from gapkit.ladder import quantity; from gapkit.local import "
        "FITTERS; told = quantity('elbo_star_laplace', Result.load(sys.argv[1]).ladder)\n"
        "assert 'laplace' not in FITTERS and told.label == 'L[q*], Laplace', told"
    )
    done = python(code, tmp_path / "run")
    assert done.returncode == 0, done.stderr


def test_a_split_in_it_beside_a_gaussian_encoder_is_said_and_may_be_negative():
    model = ppca("mean_field")
    result = gapkit.analyze(model, model.sample(12, 0), effort="quick", family="laplace")
    assert result.run["families"]["split"] == "laplace"
    assert any("best Laplace posterior" in sentence for sentence in result.verdict())
    assert result.summary_values.quantities["amortization_gap"].mean < -0.1
    assert set(result.to_frame()["status"]) == {"ok"}  # a Gaussian is no member: nothing is wrong


def test_fit_and_analysis_agree():
    model = off_centre()
    x = model.sample(6, 0)
    spec = spec_for("quick", seed=4, details=0)
    frame, table = gapkit.analyze(model, x, spec).to_frame(), gapkit.fit(model, x, spec=spec).table
    np.testing.assert_array_equal(table["elbo_star"], frame["elbo_star"])
    assert bool((table["elbo_star"] >= table["elbo"]).all())


def test_it_can_be_registered_again_and_forgotten():
    register_family("laplace", LaplaceMeanField, words="other words")  # a cell of a notebook that is run again
    assert list(FITTERS).count("laplace") == 1
    forget_family("laplace")
    assert "laplace" not in FITTERS
    with pytest.raises(InputError, match="no such family"):
        spec_for("quick", families=("laplace",))
    with pytest.raises(InputError, match="register_family"):
        gapkit.analyze(off_centre(), off_centre().sample(2, 0), effort="quick")


def test_a_fitter_of_ones_own_is_used():
    """One that begins at the optimum and takes no step."""

    @dataclass(frozen=True)
    class Still(GradientFitter):
        def num_steps(self, problem):
            return 0

    register_family("laplace", LaplaceMeanField, fitter=Still(LaplaceMeanField))
    model = ppca("scaled", 0.8)
    found = gapkit.fit(model, model.sample(4, 0), "laplace", effort="quick")
    torch.testing.assert_close(
        found.q.scale * math.sqrt(2), model.precision.diagonal().rsqrt().expand(4, -1), atol=0.1, rtol=0.2
    )


class Bare:
    """No family."""


@dataclass(frozen=True)
class NoBeginning:
    """A family that says nothing of where a fit begins."""

    loc: Tensor

    tensors = of = push = log_prob = select = marginal_scale = None


@pytest.mark.parametrize(
    ("name", "family", "found"),
    [
        ("mean_field", LaplaceMeanField, "gapkit's own"),
        ("my family", LaplaceMeanField, "letters"),
        ("x_se", LaplaceMeanField, "column"),
        ("bare", Bare, "without"),
        ("late", NoBeginning, "without"),
    ],
)
def test_what_is_no_family_is_refused(name, family, found):
    with pytest.raises(InputError, match=found):
        register_family(name, family)


def test_a_label_that_no_stored_run_could_hold_is_refused():
    with pytest.raises(InputError, match="at most 60"):
        register_family("laplace", LaplaceMeanField, label="x" * 61)


def test_a_class_of_gapkit_keeps_its_name():
    with pytest.raises(InputError, match="mean_field"):
        register_family("laplace", DiagonalGaussian, fitter=FITTERS["mean_field"])
    assert isinstance(FITTERS["laplace"], GradientFitter)  # what stood there stays


def test_the_parts_that_the_base_gives():
    loc, scale = torch.randn(4, 3, dtype=torch.float64), torch.rand(4, 3, dtype=torch.float64) + 0.5
    q = LaplaceMeanField(loc, scale)
    u = torch.randn(1000, 4, 3, dtype=torch.float64)
    z, log_q = q.push(u)
    torch.testing.assert_close(log_q, Independent(Laplace(loc, scale), 1).log_prob(z))
    assert q.dim == 3
    rows = torch.tensor([2, 0])
    torch.testing.assert_close(q.select(rows).loc, loc[rows])
    torch.testing.assert_close(LaplaceMeanField.of(**q.tensors()).scale, scale)
    torch.testing.assert_close(q.whitening().scale, q.marginal_scale())
    matched = LaplaceMeanField.matching(loc, q.marginal_scale())
    torch.testing.assert_close(matched.scale, scale)


class Unnormalised(LaplaceMeanField):
    """Its densities are e^3 times too small, so that L[q*] lies 3 nats above what it should."""

    def log_prob(self, z):
        return super().log_prob(z) - 3.0


def test_a_family_beside_that_of_the_split_whose_density_is_none_is_flagged():
    register_family("unnormalised", Unnormalised, words="no distribution at all")
    try:
        model = ppca("scaled", 0.8)
        spec = spec_for("quick", families=("mean_field", "unnormalised"))
        frame = gapkit.analyze(model, model.sample(8, 0), spec).to_frame()
        plain = gapkit.analyze(model, model.sample(8, 0), spec_for("quick", families=("mean_field",))).to_frame()
    finally:
        forget_family("unnormalised")
    assert (frame["elbo_star_unnormalised"] > frame["log_px"]).all()
    assert frame["status"].str.contains("negative_gap").all()
    assert not plain["status"].str.contains("negative_gap").any()
    assert frame["log_px"].equals(plain["log_px"])
