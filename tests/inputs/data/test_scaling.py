"""What is done to pixels, and that it is said: by themselves, and as the user asks."""

import numpy as np
import pandas
import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.inputs.data import load
from gapkit.inputs.data.dataset import Raw, finish

PIXELS = np.array([[0, 51, 255], [102, 0, 204]], dtype=np.uint8)


def refusal(*args, **options):
    with pytest.raises(InputError) as caught:
        load(*args, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("scale", "expected", "words"),
    [
        (None, PIXELS / 255, "pixels divided by 255"),
        ("unit", PIXELS / 255, "pixels divided by 255"),
        ("0,1", PIXELS / 255, "pixels divided by 255"),
        ("-1,1", PIXELS / 127.5 - 1, "pixels from 0..255 to [-1, 1]"),
        ("-0.5,0.5", PIXELS / 255 - 0.5, "pixels from 0..255 to [-0.5, 0.5]"),
        ("none", PIXELS, "none"),
    ],
)
def test_eight_bit_pixels(scale, expected, words):
    data = finish(Raw(PIXELS), "pixels", scale=scale)
    np.testing.assert_allclose(data.x, expected, atol=1e-6)
    assert data.scaling == words


@pytest.mark.parametrize("values", [PIXELS / 255, PIXELS.astype(np.float32), PIXELS.astype(np.int64)])
def test_other_pixels_are_scaled_only_when_asked(values):
    assert finish(Raw(values), "pixels").scaling == "none"
    np.testing.assert_allclose(finish(Raw(values), "pixels").x, values, rtol=1e-6)
    data = finish(Raw(values), "pixels", scale="-1,1")
    np.testing.assert_allclose(data.x, PIXELS / 127.5 - 1, atol=1e-6)
    assert data.scaling.endswith("to [-1, 1]")


MOVED = "channels are moved from the last axis to the first"


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_from_0_to_1_with_channels_behind_are_recognised_and_said(kind, channels):
    values = np.random.default_rng(0).random((5, 6, 4, channels)).astype(kind)
    data = finish(Raw(values), "pixels")
    assert data.notes == (MOVED,)
    np.testing.assert_array_equal(data.x, values.transpose(0, 3, 1, 2).astype(np.float32))
    scaled = finish(Raw(values), "pixels", limit=2, scale="-1,1")  # the range that is decided by is that before
    np.testing.assert_allclose(scaled.x, 2 * data.x[:2] - 1, atol=1e-6)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=(5, 6, 4, 3)),  # no pixels
        np.random.default_rng(0).random((5, 3, 6, 3)),  # channels are in front already, as far as can be told
        np.random.default_rng(0).random((5, 6, 4, 2)),
        np.random.default_rng(0).integers(0, 2, (5, 6, 4, 3)),  # counts or classes
    ],
)
def test_other_arrays_keep_their_axes(values):
    data = finish(Raw(values), "values")
    assert data.notes == ()
    assert data.x.shape == values.shape


def test_binary_pixels_reach_both_ends():
    data = finish(Raw(np.eye(2, dtype=np.uint8)), "binary", scale="-1,1")
    assert data.x.tolist() == [[1, -1], [-1, 1]]
    assert data.scaling == "pixels from [0, 1] to [-1, 1]"


def test_the_range_is_that_of_the_whole_source():
    values = np.array([[0.0, 1.0], [0.0, 255.0]])
    assert (
        finish(Raw(values), "a", limit=1, scale="unit").x.tolist()
        == finish(Raw(values), "a", scale="unit").x[:1].tolist()
    )


@pytest.mark.parametrize("values", [[[-0.5, 1.0]], [[0.0, 300.0]], [[0.5, 7.5]]])
def test_what_is_no_pixel_is_not_scaled(values):
    with pytest.raises(InputError, match=r"which are no pixels[\s\S]*yourself"):
        finish(Raw(np.array(values)), "table", scale="-1,1")


@pytest.mark.parametrize("scale", ["2", "1,0", "a,b", "0,inf", "0,1,2", "half", "", "nan,1"])
def test_unknown_scales(scale):
    assert "--scale" in refusal("digits", scale=scale)


def test_counts_are_left_alone_unless_a_scale_is_asked_for():
    data = finish(Raw(PIXELS), "counts", counts=True)
    assert data.x.tolist() == PIXELS.tolist()
    assert data.scaling == "none"
    assert finish(Raw(PIXELS), "counts", scale="unit", counts=True).x.max() == 1


def test_named_sets_say_what_was_done_to_them():
    data = load("digits", limit=2)
    assert data.scaling == "pixels divided by 16"
    assert load("digits", limit=2, scale="-1,1").x.min() == -1


