"""Maps of posteriors, tested by what was drawn."""

import numpy as np
import pytest

from gapkit.plots.contours import contours
from gapkit.report.figures.details import DETAILS
from tests.plots.details import maps, result, texts


def line_of(panel, which):
    """The extent of a contour line in x: 0 the outer one, 1 the inner one."""
    (contour,) = (part for part in panel.collections if part.get_edgecolor().size and not part.get_rasterized())
    return contour.get_paths()[which].vertices


def test_lines_enclose_half_and_95_percent_of_each_density():
    ax = contours(result(maps()))
    assert len(ax.child_axes) == 6
    for column, (mean, scale) in enumerate([(0.0, 1.0), (1.5, 1.0), (0.0, 0.7)]):
        panel = ax.child_axes[column]
        for which, mass in enumerate((0.95, 0.5)):
            radius = scale * np.sqrt(-2 * np.log(1 - mass))  # of a normal distribution in the plane
            away = np.hypot(*(line_of(panel, which) - [mean, 0.0]).T)
            np.testing.assert_allclose(away, radius, atol=0.06)


def test_the_number_says_how_much_of_the_posterior_lies_inside():
    whole = result(maps())
    panels = contours(whole).child_axes
    inside = whole.details["contours_inside"]
    assert [texts(panel) for panel in panels] == [
        [],
        *([f"{share:.0%}"] for share in inside[0, 1:]),
        [],
        *([f"{share:.0%}"] for share in inside[1, 1:]),
    ]
    # A displaced normal distribution: by simulation.
    draws = np.random.default_rng(0).normal(size=(200_000, 2)) - [1.5, 0.0]
    assert inside[0, 1] == pytest.approx(((draws**2).sum(1) < -2 * np.log(0.05)).mean(), abs=0.01)


def test_with_more_latents_draws_are_points_in_every_panel():
    whole = result(maps(7))
    ax = contours(whole)
    for panel in ax.child_axes:
        (points,) = (part for part in panel.collections if part.get_rasterized())
        drawn = np.asarray(points.get_offsets())
        np.testing.assert_array_equal(drawn, whole.details["contours_points"][0][: len(drawn)])
        assert len(drawn) >= 200
    assert not [part for part in ax.child_axes[0].collections if not part.get_rasterized()]
    assert "two of 7 directions" in ax.get_title(loc="left")
    assert "both latents" in contours(result(maps())).get_title(loc="left")


def test_collapsed_weights_are_told_in_place_of_a_posterior():
    details = maps(7)
    details["contours_effective"][0] = 1.4
    panels = contours(result(details)).child_axes
    first, second = panels[:3], panels[3:]
    assert texts(first[0]) == ["not known:\n1.4 effective\ndraws"]
    assert [texts(panel) for panel in first[1:]] == [[], []]  # no share of a posterior that is not known
    assert not [part for panel in first for part in panel.collections if part.get_rasterized()]
    assert all(part.get_rasterized() for part in second[0].collections)
    assert texts(second[1])


def test_what_is_said_of_a_map_whose_weights_have_collapsed():
    details = maps(7)
    details["contours_effective"][1] = np.nan
    (drawing,) = (each for each in DETAILS if each.name == "posterior-maps")
    words = drawing.describe(result(details), "test")
    share = details["contours_inside"][0, 1]
    assert f"for 0: {share:.0%} in q, " in words
    assert "for 1: not known, by nan effective draws" in words


def test_with_two_latents_the_posterior_is_exact_whatever_the_weights():
    details = maps()
    details["contours_effective"][:] = 1.0
    assert texts(contours(result(details)).child_axes[1])


def test_rows_and_columns_are_named():
    words = texts(contours(result(maps())))
    assert words == ["true posterior", "q", "q* mean field", "#0\ngap 6.00", "#1\ngap 1.50"]


@pytest.mark.parametrize("bad", [-np.inf, np.nan, 0.0], ids=["nowhere", "unknown", "flat"])
def test_odd_densities_are_drawn_without_lines(bad):
    details = maps()
    details["contours_log_density"][:, 1] = bad
    panel = contours(result(details)).child_axes[1]
    assert not [part for part in panel.collections if not part.get_rasterized()]


def test_a_density_that_is_nothing_in_places():
    details = maps()
    density = details["contours_log_density"]
    density[:, 1][density[:, 1] < -4] = -np.inf
    away = np.hypot(*(line_of(contours(result(details)).child_axes[1], 1) - [1.5, 0.0]).T)
    left = 1 - np.exp(np.log(2 * np.pi) - 4)  # of its mass, half of which is inside
    np.testing.assert_allclose(away, np.sqrt(-2 * np.log(1 - left / 2)), atol=0.06)
