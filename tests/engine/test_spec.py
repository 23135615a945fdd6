"""Settings come from one place: a spec, or effort, seed and families."""

import pytest
import torch

import gapkit
from gapkit import InputError
from gapkit.engine.spec import resolve, spec_for
from gapkit.models.reference import build
from tests.engine.cheap import make_quick_quicker


def test_without_anything_it_is_standard_with_seed_0():
    assert resolve(None, None, None) == spec_for("standard", seed=0)
    assert resolve(None, "quick", 3, ("flow",)) == spec_for("quick", seed=3, families=("flow",))
    assert resolve(spec_for("thorough", seed=5), None, None) == spec_for("thorough", seed=5)


@pytest.mark.parametrize("given", [{"effort": "quick"}, {"seed": 0}, {"family": "flow"}])
def test_a_spec_and_a_setting_beside_it_are_refused_and_the_remedy_works(given, monkeypatch):
    make_quick_quicker(monkeypatch)
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    x = torch.ones(3, 6)
    spec = spec_for("quick")
    with pytest.raises(InputError, match=f"spec= together with {next(iter(given))}="):
        gapkit.analyze(model, x, spec, **given)
    changes = {"families" if name == "family" else name: value for name, value in given.items() if name != "effort"}
    if "families" in changes:
        changes["families"] = (changes["families"],)
    assert len(gapkit.analyze(model, x, spec_for("quick", **changes)).to_frame()) == 3


def test_certify_refuses_it_too():
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    with pytest.raises(InputError, match="spec= together with seed=1"):
        gapkit.certify(model, spec_for("quick"), num_datapoints=3, seed=1)


def test_the_package_says_that_it_is_typed():
    from importlib.resources import files

    assert (files("gapkit") / "py.typed").is_file()


def test_an_empty_effort_is_none_of_the_three():
    with pytest.raises(InputError, match="effort ''"):
        resolve(None, "", None)
