"""What a store has of a unit's stages is not made again, and what it has of something else is never used."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

import gapkit
from gapkit.core.errors import GapkitWarning
from gapkit.engine import Memory
from gapkit.models.reference import build
from tests.engine.cheap import short

SPEC = short(details=0, semi_amortized=8, families=("mean_field",))
MORE = replace(SPEC, families=("mean_field", "low_rank", "flow"))


def problem(seed=3):
    torch.manual_seed(seed)
    model = build("mlp_vae", x_shape=(6,), latent=3, hidden=(8,))
    return model, (torch.rand(20, 6, generator=torch.Generator().manual_seed(0)) < 0.5).float()


def work_of(result):
    return result.run["decoder_evaluations"]["gradient_equivalents"]


def tables(result):
    return result.to_frame()


@pytest.fixture(scope="module")
def plain():
    """An analysis with few families and one with more, without a store."""
    model, x = problem()
    return gapkit.analyze(model, x, SPEC), gapkit.analyze(model, x, MORE)


@pytest.fixture(scope="module")
def kept():
    """An analysis with few families, and what its store holds then."""
    (model, x), store = problem(), Memory()
    return gapkit.analyze(model, x, SPEC, store=store), store


def test_one_more_family_costs_no_more_than_its_fits(plain, kept):
    (model, x), (first, store) = problem(), deepcopy(kept)
    second = gapkit.analyze(model, x, MORE, store=store)
    assert tables(first).equals(tables(plain[0]))
    assert tables(second).equals(tables(plain[1]))
    assert second.summary_values == plain[1].summary_values
    beside = work_of(gapkit.analyze(model, x, SPEC, store=store))  # the search and the pictures, of no unit
    assert work_of(second) - beside == work_of(plain[1]) - work_of(plain[0])


def test_more_temperatures_leave_bounds_and_fits_as_they_are(kept):
    (model, x), (first, store) = problem(), deepcopy(kept)
    evidence = replace(SPEC.evidence, ais=replace(SPEC.evidence.ais, num_temperatures=40), control=0.2)
    spec = replace(SPEC, evidence=evidence)
    second, alone = gapkit.analyze(model, x, spec, store=store), gapkit.analyze(model, x, spec)
    assert tables(second).equals(tables(alone))
    assert not tables(second).equals(tables(first))
    assert {"bounds", "fits", "local steps"}.isdisjoint(second.run["seconds"])
    assert "evidence" in second.run["seconds"]


@pytest.mark.parametrize("changed", ["weights", "data", "seed", "starts"])
def test_outputs_of_something_else_are_not_used(changed, kept):
    (model, x), (_, store) = problem(), deepcopy(kept)
    spec, other = SPEC, None
    if changed == "weights":
        with torch.no_grad():
            next(model.parameters()).mul_(1.001)
    elif changed == "data":
        x = 1.0 - x
    elif changed == "seed":
        spec = replace(SPEC, seed=1)
    else:
        other = x[:5]
    second = gapkit.analyze(model, x, spec, store=store, other_x=other)
    assert tables(second).equals(tables(gapkit.analyze(model, x, spec, other_x=other)))


def test_a_further_family_that_fails_is_left_out_and_the_ladder_stands(plain, monkeypatch):
    from gapkit.engine import stages

    model, x = problem()
    fits = stages.family

    def fails(batch, fitted, name, spec):
        if name == "flow" and 9 in batch.key.indices:
            raise RuntimeError("no flow here")
        return fits(batch, fitted, name, spec)

    monkeypatch.setattr("gapkit.engine.stages.family", fails)
    with pytest.warns(GapkitWarning, match=r"no q\* in the family flow for datapoints 8 to 15 of test: .*no flow here"):
        result = gapkit.analyze(model, x, MORE)
    frame, whole = result.to_frame(), tables(plain[1])
    assert list(frame) == list(whole)
    assert frame["elbo_star_flow"].isna().tolist() == [8 <= index < 16 for index in frame["index"]]
    for name in ("log_px", "elbo_star", "elbo", "elbo_star_low_rank", "status"):
        assert frame[name].tolist() == whole[name].tolist()
    assert result.run["without"] == [
        {"split": "test", "from": 8, "to": 15, "family": "flow", "reason": "RuntimeError: no flow here"}
    ]
    assert result.summary_values.quantities["elbo_star_flow"].count == 12


class Shifted(gapkit.Estimator):
    """A bound that can be changed."""

    def __init__(self, by):
        self.by = by

    def on(self, target, q, key):
        value = torch.full((target.num_datapoints,), float(self.by), dtype=torch.float64)
        return gapkit.Estimate(value, torch.zeros_like(value), gapkit.Bound.LOWER)

    def __repr__(self):
        return "Shifted()"


def test_of_what_is_the_users_own_nothing_is_taken_from_before():
    (model, x), store, bound = problem(), Memory(), Shifted(1.0)
    assert gapkit.analyze(model, x, SPEC, bounds={"mine": bound}, store=store).table["mine"].eq(1.0).all()
    bound.by = 2.0
    assert gapkit.analyze(model, x, SPEC, bounds={"mine": bound}, store=store).table["mine"].eq(2.0).all()


def test_which_split_comes_first_is_part_of_what_a_unit_is(plain):
    """Pictures are of the first one, and two splits may begin alike."""
    model, x = problem()
    spec, store = replace(SPEC, details=2, semi_amortized=0, convergence=0), Memory()
    gapkit.analyze(model, {"half": x[:12], "all": x}, spec, other_x=x, store=store)
    second = gapkit.analyze(model, {"all": x, "half": x[:12]}, spec, other_x=x, store=store)
    alone = gapkit.analyze(model, {"all": x, "half": x[:12]}, spec, other_x=x)
    assert second.run["details"]["worst"] == alone.run["details"]["worst"]
    assert second.details.keys() == alone.details.keys()


def test_who_hears_of_the_stages_may_stop_the_run():
    (model, x), heard = problem(), []

    def stops(step):
        heard.append(step.stage)
        if step.stage == "evidence":
            raise RuntimeError("I have seen enough")

    with pytest.raises(RuntimeError, match="I have seen enough"):
        gapkit.analyze(model, x, SPEC, progress=stops)
    assert heard.count("evidence") == 1
