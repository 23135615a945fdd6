"""An analysis of data that are read when they are wanted is the same as of those in memory."""

import numpy as np
import pandas as pd
import pytest
import torch

import gapkit
from gapkit.core.errors import GapkitWarning
from gapkit.core.rows import Rows
from gapkit.models.reference import build
from gapkit.sources import DataSource
from tests.engine import cheap


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Stream all that can be, however small."""
    monkeypatch.setattr("gapkit.inputs.data.streamed.STREAM_FROM", 0)


@pytest.fixture(scope="module")
def grey():
    return np.random.default_rng(0).integers(0, 256, (30, 3, 4), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build("mlp_vae", x_shape=(1, 3, 4), latent=2, hidden=(6,))


def analysed(model, opened, spec, **options):
    given = ("x", "labels", "original_x", "encoder_x")
    return gapkit.analyze(model, spec=spec, **{name: getattr(opened, name) for name in given}, **options)


@pytest.mark.parametrize("encode_from", ["binary", "original"])
def test_equal_to_the_last_bit(encode_from, grey, model, tmp_path):
    np.save(tmp_path / "x.npy", grey)
    source = DataSource(source=tmp_path / "x.npy", binarize="sample", encode_from=encode_from)
    whole, parts = source.read(whole=True), source.read()
    assert isinstance(parts.x["test"], Rows)
    spec = cheap.short(details=2, certificate=0, semi_amortized=8, convergence=4)
    allow = ("encoder_input",)
    first, second = (analysed(model, opened, spec, allow=allow) for opened in (whole, parts))
    pd.testing.assert_frame_equal(first.to_frame(), second.to_frame(), check_exact=True)
    assert first.summary_values.to_dict() == second.summary_values.to_dict()
    for name, array in first.details.items():
        np.testing.assert_array_equal(array, second.details[name])


@pytest.mark.parametrize(
    ("value", "word"), [(np.nan, "NaN or infinity in datapoint 20"), (0.3, "strictly between 0 and 1")]
)
def test_a_datapoint_that_cannot_be_read_spoils_no_other(value, word, grey, model, tmp_path, monkeypatch):
    x = (grey > 128).astype(np.float32)
    np.save(tmp_path / "whole.npy", x)
    x[20, 0, 0] = value
    np.save(tmp_path / "x.npy", x)
    monkeypatch.setattr("gapkit.core.rows._PLACES", 2)
    monkeypatch.setattr("gapkit.core.rows._IN_A_ROW", 4)
    whole, parts = (DataSource(source=tmp_path / name).read() for name in ("whole.npy", "x.npy"))
    spec = cheap.short(details=0, certificate=0, convergence=0)
    with pytest.warns(GapkitWarning, match=f"no numbers for datapoint 20 of test: .*{word}"):
        frame = gapkit.analyze(model, parts.x, spec, other_x=whole.x["test"][:8]).to_frame()
    assert frame.loc[frame["status"] == "failed", "index"].tolist() == [20]
    same = gapkit.analyze(model, whole.x, spec, other_x=whole.x["test"][:8]).to_frame()
    others = frame["index"] < 16
    pd.testing.assert_frame_equal(frame[others], same[others], check_exact=True, check_dtype=False)
