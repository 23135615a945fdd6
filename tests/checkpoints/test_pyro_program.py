"""Weights of Pyro programs: state dicts, and saved stores of parameters."""

import contextlib
import pickle

import pyro
import pytest
import torch
from pyro.distributions import constraints
from pyro.infer import SVI, Trace_ELBO

import gapkit
from gapkit.checkpoints import load
from gapkit.core.errors import InputError
from tests.models.pyro_programs import Modules, ModulesGuide, Simplex, Tutorial, data

FILE = """
from tests.models.pyro_programs import *


def pair():
    return Modules(), ModulesGuide()


def functions():
    made = Tutorial()
    return made.model, made.guide


def plain(scale=1.0):
    def model(x):
        width = pyro.param("width", torch.tensor(5.0), constraint=constraints.positive)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(len(x), 6), scale).to_event(1))
            pyro.sample("x", dist.Normal(z, width).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            shift = pyro.param("shift", torch.zeros(6))
            pyro.sample("z", dist.Normal(x + shift, 1.0).to_event(1))

    return model, guide
"""


@pytest.fixture(autouse=True)
def _own_store():
    with pyro.get_param_store().scope():
        yield


@pytest.fixture
def file(tmp_path):
    (tmp_path / "m.py").write_text(FILE)
    return tmp_path


def _trained(model, guide):
    torch.manual_seed(0)
    step = SVI(model, guide, pyro.optim.Adam({"lr": 1e-2}), Trace_ELBO())
    for _ in range(3):
        step.step(data())


def test_a_store_and_a_state_dict_give_the_same(file):
    program = Tutorial()
    _trained(program.model, program.guide)
    torch.save({"model_state_dict": program.state_dict(), "epoch": 3}, file / "state.pt")
    pyro.get_param_store().save(file / "store.pt")
    pyro.clear_param_store()
    x, found = data(5, 1), []
    for name, factory in (("state.pt", "Tutorial"), ("store.pt", "Tutorial"), ("store.pt", "functions")):
        loaded = load(file / name, model=f"{file / 'm.py'}:{factory}")
        assert f"a Pyro program built by {file / 'm.py'}:{factory}" in loaded.description
        assert not any(part.training for part in loaded.model.modules())
        q, z = loaded.model.encode(x), torch.zeros(5, 2)
        found.append(torch.stack([q.log_prob(z), loaded.model.decode(z).log_prob(x)]))
    assert load(file / "state.pt", model=f"{file / 'm.py'}:Tutorial").extra["epoch"] == 3
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    torch.testing.assert_close(found[0], found[2], rtol=0, atol=0)
    assert not set(pyro.get_param_store().keys())


def test_modules_of_pyro_with_parameters_that_have_constraints(file):
    model, guide = Modules(), ModulesGuide()
    _trained(model, guide)
    pyro.get_param_store().save(file / "store.pt")
    torch.save({"model": model.state_dict(), "guide": guide.state_dict()}, file / "states.pt")
    for name in ("store.pt", "states.pt"):
        with pytest.warns(gapkit.GapkitWarning, match="from") if name == "states.pt" else contextlib.nullcontext():
            made = load(file / name, model=f"{file / 'm.py'}:pair").model
        torch.testing.assert_close(made.encode(data()).base_dist.scale[0, 0], guide.spread.detach())
        torch.testing.assert_close(made.decode(torch.zeros(1, 2)).base_dist.scale[0, 0], model.width.detach())


def test_parameters_outside_of_modules(file):
    pyro.param("width", torch.tensor(0.5), constraint=constraints.positive)
    pyro.param("shift", torch.full((6,), 2.0))
    pyro.get_param_store().save(file / "store.pt")
    pyro.clear_param_store()
    made = load(file / "store.pt", model=f"{file / 'm.py'}:plain", model_args=["scale=2.0"]).model
    x = data()
    torch.testing.assert_close(made.encode(x).base_dist.loc, x + 2.0)
    assert float(made.decode(torch.zeros(1, 6)).base_dist.scale[0, 0].detach()) == pytest.approx(0.5)
    assert float(made.prior().base_dist.scale[0]) == 2.0


def test_what_is_refused(file):
    program = Simplex()
    torch.save(program.state_dict(), file / "state.pt")
    made = load(file / "state.pt", model=f"{file / 'm.py'}:Simplex").model
    with pytest.raises(InputError, match=r"pyro.param\('alpha'\)"):
        made.encode(data())
    for payload, words in (
        ({"params": {"alpha": torch.ones(())}, "constraints": {}}, "cannot be used"),
        ({"params": {"alpha": 3}, "constraints": {}}, "of type int"),
        ({"params": [1], "constraints": {}}, "no mappings"),
        ({"params": {"decoder$$$weight": torch.ones(2)}, "constraints": {}}, "no buffers"),
    ):
        torch.save(payload, file / "bad.pt")
        with pytest.raises(InputError) as caught:
            load(file / "bad.pt", model=f"{file / 'm.py'}:Simplex")
        assert words in str(caught.value)


def test_a_constraint_with_endless_bounds_is_no_crash(file):
    bound = constraints.greater_than(0.0)
    bound.lower_bound = bound
    torch.save({"params": {"alpha": torch.ones(())}, "constraints": {"alpha": bound}}, file / "bad.pt")
    with pytest.raises(InputError, match="cannot be used"):
        load(file / "bad.pt", model=f"{file / 'm.py'}:Simplex")


class _Canary(type(constraints.greater_than(0.0))):
    def __reduce__(self):
        return (print, ("executed",))


def test_other_code_in_a_store_is_refused(file, capsys):
    torch.save({"params": {}, "constraints": {"alpha": _Canary(0.0)}}, file / "bad.pt", pickle_module=pickle)
    with pytest.raises(InputError, match="would run code"):
        load(file / "bad.pt", model=f"{file / 'm.py'}:Simplex")
    assert "executed" not in capsys.readouterr().out
