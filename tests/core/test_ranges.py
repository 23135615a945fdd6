"""Ranges of settings: what is inside, what the refusal says, and that every setting with a number has a range."""

import math
import sys
from dataclasses import dataclass, fields

import numpy as np
import pytest

from gapkit.core.errors import InputError
from gapkit.core.ranges import above, check_ranges, each, even, one_of, optional, share, whole
from gapkit.engine import AnalysisSpec
from gapkit.estimators import Ais, Elbo, Iwae, ReciprocalIs
from gapkit.estimators.evidence import Policy
from gapkit.kernels.tempering import Tempering
from gapkit.local import FitSettings, Route
from gapkit.training import RefitConfig, TrainConfig

SETTINGS = (
    AnalysisSpec,
    Policy,
    FitSettings,
    Route,
    Tempering,
    TrainConfig,
    RefitConfig,
    Ais,
    Elbo,
    Iwae,
    ReciprocalIs,
)


@dataclass(frozen=True)
class Settings:
    value: object


INSIDE = [
    (whole(1), [1, 7, np.int64(3)]),
    (whole(2, or_zero="for none"), [0, 2, 3]),
    (even(2), [2, 4]),
    (above(0), [1e-9, 3, np.float32(0.5)]),
    (share(zero=True, one=True), [0, 0.0, 0.5, 1.0]),
    (share(zero=True, one=False), [0.0, 0.5]),
    (share(zero=False, one=True), [0.5, 1.0]),
    (share(zero=False, one=False), [0.5]),
    (one_of("adam", "adagrad"), ["adam", "adagrad"]),
    (optional(above(0)), [None, 0.1]),
    (each(whole(1)), [(), (1, 2), [3]]),
]
OUTSIDE = [
    (whole(1), [0, -1, 1.5, 2.0, math.nan, math.inf, "3", None, True]),
    (whole(2, or_zero="for none"), [1, -1, math.nan]),
    (even(2), [0, 1, 3, 2.0]),
    (above(0), [0.0, -1.0, math.nan, math.inf, "1", None, True]),
    (above(1), [1.0, 0.5]),
    (share(zero=True, one=True), [-0.1, 1.1, math.nan, None]),
    (share(zero=True, one=False), [1.0]),
    (share(zero=False, one=True), [0.0]),
    (share(zero=False, one=False), [0.0, 1.0]),
    (one_of("adam", "adagrad"), ["", "sgd", None, 3, ["adam"]]),
    (optional(above(0)), [0.0, "none"]),
    (each(whole(1)), [(0,), (1, None), 5, "12", None]),
]


@pytest.mark.parametrize(("allowed", "values"), INSIDE)
def test_what_is_inside_passes(allowed, values):
    for value in values:
        check_ranges("a task", Settings(value), {"value": allowed})


@pytest.mark.parametrize(("allowed", "values"), OUTSIDE)
def test_what_is_outside_is_refused_with_name_value_and_what_to_do(allowed, values):
    for value in values:
        with pytest.raises(InputError) as caught:
            check_ranges("a task", Settings(value), {"value": allowed})
        assert caught.value.asked == f"a task with value={value!r}"
        assert caught.value.found == f"{value!r}, not {allowed.words}"
        assert caught.value.do.startswith("use ")


def test_messages():
    said = [(r.words, r.do) for r in (whole(2, or_zero="for none"), above(1, "2"), share(zero=False, one=True))]
    assert said == [
        ("0 or a whole number of at least 2", "use 0 for none, or 2 or more"),
        ("a number above 1 that is finite", "use a number above 1, e.g. 2"),
        ("a number above 0 and at most 1", "use a number above 0 and at most 1"),
    ]


@pytest.mark.parametrize("settings", SETTINGS)
def test_every_number_has_a_range_and_every_range_a_setting(settings):
    table = sys.modules[settings.__module__].RANGES
    numbers = {
        f.name for f in fields(settings) if isinstance(f.default, int | float) and not isinstance(f.default, bool)
    }
    assert numbers <= set(table) <= {f.name for f in fields(settings)}


@pytest.mark.parametrize("settings", SETTINGS)
def test_no_setting_is_not_a_number_in_words_or_minus_one(settings):
    table = sys.modules[settings.__module__].RANGES
    for name in table:
        for value in (math.nan, "nothing of the kind", -1):
            with pytest.raises(InputError, match=f"with {name}="):
                settings(**{name: value})
