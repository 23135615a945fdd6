"""The curve of the IWAE bound, tested by what was drawn."""

import numpy as np

from gapkit.plots.iwae_curve import iwae_curve
from gapkit.results.iwae_curve import group_sizes, grouped_bounds, summarise_iwae_curve
from tests.plots.details import curve, result, texts


def test_points_are_the_mean_bounds_and_whiskers_their_differences_to_the_last():
    values = curve()
    ax = iwae_curve(result(iwae_curve=values))
    (line,) = (line for line in ax.lines if line.get_marker() == "o")
    assert list(line.get_xdata()) == list(group_sizes(256))
    np.testing.assert_allclose(line.get_ydata(), [point.bound for point in values.curve])
    whiskers = [line.get_ydata() for line in ax.lines if line.get_marker() == "_"][:-1]
    last = values.curve[-1].bound
    expected = [[last - end for end in point.below.ci95[::-1]] for point in values.curve[:-1]]
    np.testing.assert_allclose(whiskers, expected)
    low, high = ax.get_ylim()
    assert low < np.min(whiskers) < -88.0 < high
    (level,) = (line for line in ax.lines if line.get_linestyle() == "--")
    assert level.get_ydata()[0] == -88.0
    first = values.curve[0].bound
    assert texts(ax) == ["log p(x): -88.00", f"k = 1: {first:.2f}\nk = 256: {last:.2f}"]


def test_few_datapoints_have_a_curve_without_whiskers():
    ax = iwae_curve(result(iwae_curve=curve(count=9)))
    assert not [end for line in ax.lines if line.get_marker() == "_" for end in line.get_ydata() if np.isfinite(end)]
    assert texts(ax)[1].endswith("\ntoo few datapoints for intervals")


def test_a_curve_without_finite_datapoints():
    ax = iwae_curve(
        result(iwae_curve=summarise_iwae_curve(grouped_bounds(np.full((9, 2), np.nan)), 9, *np.ones((2, 2))))
    )
    assert texts(ax) == ["no finite values"]


def test_ticks_do_not_run_into_each_other():
    ax = iwae_curve(result(iwae_curve=curve(1030)))
    assert [label.get_text() for label in ax.get_xticklabels()][-3:] == ["200", "500", "1,030"]
    ax = iwae_curve(result(iwae_curve=curve(128)))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "5", "10", "20", "50", "128"]
