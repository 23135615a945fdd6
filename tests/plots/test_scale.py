"""Axes for skewed numbers: everything inside, nothing pressed into a corner, and the scale is told."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from gapkit.plots.scale import fit_axis


def drawn(values, **more):
    ax = Figure(figsize=(5, 3)).add_subplot()
    words = fit_axis(ax, "x", np.array(values, float), **more)
    ax.figure.draw_without_rendering()
    return ax, words


def fraction(ax, value):
    return float(ax.transAxes.inverted().transform(ax.transData.transform((value, 0.0)))[0])


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [0.0] * 5,
        [1.0] * 5,
        [-3.0, -1.0],
        [0.0] * 99 + [50.0],
        [*np.linspace(0, 2, 100), 300.0],
        [*np.linspace(-2, 2, 100), 300.0],
        [*np.linspace(-2, 2, 100), -300.0],
        [*np.linspace(0, 1e6, 100), 1e9],
        [*np.linspace(0, 1e-3, 100), 1.0],
    ],
)
def test_all_values_and_zero_are_inside(values):
    ax, _ = drawn(values)
    low, high = ax.get_xlim()
    assert low < min(0.0, *values)
    assert max(0.0, *values) < high
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert 2 <= len(ticks) <= 10
    places = [fraction(ax, tick) for tick in ticks]
    assert np.diff(places).min() > 0.04


def test_values_of_one_size_are_on_a_linear_axis():
    ax, words = drawn(np.linspace(0, 5, 100))
    assert (ax.get_xscale(), words) == ("linear", "")


def test_a_few_extremes_do_not_press_the_others_into_a_corner():
    values = [*np.linspace(0, 1.9, 100), 400.0]
    ax, words = drawn(values)
    assert (ax.get_xscale(), words) == ("symlog", ", logarithmic beyond 2")
    assert 0.5 < fraction(ax, 1.9) - fraction(ax, 0.0) < 0.9
    assert fraction(ax, 1.0) - fraction(ax, 0.5) == pytest.approx(fraction(ax, 1.5) - fraction(ax, 1.0))
    assert ax.get_xticklabels()[-1].get_text() in ("100", "200")


def test_further_numbers_stay_inside():
    ax, _ = drawn([0.1, 0.2], also=[7.0, -2.0])
    assert ax.get_xlim()[0] < -2.0
    assert ax.get_xlim()[1] > 7.0
