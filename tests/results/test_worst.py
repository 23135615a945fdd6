"""`result.worst(12)`: an ordinary frame of the datapoints with the largest gaps, with pictures in a notebook."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import gapkit
from gapkit.core.errors import InputError
from tests.results.by_hand import join, many, nothing, three, with_labels


def pictured(result, indices, shape=(64,), split="test"):
    """The result with pictures of these datapoints: each all of one brightness."""
    details = {"worst_index": np.array(indices)}
    for shift, name in enumerate(("x", "under_q", "under_q_star", "posterior_sample")):
        levels = (np.arange(len(indices)) + shift) / 10
        details[f"worst_{name}"] = np.broadcast_to(levels.reshape(-1, *[1] * len(shape)), (len(indices), *shape))
    return replace(result, details=details, run={**result.run, "details": {"split": split}})


def test_the_largest_gaps_come_first_and_stay_numbers():
    result = many(400)
    found = result.worst(12)
    table = result.to_frame()
    assert found["total_gap"].tolist() == sorted(table["total_gap"].dropna(), reverse=True)[:12]
    pd.testing.assert_frame_equal(pd.DataFrame(found), table.loc[found.index][list(found.columns)])
    assert {"split", "index", "status", "approximation_gap", "amortization_gap", "log_px", "elbo_se"} <= set(found)
    assert type(found.head(2)) is pd.DataFrame
    assert "±" in repr(found)
    assert "_se" not in repr(found)


def test_splits_labels_and_rows_without_numbers():
    result = with_labels(join(three(), nothing(), three(split="train")), ["a", "b", "c", "d", "e", "f", "g", "h"])
    assert result.worst()["label"].tolist() == ["c", "a", "b"]
    assert result.worst(2, "train")["label"].tolist() == ["h", "f"]
    assert result.worst(99, "train")["split"].tolist() == ["train"] * 3
    with pytest.raises(InputError, match="use test and train"):
        result.worst(3, "tset")
    with pytest.raises(InputError, match="ask for 1 or more"):
        result.worst(0)
    assert len(nothing().worst()) == 0


def test_a_notebook_shows_pictures_of_those_that_have_some():
    result = pictured(with_labels(three(), ["<script>a</script>", "b", "c"]), [2, 0])
    page = result.worst(3)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;a" in page
    assert "±" in page
    images = re.findall(r'<img src="data:image/png;base64,([\w+/=]+)" alt="(.*?)"', page)
    assert [words for _, words in images] == ["data", "under q", "under q*"] * 2  # in the order of the gaps
    sizes = [Image.open(io.BytesIO(base64.b64decode(data))) for data, _ in images]
    assert [image.size for image in sizes] == [(8, 8)] * 6
    assert [image.getpixel((3, 3)) for image in sizes] == [0, 26, 51, 26, 51, 76]


def test_without_pictures_it_is_a_table():
    assert "<img" not in three().worst()._repr_html_()
    assert "<img" not in pictured(three(), [0], shape=(5,)).worst()._repr_html_()  # no images
    assert "<img" not in pictured(three(split="train"), [0]).worst()._repr_html_()  # of another split
    colours = pictured(three(), [0], shape=(3, 8, 8)).worst()._repr_html_()
    assert colours.count("<img") == 3


def test_a_run_is_loaded_by_its_folder(tmp_path):
    three().save(tmp_path / "series" / "one")
    assert gapkit.load_run(tmp_path / "series" / "one").to_frame().equals(three().to_frame())
    with pytest.raises(InputError, match=r"such as .*series.one"):
        gapkit.load_run(tmp_path / "series")
    with pytest.raises(InputError, match=r"no datapoints\.parquet"):
        gapkit.load_run(tmp_path)
