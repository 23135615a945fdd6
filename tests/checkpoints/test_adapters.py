"""The contract of every kind of checkpoint that says itself how its model is built."""

from pathlib import Path

import pytest
import torch

from gapkit import GapkitWarning
from gapkit.checkpoints.adapters import ADAPTERS
from gapkit.core.errors import InputError
from gapkit.estimators import Elbo
from tests import registry

NAMES = sorted(registry.ADAPTERS)


def test_every_adapter_is_tested():
    tested = [*NAMES, *registry.OBJECTS, *registry.ELSEWHERE]
    assert sorted(type(adapter).__name__ for adapter in ADAPTERS) == sorted(tested)


@pytest.fixture(params=NAMES)
def made(request, tmp_path):
    """A checkpoint of each kind, with the model that was written."""
    torch.manual_seed(0)
    return request.param, registry.ADAPTERS[request.param](tmp_path)


def opened(name, source):
    if name != "Scripted":
        return source.open()
    with pytest.warns(GapkitWarning, match=r"deprecated.*torch\.export"):
        return source.open()


def test_the_model_is_what_was_written(made):
    name, written = made
    state = torch.random.get_rng_state()
    loaded = opened(name, written.source)
    assert torch.equal(state, torch.random.get_rng_state())
    assert loaded.name == str(written.source.checkpoint).rpartition("/")[2]
    assert "weights" in loaded.description
    assert not any(part.training for part in loaded.model.modules())
    x = torch.bernoulli(torch.full((4, *written.x_shape), 0.5)) - float(name == "Diffusers")
    values = [Elbo()(model, x, model.encode(x)).value for model in (loaded.model, written.reference)]
    assert torch.equal(*values)


def test_what_was_read_is_recognised_again(made):
    name, written = made
    again = written.source.of({**written.source.to_dict(), "sha256": opened(name, written.source).sha256})
    trust = written.source.factory is not None or written.source.trust_pickle
    assert (again.open(trust=trust) if name != "Scripted" else opened(name, again)).sha256 == again.sha256
    path = written.source.decoder or written.source.checkpoint
    file = next(path for path in sorted([*_below(path)]) if path.suffix != ".json")
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(InputError, match="another file than was analysed"):
        again.open(trust=trust)


def _below(path):
    return [Path(path)] if Path(path).is_file() else [file for file in Path(path).rglob("*") if file.is_file()]


def test_a_checkpoint_is_claimed_by_one_kind_alone(made):
    name, written = made
    found = written.found()
    reads = next(adapter.reads for adapter in ADAPTERS if type(adapter).__name__ == name)
    alike = [adapter for adapter in ADAPTERS if adapter.reads == reads]
    assert [type(adapter).__name__ for adapter in alike if adapter.claims(found)] == [name]
    if reads in ("file", "object"):
        assert not any(adapter.claims({"weights": torch.zeros(2)}) for adapter in alike)


# A program has nothing but its forward.
@pytest.mark.parametrize("made", [name for name in NAMES if name not in ("Exported", "Scripted")], indirect=True)
def test_forward_is_never_called(made, monkeypatch):
    name, written = made

    def never(self, *_):
        raise AssertionError("forward was called")

    monkeypatch.setattr(written.forward, "forward", never, raising=False)
    model = opened(name, written.source).model
    x = torch.zeros(2, *written.x_shape) - float(name == "Diffusers")
    model.decode(model.encode(x).sample())
    model.prior()