def table(path, columns, low=0, high=256, **more):
    values = np.random.default_rng(0).integers(low, high, (5, len(columns)))
    frame = pandas.DataFrame(values, columns=columns).assign(**more)
    frame.to_csv(path, index=False)
    return frame


SQUARE = [f"c{i}" for i in range(64)]


@pytest.mark.parametrize(
    "columns",
    [[f"pixel{i}" for i in range(9)], [f"{i}x{j}" for i in range(1, 4) for j in range(1, 4)], list("0123456"), SQUARE],
)
def test_tables_of_pixels_are_scaled_like_arrays_of_pixels(tmp_path, columns):
    frame = table(tmp_path / "a.csv", columns)
    data = load(tmp_path / "a.csv")
    np.testing.assert_allclose(data.x, frame.to_numpy() / 255, rtol=1e-6)
    assert data.scaling == "pixels divided by 255"
    assert load(tmp_path / "a.csv", scale="none").x.max() > 100
    assert load(tmp_path / "a.csv", counts=True).x.max() > 100
    frame.to_parquet(tmp_path / "a.parquet")
    assert load(tmp_path / "a.parquet").sha256 == data.sha256


@pytest.mark.parametrize(
    ("columns", "high", "more"),
    [
        (["age", "weight", "height"], 256, {}),  # a table of whole numbers
        ([f"pixel{i}" for i in range(9)], 17, {}),  # 16 grey levels
        (SQUARE, 300, {}),  # counts
        (SQUARE[1:], 256, {"temperature": 0.5}),  # not all whole
    ],
)
def test_other_tables_are_left_alone(tmp_path, columns, high, more):
    frame = table(tmp_path / "a.csv", columns, high=high, **more)
    data = load(tmp_path / "a.csv")
    np.testing.assert_allclose(data.x, frame.to_numpy(), rtol=1e-6)
    assert data.scaling == "none"


@pytest.mark.parametrize("name", ["label", "labels", "class", "Class", "target", "TARGET", "y"])
def test_label_columns_are_known_by_their_names(tmp_path, name):
    table(tmp_path / "a.csv", ["a", "b"], **{name: [1, 2, 1, 2, 3]})
    data = load(tmp_path / "a.csv")
    assert data.x.shape == (5, 2)
    assert data.labels.tolist() == [1, 2, 1, 2, 3]
    assert data.notes == (f"labels from the column {name}",)


def test_a_label_column_can_be_named_or_denied(tmp_path):
    table(tmp_path / "a.csv", ["a", "y", "label"], species=list("uvuvu"))
    data = load(tmp_path / "a.csv", label_column="species")
    assert data.classes == ("u", "v")
    assert data.x.shape == (5, 3)
    assert "did you mean species?" in refusal(tmp_path / "a.csv", label_column="specie")
    assert "--label-column" in refusal(tmp_path / "a.csv", label_column="none")  # words are no data
    table(tmp_path / "b.csv", ["a", "label"])
    assert load(tmp_path / "b.csv", label_column="none").x.shape == (5, 2)
    assert load(tmp_path / "b.csv", label_column="none").labels is None


def test_a_coordinate_called_y_is_no_label_beside_one(tmp_path):
    table(tmp_path / "a.csv", ["x", "y", "class"])
    assert load(tmp_path / "a.csv").x.shape == (5, 2)


def test_several_columns_of_labels_are_refused_with_the_option(tmp_path):
    table(tmp_path / "a.csv", ["a", "label", "target"])
    assert "label, target" in refusal(tmp_path / "a.csv")
    assert "--label-column label" in refusal(tmp_path / "a.csv")
    assert load(tmp_path / "a.csv", label_column="target").x.shape == (5, 2)


def test_label_columns_belong_to_tables():
    assert "a source without columns" in refusal("digits", label_column="label")


def test_functions_are_called_as_they_are_written(tmp_path):
    path = tmp_path / "sources.py"
    path.write_text(
        "import numpy as np\n"
        "def bare(): return np.zeros((4, 2))\n"
        "def default(n=3): return np.zeros((n, 2))\n"
        "def split(split='test', n=3): return np.full((n, 2), split == 'train')\n"
        "def anything(**options): return np.full((2, 2), options['split'] == 'train')\n"
    )
    assert (load(f"{path}:bare").split, len(load(f"{path}:bare"))) == ("all", 4)
    assert (load(f"{path}:default").split, len(load(f"{path}:default"))) == ("all", 3)
    for name in ("split", "anything"):
        data = load(f"{path}:{name}", split="train")
        assert data.split == "train"
        assert bool((data.x == 1).all())


def test_tensors_of_images_keep_their_scale():
    data = finish(Raw(torch.rand(2, 1, 4, 4)), "images")
    assert data.scaling == "none"
