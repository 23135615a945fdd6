"""Settings of a refit: their ranges, and one that has no effect."""

import math

import pytest

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.training import RefitConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "cold"},
        {"on": "test"},
        {"binarize": "dither"},
        {"epochs": 0},
        {"batch_size": 0},
        {"num_samples": 0},
        {"num_draws": 0},
        {"seed": -1},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"factor": 1.0},
        {"factor": math.inf},
    ],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(InputError):
        RefitConfig(**wrong)


def test_a_factor_without_a_larger_encoder_warns():
    with pytest.warns(GapkitWarning, match="no effect"):
        RefitConfig(factor=3.0)


def test_other_layers_or_another_family_need_a_fresh_encoder():
    assert RefitConfig(start="fresh", hidden=[8], posterior="flow").hidden == (8,)
    for setting in ({"hidden": ()}, {"posterior": "flow"}):
        with pytest.raises(InputError, match="take start='fresh'"):
            RefitConfig(start="larger", **setting)
    with pytest.raises(InputError, match="use one of mean_field"):
        RefitConfig(start="fresh", posterior="planar")
