"""What is exported exists, is tested, and is imported lazily."""

import subprocess
import sys

import pytest
import torch

import gapkit
from gapkit import InputError, estimators
from gapkit.core.randomness import Key
from gapkit.target import Target, recognise
from tests.registry import ESTIMATORS
from tests.yardsticks import ppca


def test_every_public_name_can_be_imported():
    assert sorted(gapkit.__all__) == gapkit.__all__
    for name in gapkit.__all__:
        assert getattr(gapkit, name) is not None
    with pytest.raises(AttributeError, match="nothing_here"):
        gapkit.nothing_here  # noqa: B018


def test_importing_the_command_line_does_not_import_torch():
    code = "import sys, gapkit.cli; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_exported_estimator_is_in_the_registry():
    things = {name: getattr(estimators, name) for name in estimators.__all__}
    exported = {name for name, thing in things.items() if hasattr(thing, "stage")}  # estimators name their noise
    assert exported == {type(estimator).__name__ for estimator in ESTIMATORS.values()}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimator_contract(name):
    model = ppca("scaled", 0.8)
    x = model.sample(4, 0)
    q = model.encode(x)
    copy = x.clone()
    estimate = ESTIMATORS[name](model, x, q, 3)
    again = ESTIMATORS[name](model, x, q, 3)
    assert estimate.value.shape == estimate.std_error.shape == (4,)
    assert estimate.value.dtype == torch.float64
    assert torch.equal(estimate.value, again.value)
    assert torch.equal(x, copy)
    assert bool((estimate.std_error > 0).all())
    assert all(values.shape == (4,) for values in estimate.diagnostics.values())
    torch.testing.assert_close(estimate.draws.mean(0), estimate.value)
    assert not torch.equal(estimate.value, ESTIMATORS[name](model, x, q, 4).value)


def test_data_are_given_once():
    """A target holds them already: it has a method of its own, which gives the same numbers."""
    model = ppca("scaled", 0.8)
    x = model.sample(4, 0)
    q, target = recognise(model.encode(x)), Target(model, x)
    for estimator in ESTIMATORS.values():
        with pytest.raises(InputError, match=r"estimator\.on"):
            estimator(target, x, q, 3)
        assert isinstance(estimator, gapkit.Estimator)
        assert torch.equal(estimator.on(target, q, Key(3, (0, 1, 2, 3))).value, estimator(model, x, q, 3).value)


@pytest.mark.parametrize("count", [1, 7, 512, 700, 1024])
def test_exactly_the_requested_samples_are_drawn_and_divided_by(count, monkeypatch):
    model = ppca("scaled", 0.8)
    x = model.sample(3, 0)
    drawn, original = [], Target.log_joint
    monkeypatch.setattr(Target, "log_joint", lambda self, z: drawn.append(z) or original(self, z))
    target = Target(model, x, max_rows=100)
    value = estimators.Iwae(num_samples=count).on(target, recognise(model.encode(x)), Key(0, (0, 1, 2))).value
    z = torch.cat(drawn)
    assert z.shape[0] == count
    log_w = original(target, z) - model.encode(x).log_prob(z)
    torch.testing.assert_close(value, log_w.exp().mean(0).log())
