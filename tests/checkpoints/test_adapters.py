"""The contract of every kind of checkpoint that says itself how its model is built."""

import pytest
import torch

from gapkit.checkpoints import load
from gapkit.checkpoints.adapters import ADAPTERS
from gapkit.estimators import Elbo
from gapkit.models.reference import build
from tests import registry

NAMES = sorted(registry.ADAPTERS)


def test_every_adapter_is_tested():
    assert sorted(type(adapter).__name__ for adapter in ADAPTERS if adapter.reads != "object") == sorted(
        [*NAMES, *registry.ELSEWHERE]
    )


@pytest.fixture(params=NAMES)
def file(request, tmp_path):
    """A model, and its file of each kind."""
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(5,))
    model.eval()
    registry.ADAPTERS[request.param](tmp_path / "model.pt", model)
    return request.param, model, tmp_path / "model.pt"


def test_the_model_is_what_was_written(file):
    _, model, path = file
    state = torch.random.get_rng_state()
    loaded = load(path, trust_pickle=True)
    assert torch.equal(state, torch.random.get_rng_state())
    assert loaded.name == "model.pt"
    assert "weights" in loaded.description
    assert not any(part.training for part in loaded.model.modules())
    x = torch.bernoulli(torch.full((4, 6), 0.5))
    assert torch.equal(Elbo()(loaded.model, x, loaded.model.encode(x)).value, Elbo()(model, x, model.encode(x)).value)


def test_a_file_is_claimed_by_one_kind_alone(file):
    from gapkit.inputs.read import read

    name, _, path = file
    payload = read(path, trust_pickle=True)
    files = [adapter for adapter in ADAPTERS if adapter.reads == "file"]
    assert [type(adapter).__name__ for adapter in files if adapter.claims(payload)] == [name]
    assert not any(adapter.claims({"weights": torch.zeros(2)}) for adapter in files)


def test_forward_is_never_called(file, monkeypatch):
    _, model, path = file

    def never(self, *_):
        raise AssertionError("forward was called")

    monkeypatch.setattr(type(model), "forward", never, raising=False)
    load(path, trust_pickle=True)
