"""The contract of every kind of object that a user's factory may return."""

import pytest
import torch
from torch import nn

from gapkit.checkpoints import load
from gapkit.checkpoints.adapters import ADAPTERS, Request, adapter_of
from gapkit.core.errors import InputError
from gapkit.inputs.usercode import METHODS
from gapkit.models.reference import build
from tests import registry

KINDS = [adapter for adapter in ADAPTERS if adapter.reads == "object"]


@pytest.fixture(params=sorted(registry.OBJECTS))
def case(request, tmp_path):
    made = registry.OBJECTS[request.param](tmp_path)
    return request.param, made


def test_an_object_is_claimed_by_one_kind_alone(case):
    name, made = case
    assert [type(adapter).__name__ for adapter in KINDS if adapter.claims(made.found)] == [name]
    ordinary = [build("mlp_vae", x_shape=(6,), latent=2, hidden=(5,)), nn.Linear(1, 1), {"weights": 1}, None, (1, 2)]
    assert not any(adapter.claims(other) for adapter in KINDS for other in ordinary)
    assert type(adapter_of("object", made.found)).__name__ == name


def test_the_model_is_what_was_written(case):
    _, made = case
    state = torch.random.get_rng_state()
    adapter_of("object", made.found).open(made.found, Request(made.file, METHODS, made.factory))
    assert torch.equal(state, torch.random.get_rng_state())
    loaded = load(made.file, model=made.factory)
    assert "weights" in loaded.description
    assert not any(part.training for part in loaded.model.modules())
    q, expected = loaded.model.encode(made.x), made.q_log_prob
    torch.testing.assert_close(q.log_prob(made.z), expected, rtol=1e-4, atol=1e-4)


def test_a_file_that_does_not_fit_is_told(case, tmp_path):
    _, made = case
    torch.save({"elsewhere": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(InputError):
        load(tmp_path / "other.pt", model=made.factory)
