"""Pictures of datapoints and their reconstructions, tested by what was drawn."""

import numpy as np
import pytest

from gapkit.core.images import image_shape
from gapkit.plots.gallery import gallery
from gapkit.report.figures import as_svg
from gapkit.report.figures.details import DETAILS
from tests.plots.details import pictures, result


@pytest.mark.parametrize("shape", [(8, 8), (64,), (1, 8, 8), (5, 9)])
def test_grey_tiles_are_the_stored_arrays(shape):
    details = pictures(shape)
    ax = gallery(result(details))
    height, width = (8, 8) if len(shape) != 2 else shape
    shown = [np.asarray(image.get_array()) for image in ax.images]
    assert len(shown) == 15
    stored = [details[f"worst_{row}"] for row in ("x", "under_q", "under_q_star", "posterior_sample")]
    stored.insert(3, stored[2].astype(float) - stored[1].astype(float))
    for image, expected in zip(shown, (tile for row in stored for tile in row), strict=True):
        np.testing.assert_allclose(image, expected.reshape(height, width), rtol=1e-6)
    left = [image.get_extent()[0] for image in ax.images]
    assert left[:3] == left[3:6] == sorted(left[:3])


def test_colour_tiles_have_their_channels_last():
    details = pictures((3, 6, 7))
    image = np.asarray(gallery(result(details)).images[4].get_array())
    np.testing.assert_allclose(image, np.moveaxis(details["worst_under_q"][1], 0, -1), rtol=1e-6)
    change = np.asarray(gallery(result(details)).images[10].get_array())  # one number per pixel, of all channels
    both = (details[f"worst_{row}"][1].astype(float) for row in ("under_q_star", "under_q"))
    np.testing.assert_allclose(change, np.subtract(*both).mean(0), rtol=1e-6)


def test_columns_are_named_by_index_and_gaps_of_the_table():
    ax = gallery(result())
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "#2\n6.00 + 3.00",
        "#1\n1.00 + 0.50",
        "#0\n5.00 + 1.00",
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "data x",
        "under q",
        "under q*",
        "q* minus q",
        "posterior\nsample",
    ]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((28, 28), (1, 28, 28)),
        ((1, 28, 20), (1, 28, 20)),
        ((3, 32, 32), (3, 32, 32)),
        ((64,), (1, 8, 8)),
        ((784,), (1, 28, 28)),
        ((49,), None),
        ((65,), None),
        ((2, 32, 32), None),
        ((32, 32, 3), None),
        ((2, 50), None),
        ((), None),
        ((1, 3, 8, 8), None),
    ],
)
def test_which_data_are_images(shape, expected):
    assert image_shape(shape) == expected
    assert bool(gallery(result(pictures(shape))).images) == bool(expected)


def test_brightness_is_that_of_the_data_for_all_rows():
    details = pictures()
    details["worst_x"] = details["worst_x"] * 200 - 50
    details["worst_under_q"] = details["worst_under_q"] * 1000 - 500
    low, high = details["worst_x"].min(), details["worst_x"].max()
    shown = np.asarray(gallery(result(details)).images[3].get_array())
    expected = np.clip((details["worst_under_q"][0] - low) / (high - low), 0, 1)
    np.testing.assert_allclose(shown, expected, rtol=1e-5, atol=1e-6)
    details["worst_x"] = np.full_like(details["worst_x"], 7.0)
    assert np.isfinite(np.asarray(gallery(result(details)).images[0].get_array())).all()


def test_a_missing_sample_is_an_empty_tile():
    details = pictures()
    details["worst_posterior_sample"][:] = np.nan
    ax = gallery(result(details))
    assert np.ma.getmaskarray(ax.images[-1].get_array()).all()
    assert not np.ma.getmaskarray(ax.images[0].get_array()).any()


@pytest.mark.parametrize("shape", [(8, 8), (3, 8, 8)])
def test_a_sample_without_a_choice_is_told_not_to_be_known(shape):
    details = {**pictures(shape), "worst_effective": np.array([1.2, 40.0, np.nan], np.float32)}
    whole = result(details)
    ax = gallery(whole)
    assert [text.get_text() for text in ax.texts if "known" in text.get_text()] == ["not\nknown"] * 2
    blank = [np.ma.filled(image.get_array(), 1.0).min() == 1.0 for image in ax.images[-3:]]
    assert blank == [True, False, True]
    (drawing,) = (each for each in DETAILS if each.name == "gallery")
    assert "No draw of the true posterior is known of 2, 0." in drawing.describe(whole, "test")


@pytest.mark.parametrize("shape", [(3, 128, 96), (3, 40, 40), (200, 200)])
def test_large_noisy_pictures_make_a_small_file(shape):
    whole = result(pictures(shape, 8))
    assert len(as_svg(lambda: gallery(whole), "gallery")) < 300_000
    image = np.asarray(gallery(whole).images[0].get_array())
    assert max(image.shape[:2]) <= 36
    stored = whole.details["worst_x"][0]
    grey = stored.mean(0) if stored.ndim == 3 else stored
    shown = image.mean(2) if image.ndim == 3 else image
    step = -(-max(grey.shape) // 36)
    np.testing.assert_allclose(shown[0, 0], grey[:step, :step].mean(), rtol=1e-5)
