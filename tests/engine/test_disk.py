"""What a disk has of a run: the same values, in the same place in memory; and nothing of what is damaged or foreign."""

import dataclasses
import errno
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import gapkit
from gapkit.engine import Disk, Memory, Union, spec_for
from gapkit.engine.outputs import Cost, Output
from gapkit.engine.packed import UnstorableError, pack, unpack
from gapkit.engine.store import Place, StoreError
from gapkit.engine.unit import run_unit
from gapkit.models.freeze import frozen
from gapkit.models.reference import build
from tests.engine.units import made

SPEC = spec_for("quick", unit_size=8, details=2)
PLACE = Place("test", 0)


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert (one.dtype, one.shape, one.stride()) == (other.dtype, other.shape, other.stride())
        assert one.contiguous().numpy().tobytes() == other.contiguous().numpy().tobytes()
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    elif dataclasses.is_dataclass(one):
        for part in dataclasses.fields(one):
            assert_same(getattr(one, part.name), getattr(other, part.name))
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            assert_same(one[name], other[name])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert one == other or (one != one and other != other)


@pytest.fixture(scope="module")
def outputs():
    """All that the stages of a unit give, in every family."""
    model, work, units = made()
    families = ("mean_field", "low_rank", "flow", "auxiliary", "mixture")
    store, spec = Memory(), replace(work.spec, families=families, convergence=4)
    with frozen(model):
        run_unit(replace(work, spec=spec), "test", units[0], store=store)
    return {name: output for (_, name), output in store._kept.items()}


def test_outputs_of_all_stages_come_back_as_they_were(outputs, tmp_path):
    assert {"bounds", "fits", "evidence", "route", "fits/flow", "convergence", "local steps", "rows"} <= set(outputs)
    for name, output in outputs.items():
        Disk(tmp_path).keep(PLACE, name, output)
        found = Disk(tmp_path).find(PLACE, name, output.identity)
        assert_same(output.value, found.value)
        assert found.cost == output.cost
        assert Disk(tmp_path).find(PLACE, name, "0" * 64) is None
        assert Disk(tmp_path).find(Place("test", 1), name, output.identity) is None


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
        torch.arange(24.0).reshape(2, 3, 4)[:, 1],
        torch.arange(3.0).unsqueeze(1).expand(3, 5),
        torch.zeros(1000)[3:5],
        torch.empty(0, 4),
        torch.tensor(2.5, dtype=torch.float64),
        torch.tensor([True, False]),
        torch.tensor([float("nan"), -float("inf"), -0.0], dtype=torch.bfloat16).float(),
    ],
    ids=["turned", "sliced", "repeated", "small part", "empty", "scalar", "bools", "odd values"],
)
def test_tensors_keep_values_and_strides(tensor):
    tree, tensors = pack(tensor)
    back = unpack(json.loads(json.dumps(tree)), tensors)
    assert back.numpy().tobytes() == tensor.numpy().tobytes()
    assert back.shape == tensor.shape
    assert [back.stride()[axis] == 0 for axis in range(back.dim())] == [step == 0 for step in tensor.stride()]
    assert sum(part.numel() for part in tensors.values()) <= 2 * tensor.numel() + 64


def test_tensors_that_share_memory_share_it_again():
    whole = torch.zeros(4, 5)
    tree, tensors = pack([whole, whole[1], whole.mT])
    assert len(tensors) == 1
    first, row, turned = unpack(tree, tensors)
    first[1, 2] = 7.0
    assert row[2] == turned[2, 1] == 7.0


class Code:
    """Something of the user's own."""


@pytest.mark.parametrize(
    "value",
    [Code(), {"a": Code()}, lambda: 1, np.array([Code()], dtype=object)],
    ids=["an object", "within", "a function", "an array"],
)
def test_code_is_not_stored(value, tmp_path):
    with pytest.raises(UnstorableError, match="cannot be stored"):
        pack(value)
    Disk(tmp_path).keep(PLACE, "fits", Output("a", value, Cost()))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_nothing_but_the_packages_own_values_is_made_of_a_file():
    with pytest.raises(KeyError):
        unpack({"value": ["Popen", {"args": "true"}]}, {})
    with pytest.raises(ValueError, match="of the kind 'code'"):
        unpack({"code": "1"}, {})


DAMAGES = {
    "torn": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "first bit": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "last bit": lambda content: content[:-1] + bytes([content[-1] ^ 128]),
    "longer": lambda content: content + b"\0",
    "another file": lambda content: b"PK\x03\x04" + content[4:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_seen_and_put_aside(damage, tmp_path):
    store = Disk(tmp_path)
    store.keep(PLACE, "fits", Output("ab", torch.arange(100.0), Cost()))
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert store.find(PLACE, "fits", "ab") is None
    assert store.damaged == [path]
    assert not path.exists()


def test_a_run_goes_on_where_another_stopped_and_makes_what_is_damaged_again(tmp_path):
    torch.manual_seed(3)
    model = build("mlp_vae", x_shape=(6,), latent=3, hidden=(8,))
    x = (torch.rand(20, 6, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    plain = gapkit.analyze(model, x, SPEC)

    def stops(step):
        if step.done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gapkit.analyze(model, x, SPEC, store=Disk(tmp_path), progress=stops)
    begun = sorted(tmp_path.rglob("*.safetensors"))
    assert 4 <= len(begun) < 12
    begun[0].write_bytes(begun[0].read_bytes()[:-9])
    store = Disk(tmp_path)
    result = gapkit.analyze(model, x, SPEC, store=store)
    assert result.to_frame().equals(plain.to_frame())
    assert result.summary_values == plain.summary_values
    assert result.run["decoder_evaluations"] == plain.run["decoder_evaluations"]
    assert len(store.damaged) <= 1
    again = gapkit.analyze(model, x, SPEC, store=Union([Memory(), Disk(tmp_path)]))
    assert {"bounds", "fits", "evidence", "route"}.isdisjoint(again.run["seconds"])
    assert again.to_frame().equals(plain.to_frame())
    assert again.run["decoder_evaluations"] == plain.run["decoder_evaluations"]


def test_a_full_disk_ends_the_run_and_says_so(tmp_path, monkeypatch):
    model, work, _ = made()
    writes = []

    def full(path, write, durable=False):
        writes.append(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gapkit.engine.disk.write_atomically", full)
    with frozen(model), pytest.raises(StoreError, match="No space left on device"):
        gapkit.analyze(model, work.data["test"].x, SPEC, store=Disk(tmp_path))
    assert len(writes) == 1  # that is no fault of the datapoints, and nothing is tried in halves
