"""Checkpoints in which everything but tensors is a stand-in."""

import argparse
import collections
import contextlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.inputs.inert import Inert, read_inert

RAN = []


class _Canary:
    def __reduce__(self):
        return (RAN.append, ("executed",))


def test_what_a_library_writes_beside_its_weights(tmp_path):
    registry = collections.defaultdict(dict)
    registry["batch"]["names"] = np.array(["a", "b"], dtype=object)
    payload = {
        "weights": torch.ones(2),
        "count": np.int64(3),
        "ratio": np.float64(0.5),
        "numbers": np.arange(3),
        "registry": registry,
        "history": pd.DataFrame({"loss": [1.0, 2.0]}),
        "options": argparse.Namespace(latent=4),
        "folder": Path("somewhere"),
    }
    torch.save(payload, tmp_path / "model.pt")
    found = read_inert(tmp_path / "model.pt")
    assert torch.equal(found["weights"], torch.ones(2))
    assert found["count"] == 3
    assert found["registry"]["batch"]["names"].items() == ["a", "b"]
    assert all(isinstance(found[name], Inert) for name in ("history", "options", "folder", "numbers"))


def test_nothing_runs(tmp_path):
    torch.save({"weights": torch.ones(2), "more": _Canary()}, tmp_path / "model.pt")
    with contextlib.suppress(InputError):
        read_inert(tmp_path / "model.pt")
    assert not RAN


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04nothing", b"\x80\x02."])
def test_damaged_files(tmp_path, content):
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(InputError):
        read_inert(tmp_path / "model.pt")
