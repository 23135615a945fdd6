"""Lengths after compression: what is compressed, in which unit, and for which data not at all."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from gapkit.ood.complexity import compressed_nats, image_obstacle

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 2, (3, 1, 16, 16)).astype(np.float32)
GREY = RNG.random((2, 1, 16, 16)).astype(np.float32)
COLOUR = RNG.random((2, 3, 16, 16)).astype(np.float32)


def test_lengths_are_those_of_png_files_in_nats():
    (found,) = compressed_nats(GREY)
    for image, nats in zip(GREY, found, strict=True):
        with io.BytesIO() as file:
            Image.fromarray(np.round(255 * image[0]).astype(np.uint8)).save(file, "PNG", optimize=True)
            assert nats == pytest.approx(len(file.getvalue()) * 8 * math.log(2))


def test_noise_is_longer_than_plain_images():
    plain, noise = compressed_nats(np.zeros((3, 1, 32, 32)), RNG.integers(0, 2, (3, 1, 32, 32)))
    assert (plain < noise - 300).all()
    assert noise.min() >= 32 * 32 * math.log(2)  # no compressor shortens coin flips


def test_sets_that_are_compared_are_written_in_the_same_way():
    alone = compressed_nats(NOISE)[0]
    beside_grey = compressed_nats(NOISE, GREY)[0]
    assert (alone < beside_grey).all()  # one bit for each pixel, then eight
    np.testing.assert_array_equal(compressed_nats(GREY, NOISE)[1], beside_grey)


def test_channels_and_planes():
    assert compressed_nats(COLOUR)[0].shape == (2,)
    np.testing.assert_array_equal(compressed_nats(GREY[:, 0])[0], compressed_nats(GREY)[0])


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((3, 64)), "shape (64,)"),
        (np.zeros((3, 2, 8, 8)), "shape (2, 8, 8)"),
        (np.zeros((3, 1, 8, 1)), "shape (1, 8, 1)"),
        (GREY * 3, "values in [0, 1]"),
        (-GREY, "values in [0, 1]"),
    ],
)
def test_what_is_no_image_is_told(x, words):
    assert words in image_obstacle(GREY, x)
    assert image_obstacle(GREY, NOISE, COLOUR) == ""
