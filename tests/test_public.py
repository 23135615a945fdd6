"""What is exported exists, is tested, and is imported lazily."""

import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import gapkit
from gapkit import InputError, estimators
from gapkit.core.randomness import Key
from gapkit.target import Target, recognise
from tests.processes import python
from tests.registry import ESTIMATORS
from tests.yardsticks import ppca


def test_every_public_name_can_be_imported():
    assert sorted(gapkit.__all__) == gapkit.__all__
    for name in gapkit.__all__:
        assert getattr(gapkit, name) is not None
    with pytest.raises(AttributeError, match="nothing_here"):
        gapkit.nothing_here  # noqa: B018


def test_the_top_has_few_names_and_the_others_are_with_their_subject():
    assert len(gapkit.__all__) <= 27  # from_joint stands beside from_pair, load_run beside load_model
    homes = {
        "ood": {"SCORES", "Scored", "describe", "scores", "separate"},
        "estimators": {"Bdmc", "ReciprocalIs", "Iwae"},
        "local": {"FitSettings", "fit"},
        "training": {"EncoderComparison", "compare_encoders", "refit", "RefitConfig"},
        "integrations": {"GapCallback", "to_arviz"},
        "report": {"write_report"},
    }
    for subject, names in homes.items():
        assert names <= set(dir(getattr(gapkit, subject)))
        for name in names:
            assert getattr(getattr(gapkit, subject), name) is not None
    for name in ("Bdmc", "FitSettings", "ReciprocalIs", "Scored", "compare_encoders", "scores", "separate", "to_arviz"):
        with pytest.raises(AttributeError, match=name):
            getattr(gapkit, name)
    with pytest.raises(AttributeError, match="nothing_here"):
        gapkit.integrations.nothing_here  # noqa: B018


@pytest.mark.slow
def test_every_subpackage_is_an_attribute():
    folders = {found.name for found in pkgutil.iter_modules(gapkit.__path__) if found.ispkg} - {"cli"}
    assert set(dir(gapkit)) == {*gapkit.__all__, *folders}
    code = (
        "import gapkit\n"
        f"for name in {sorted(folders)}:\n"
        "    assert getattr(gapkit, name).__name__ == f'gapkit.{name}'\n"
    )
    done = python(code, warnings="error")
    assert done.returncode == 0, done.stderr


def test_gapkit_is_imported_without_what_it_stands_on():
    code = "import sys, gapkit\nassert not {'torch', 'pandas', 'numpy', 'matplotlib'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["Comparison", "Certificate", "Posterior", "Head"])
def test_a_name_means_one_thing(name):
    folder = Path(gapkit.__file__).parent
    homes = [path for path in folder.rglob("*.py") if re.search(rf"^class {name}\b", path.read_text(), re.M)]
    assert len(homes) <= 1, homes


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
