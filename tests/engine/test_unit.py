"""A unit is a pure function, and one that fails leaves the others as they are."""

import gc
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gapkit
from gapkit import GapkitWarning
from gapkit.engine.attempt import Attempt
from gapkit.engine.gather import Collected, gather
from gapkit.engine.unit import run_unit
from gapkit.models.freeze import frozen
from tests.engine.units import SPEC, digest, made
from tests.processes import python

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def once():
    """All units in their order."""
    model, work, units = made()
    with frozen(model):
        return [run_unit(work, "test", unit) for unit in units]


def test_a_unit_gives_the_same_bytes_again_and_without_its_neighbours(once):
    model, work, units = made()
    with frozen(model):
        alone = run_unit(work, "test", units[1])
        again = run_unit(work, "test", units[1])
    assert digest(alone) == digest(again) == digest(once[1])
    assert digest(once[0]) != digest(once[1])


def test_a_unit_gives_the_same_bytes_in_another_process(once):
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from gapkit.engine.unit import run_unit\n"
        "from gapkit.models.freeze import frozen\n"
        "from tests.engine.units import digest, made\n"
        "model, work, units = made()\n"
        "with frozen(model):\n"
        "    print(digest(run_unit(work, 'test', units[2])))\n"
    )
    told = python(code)
    assert told.returncode == 0, told.stderr
    assert told.stdout.split()[-1] == digest(once[2])


def collected(units):
    found = Collected(SPEC.details)
    for unit in units:
        found.put(Attempt((unit,)))
    return found


def test_units_are_gathered_the_same_in_any_order(once):
    _, work, _ = made()
    one, other = gather(work, collected(once)), gather(work, collected(once[::-1]))
    assert one.frames["test"].equals(other.frames["test"])
    assert [kept.index for kept in one.chosen.worst] == [kept.index for kept in other.chosen.worst]
    worst = one.frames["test"].sort_values("total_gap", ascending=False)["index"].head(3).tolist()
    assert [kept.index for kept in one.chosen.worst] == worst


def test_a_collection_keeps_no_more_of_what_is_offered_for_pictures_than_is_chosen(once):
    kept = collected(once)
    _, work, _ = made()
    assert sum(len(finished.chosen.worst) for finished in kept) == SPEC.details < 3 * SPEC.details
    offered = sorted((k for part in once for k in part.chosen.worst), key=lambda k: -k.gap)
    assert [k.index for k in gather(work, kept).chosen.worst] == [k.index for k in offered[: SPEC.details]]


@pytest.mark.slow
def test_of_a_unit_that_failed_nothing_is_held(monkeypatch):
    seen = []

    def fits_then_fails(batch, fitted, spec):
        seen.append(weakref.ref(fitted))
        raise RuntimeError("out of memory")

    model, work, _ = made()
    monkeypatch.setattr("gapkit.engine.stages.evidence", fits_then_fails)
    with pytest.raises(RuntimeError, match="out of memory"):
        gapkit.analyze(
            model, work.data["test"].x, replace(SPEC, convergence=0, certificate=0), other_x=work.data["test"].x
        )
    gc.collect()
    assert sum(ref() is not None for ref in seen) <= 1  # that of the error which is raised


class Fails:
    """A model that cannot encode some datapoints."""

    def __init__(self, model, bad):
        self.decode, self.prior, self._model, self._bad = model.decode, model.prior, model, bad

    def encode(self, x):
        if (x == self._bad).all(-1).any() and len(x) <= SPEC.unit_size:
            raise RuntimeError("no answer for this one")
        return self._model.encode(x)


