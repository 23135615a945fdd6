"""Memory that is too small at any stage, and decoders that give NaN for some datapoints."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
import torch

import gapkit
from gapkit.core.errors import GapkitWarning
from gapkit.engine import spec_for, stages
from gapkit.ladder import error_of
from gapkit.models.reference import build

SPEC = spec_for("quick", unit_size=16, details=2, families=("mean_field", "low_rank"))
RUNGS = ("elbo", "elbo_star", "log_px", "iwae", "elbo_star_full_rank")


@pytest.fixture(scope="module")
def problem():
    """A model, data of three units, and their numbers."""
    torch.manual_seed(3)
    model = build("mlp_vae", x_shape=(6,), latent=3, hidden=(8,))
    x = (torch.rand(40, 6, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    return model, x, gapkit.analyze(model, x, SPEC)


def batch_of(arguments):
    return next(part for part in arguments if isinstance(part, stages.Batch))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["bounds", "fits", "evidence"])
@pytest.mark.parametrize("words", ["out of memory", None], ids=["device", "machine"])
def test_where_memory_is_too_small_half_as_many_are_done_at_once(stage, words, problem, monkeypatch):
    model, x, whole = problem
    inner = getattr(stages, stage)

    def small(*arguments):
        batch = batch_of(arguments)
        if len(batch.key.indices) > 5 and 20 in batch.key.indices:
            raise torch.OutOfMemoryError(words) if words else MemoryError
        return inner(*arguments)

    monkeypatch.setattr(stages, stage, small)
    result = gapkit.analyze(model, x, SPEC)
    assert "failed" not in result.run
    assert [(cut["from"], cut["to"]) for cut in result.run["cut"]] == [(16, 31), (16, 23)]
    assert "emory" in result.run["cut"][0]["reason"]
    frame, before = result.to_frame(), whole.to_frame()
    other = ~frame["index"].between(16, 31)
    for name in RUNGS:
        assert frame.loc[other, name].equals(before.loc[other, name])
        error = np.hypot(frame[error_of(name)], before[error_of(name)])
        assert ((frame[name] - before[name]).abs() <= 3 * error + 1e-5).all()


@pytest.mark.slow
def test_the_route_is_one_of_these_stages(problem, monkeypatch):
    from gapkit.engine import pipeline

    model, x, whole = problem
    inner = pipeline.explore

    def small(batch, *others):
        if len(batch.key.indices) > 5 and 20 in batch.key.indices:
            raise MemoryError
        return inner(batch, *others)

    monkeypatch.setattr(pipeline, "explore", small)
    result = gapkit.analyze(model, x, SPEC)
    assert [(cut["from"], cut["to"]) for cut in result.run["cut"]] == [(16, 31), (16, 23)]
    frame, before = result.to_frame(), whole.to_frame()
    error = np.hypot(frame["log_px_se"], before["log_px_se"])
    assert ((frame["log_px"] - before["log_px"]).abs() <= 3 * error + 1e-5).all()


@pytest.mark.slow
@pytest.mark.parametrize(("place", "most"), [("bank.posterior_of", 12), ("misses.find_modes", 7)])
def test_what_comes_before_the_units_is_done_in_parts(place, most, problem, monkeypatch):
    model, x, whole = problem
    module, name = place.split(".")
    inner = getattr(importlib.import_module(f"gapkit.engine.{module}"), name)
    sizes = []

    def small(first, second, *others):
        size = len(second) if module == "bank" else first.num_datapoints
        sizes.append(size)
        if size > most:
            raise torch.OutOfMemoryError("out of memory")
        return inner(first, second, *others)

    monkeypatch.setattr(f"gapkit.engine.{place}", small)
    result = gapkit.analyze(model, x, replace(SPEC, details=0))
    assert min(sizes) <= most < max(sizes)
    assert result.summary_values.search.simulated == whole.summary_values.search.simulated
    assert result.summary_values.search.skipped is None
    before, frame = whole.to_frame(), result.to_frame()
    assert ((frame["log_px"] - before["log_px"]).abs() <= 3 * np.hypot(frame["log_px_se"], before["log_px_se"])).all()


@pytest.mark.slow
def test_the_certificate_is_made_in_parts(problem, monkeypatch):
    certify = importlib.import_module("gapkit.engine.certify")  # its name in the package is that of a function
    model, x, _ = problem
    spec = replace(SPEC, certificate=16, details=0)
    whole = gapkit.analyze(model, x[:4], spec).summary_values.certificate
    inner, limit = certify._proposal, [5]

    def small(batch, *others):
        if len(batch.key.indices) > limit[0]:
            raise MemoryError
        return inner(batch, *others)

    monkeypatch.setattr(certify, "_proposal", small)
    found = gapkit.analyze(model, x[:4], spec).summary_values.certificate
    for name in ("lower", "upper"):
        one, two = getattr(found, name), getattr(whole, name)
        assert one.mean == pytest.approx(two.mean, abs=3 * np.hypot(one.se_monte_carlo, two.se_monte_carlo))
    limit[0] = 0
    assert "memory is too small" in gapkit.analyze(model, x[:4], spec).summary_values.certificate.skipped


@pytest.mark.slow
@pytest.mark.parametrize("part", ["details._gallery", "convergence._temperatures", "baselines._levels"])
def test_what_the_table_does_not_need_is_left_out(part, problem, monkeypatch):
    model, x, whole = problem

    def none(*arguments):
        raise MemoryError

    monkeypatch.setattr(f"gapkit.engine.{part}", none)
    result = gapkit.analyze(model, x, replace(SPEC, convergence=4))
    assert result.to_frame().equals(whole.to_frame())
    told = str(result.run.get("details")) + str(result.summary_values.to_dict())
    assert "MemoryError" in told


@pytest.mark.slow
def test_a_single_datapoint_that_needs_too_much_memory_is_flagged(problem, monkeypatch):
    model, x, _ = problem
    inner = stages.fits

    def small(batch, bank, spec, more=None):
        if 20 in batch.key.indices:
            raise MemoryError
        return inner(batch, bank, spec, more)

    monkeypatch.setattr(stages, "fits", small)
    with pytest.warns(GapkitWarning, match="no numbers for datapoint 20 of test: MemoryError"):
        frame = gapkit.analyze(model, x, SPEC).to_frame()
    assert frame.loc[frame["status"] == "failed", "index"].tolist() == [20]
    assert frame["log_px"].isna().sum() == 1


def test_a_further_family_that_needs_too_much_memory_is_left_out(problem, monkeypatch):
    model, x, whole = problem

    def small(batch, fitted, name, spec):
        raise MemoryError

    monkeypatch.setattr(stages, "family", small)
    with pytest.warns(GapkitWarning, match=r"no q\* in the family low_rank"):
        frame = gapkit.analyze(model, x, SPEC).to_frame()
    assert "elbo_star_low_rank" not in frame
    assert frame["elbo_star"].equals(whole.to_frame()["elbo_star"])


class Broken(torch.nn.Module):
    """A model whose encoder gives NaN for some datapoints."""

    def __init__(self, model, bad):
        super().__init__()
        self.model, self.bad = model, bad
        self.decode, self.prior = model.decode, model.prior

    def encode(self, x):
        q = self.model.encode(x)
        bad = (x.flatten(1).unsqueeze(1) == self.bad).all(-1).any(-1, keepdim=True)
        loc = torch.where(bad, torch.nan, q.base_dist.loc)
        normal = torch.distributions.Normal(loc, q.base_dist.scale, validate_args=False)
        return torch.distributions.Independent(normal, 1, validate_args=False)


@pytest.mark.filterwarnings(
    "ignore:a model that fits:gapkit.GapkitWarning", "ignore:q.z.x. with finite:gapkit.GapkitWarning"
)
@pytest.mark.slow
def test_nan_at_some_datapoints_flags_these_and_leaves_the_others_as_they_are():
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(40, 6, generator=generator).round(decimals=3)
    spec = replace(SPEC, details=0)
    model = build("mlp_vae", x_shape=(6,), latent=3, hidden=(8,), likelihood="gaussian:sigma=0.5")
    places = torch.randperm(37, generator=generator)[:4] + 3  # the first ones are looked at before any work
    starts = torch.rand(30, 6, generator=generator)
    whole = gapkit.analyze(Broken(model, x[:0]), x, spec, other_x=starts, allow=("range",)).to_frame()
    frame = gapkit.analyze(Broken(model, x[places]), x, spec, other_x=starts, allow=("range",)).to_frame()
    bad = frame["index"].isin(places.tolist())
    assert frame.loc[bad, "status"].str.contains("nonfinite").all()
    assert frame.loc[~bad].equals(whole.loc[~bad])
