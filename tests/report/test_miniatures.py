"""Small pictures and class names where tables name single datapoints: in analyses, comparisons and scores."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gapkit.comparison import compare
from gapkit.core.errors import InputError
from gapkit.core.images import miniatures
from gapkit.ood import Scored, describe, scores, separate
from gapkit.ood.miniatures import most_unusual
from gapkit.report import build, build_comparison, render, render_pdf
from gapkit.report.score import build_score
from tests.plots.details import pictures
from tests.report.pages import Page
from tests.results.by_hand import three, uneven, with_labels

pytestmark = pytest.mark.usefixtures("no_pictures")
WORDS = ["cat", "dog", None]


def pictured(result, shape=(8, 8), split="test"):
    return replace(result, run={**result.run, "details": {"split": split}}, details=pictures(shape))


def shown(document, name):
    """The pictures of a table by the name of the row: levels, and words."""
    found = {}
    for row in document.table(name).rows:
        if row.picture:
            with Image.open(io.BytesIO(base64.b64decode(row.picture.png))) as image:
                found[row.name] = (np.asarray(image), row.picture.alt)
    return found


def column(document, name, key):
    table = document.table(name)
    place = [each.key for each in table.columns].index(key)
    return [row.cells[place] for row in table.rows]


@pytest.mark.parametrize("shape", [(8, 8), (64,), (3, 8, 8), (100, 72)])
def test_the_worst_datapoints_have_the_pictures_that_the_run_keeps(shape):
    result = pictured(three(), shape)
    found = shown(build(result), "worst-table")
    x = result.details["worst_x"]
    expected = dict(zip(result.details["worst_index"].tolist(), miniatures(x), strict=True))
    assert found.keys() == {f"test {index}" for index in expected}
    for index, image in expected.items():
        np.testing.assert_array_equal(found[f"test {index}"][0], image)
        assert found[f"test {index}"][1] == f"datapoint {index} of test"
        assert max(image.shape[:2]) <= 36
    if shape == (8, 8):
        np.testing.assert_array_equal(expected[2], (x[0] * 255).round())


def test_a_page_has_them_in_a_column_and_paper_goes_without():
    document = build(pictured(three()))
    page = Page(render(document))
    images = page.all("img")
    assert [image["alt"] for image in images] == [f"datapoint {index} of test" for index in (2, 0, 1)]
    assert all(image["src"].startswith("data:image/png;base64,") for image in images)
    head, *rows = page.table("worst-table")
    assert head[:3] == ["Index", "Picture", "Split"]
    assert {len(row) for row in rows} == {len(head)}
    plain = Page(render(build(three())))
    assert plain.table("worst-table")[0][:2] == ["Index", "Split"]
    assert not plain.all("img")
    assert render_pdf(document)


@pytest.mark.parametrize("result", [pictured(three(), (5,)), pictured(three(), split="train")])
def test_what_is_no_image_or_of_another_split_has_none(result):
    assert not shown(build(result), "worst-table")


def test_datapoints_that_changed_most_have_pictures_and_class_names():
    runs = {name: with_labels(uneven(seed=seed), None) for seed, name in enumerate("ab")}
    labels = [f"class {index % 3}" for index in range(len(runs["a"].datapoints))]
    runs = {name: pictured(with_labels(uneven(seed=seed), labels)) for seed, name in enumerate("ab")}
    document = build_comparison(compare(runs))
    found = shown(document, "changed-1")
    assert {words for _, words in found.values()} <= {f"datapoint {index} of test" for index in range(3)}
    assert found
    indices = column(document, "changed-1", "index")
    assert column(document, "changed-1", "label") == [f"class {int(index) % 3}" for index in indices]
    assert "label" not in [
        each.key for each in build_comparison(compare({k: uneven() for k in "ab"})).table("changed-1").columns
    ]


def test_unusual_datapoints_have_pictures_and_class_names_also_when_read_back(tmp_path):
    near, far = pictured(with_labels(three(), WORDS)), pictured(with_labels(three(), WORDS), (3, 8, 8))
    for scored in (describe(near, "digits"), separate(near, near), describe(scores(near))):
        document = build_score(scored)
        assert sorted(map(str, column(document, "unusual-table", "label")))[:1] == ["None"]
        names = {row.name for row in document.table("unusual-table").rows}
        assert shown(document, "unusual-table").keys() == (names if scored.pictures else set())
    folder = describe(far, "digits").save(tmp_path / "out")
    again = Scored.load(folder)
    assert build_score(again) == build_score(describe(far, "digits"))
    assert len(again.pictures) == 3
    np.savez(folder / "pictures.npz", data=np.array(["a"]), index=np.array([0]))
    with pytest.raises(InputError, match=r"pictures\.npz"):
        Scored.load(folder)


def test_pictures_of_the_most_unusual_of_two_sets():
    table = separate(three(), three(), names=("near", "far")).datapoints
    x = np.random.default_rng(0).random((2, 3, 1, 6, 6))
    found = most_unusual(table, {"near": x[0], "far": x[1]})
    assert len(found) == 6
    np.testing.assert_array_equal(found["far", 2], (x[1, 2, 0] * 255).round())
    assert most_unusual(table, {"near": x[0, ..., 0], "far": x[1, ..., 0]}) == {}
    large = np.random.default_rng(0).random((2, 3, 1, 8, 8))
    flat = most_unusual(table, {"near": large[0], "far": large[1].reshape(3, 64)})
    assert all(
        (flat[place] == image).all()
        for place, image in most_unusual(table, {"near": large[0], "far": large[1]}).items()
    )
    assert len(flat) == 6
    assert most_unusual(table, {"near": x[0], "far": large[1]}) == {}