def test_a_datapoint_whose_work_fails_leaves_the_others_as_they_are():
    model, work, _ = made()
    x = work.data["test"].x.clone()
    x[9] = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    spec = replace(SPEC, semi_amortized=0, convergence=0)
    keep = torch.cat([x[:8], x[16:]])
    with pytest.warns(GapkitWarning, match=r"no numbers for datapoint 9 of test: .*no answer"):
        result = gapkit.analyze(Fails(model, x[9]), x, spec, other_x=keep)
    whole = gapkit.analyze(model, x, spec, other_x=keep).to_frame()
    frame = result.to_frame()
    failed = frame["status"] == "failed"
    assert frame.loc[failed, "index"].tolist() == [9]
    assert frame.loc[failed, "log_px"].isna().all()
    others = frame["index"].between(8, 15) & ~failed  # of the same unit, measured in its parts
    for name in ("log_px", "elbo_star", "elbo"):
        assert frame.loc[~failed & ~others, name].tolist() == whole.loc[~failed & ~others, name].tolist()
        error = np.hypot(frame.loc[others, f"{name}_se"], whole.loc[others, f"{name}_se"])
        assert ((frame.loc[others, name] - whole.loc[others, name]).abs() <= 3 * error + 1e-5).all()
    why = "RuntimeError: no answer for this one"
    assert result.run["failed"] == [{"split": "test", "from": 9, "to": 9, "reason": why}]
    assert [(cut["from"], cut["to"]) for cut in result.run["cut"]] == [(8, 15), (8, 11), (8, 9)]
    assert "the work ended in an error" in " ".join(result.verdict())
    first = result.summary_values.splits["test"]
    assert first.unsound >= 1
    assert sum(first.fit.values()) == 19  # of the one that failed there was no fit
    assert "" not in first.log_px_source
    assert result.verdict()[-1].startswith("For 1 datapoint the work ended in an error, which run.json holds")


def test_a_datapoint_whose_work_fails_is_left_out_of_the_curve():
    model, work, _ = made()
    x = work.data["test"].x.clone()
    x[3] = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    spec = replace(SPEC, semi_amortized=12, convergence=0)
    with pytest.warns(GapkitWarning, match="no numbers for datapoint 3 of test"):
        curve = gapkit.analyze(Fails(model, x[3]), x, spec, other_x=x[8:]).summary_values.semi_amortized
    assert (curve.datapoints, curve.left_out) == (11, 1)


def test_a_unit_that_always_fails_is_given_up_and_told(monkeypatch):
    from gapkit.engine import stages

    fits, tries = stages.fits, []

    def fails(batch, bank, spec):
        if min(batch.key.indices) >= 8 and max(batch.key.indices) < 16:
            tries.append(batch.key.indices)
            raise RuntimeError("no fit for these")
        return fits(batch, bank, spec)

    model, work, _ = made()
    x, told = work.data["test"].x, []
    spec = replace(SPEC, semi_amortized=0, convergence=0)
    whole = gapkit.analyze(model, x, spec).to_frame()
    monkeypatch.setattr("gapkit.engine.stages.fits", fails)
    with pytest.warns(GapkitWarning, match="no numbers for datapoints 8 to 15 of test: .*no fit for these"):
        result = gapkit.analyze(model, x, spec, progress=told.append)
    frame = result.to_frame()
    failed = frame["status"] == "failed"
    assert frame.loc[failed, "index"].tolist() == list(range(8, 16))
    assert frame.loc[~failed, "log_px"].tolist() == whole.loc[~failed, "log_px"].tolist()
    assert len(tries) == 15  # the unit, its halves, and so on down to 8 single datapoints
    assert told[-1].done == told[-1].total
    assert len(result.run["failed"]) == 1
    assert "8 of 20 datapoints the work ended in an error" in result.verdict()[0]


def test_where_no_unit_finishes_the_error_is_the_users(monkeypatch):
    def never(batch, bank, spec):
        raise RuntimeError("no answer at all")

    monkeypatch.setattr("gapkit.engine.stages.fits", never)
    model, work, _ = made()
    spec = replace(SPEC, semi_amortized=0, convergence=0)
    with pytest.raises(RuntimeError, match="no answer at all"):
        gapkit.analyze(model, work.data["test"].x, spec)
