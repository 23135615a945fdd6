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
