"""The use of latents, tested by what was drawn."""

import numpy as np
from matplotlib.colors import to_hex

from gapkit.plots.latents import latents
from gapkit.plots.style import COLORS
from gapkit.results.records import Skipped
from tests.plots.details import curve, names, result, texts, used


def test_bars_are_divergences_largest_first_and_crosses_the_collapsed_ones():
    values = used((0.001, 0.5, 1.0, 0.0))
    ax = latents(result(latents=values))
    means = values.kl_per_dimension.mean
    drawn = {round(bar.get_x() + 0.4): (bar.get_height(), to_hex(bar.get_facecolor())) for bar in ax.patches}
    order = np.argsort(means)[::-1]
    np.testing.assert_allclose([drawn[place][0] for place in (1, 2, 3, 4)], np.array(means)[order])
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(number) for number in order]
    active = np.array(values.active)[order]
    assert active.sum() == 2
    colors = {True: COLORS["family"], False: COLORS["encoder"]}
    assert [drawn[place][1].upper() for place in (1, 2, 3, 4)] == [colors[bool(part)] for part in active]
    (crosses,) = (line for line in ax.lines if line.get_marker() == "x")
    assert crosses.get_xdata().tolist() == (np.flatnonzero(~active) + 1).tolist()
    title = ax.get_title(loc="left").splitlines()
    assert title[1] == "Posterior collapse in part: 2 of 4 latent dimensions are active."
    assert title[2] == f"Mean KL(q(z|x) || p(z)): {values.kl.mean:.2f} nats"
    assert f"I(x; z): {values.mutual_information.mean:.2f} (limit of 40 datapoints: 3.69)" in title[3]
    assert title[4] == f"KL(q(z) || p(z)): {values.aggregate_kl.mean:.2f}"


def test_whiskers_are_95_percent_intervals_within_the_axes():
    values = used()
    ax = latents(result(latents=values))
    segments = ax.collections[0].get_segments()
    order = np.argsort(values.kl_per_dimension.mean)[::-1]
    expected = np.array(values.kl_per_dimension.ci95)[order]
    np.testing.assert_allclose([part[:, 1] for part in segments], expected)
    assert ax.get_ylim()[1] > expected.max()


def test_few_datapoints_have_bars_without_whiskers():
    values = used(count=9)
    ax = latents(result(latents=values))
    assert values.kl_per_dimension.ci95 is None
    assert not [part for part in ax.collections[0].get_segments() if len(part)]
    assert ax.get_xlabel().endswith("(too few datapoints for intervals)")
    assert ax.get_ylim()[1] > max(values.kl_per_dimension.mean)


def test_an_estimate_at_its_limit_is_called_a_bound():
    lines = latents(result(latents=used(at_limit=True))).get_title(loc="left").splitlines()
    assert lines[3].endswith("or more; 40 datapoints show no more")
    assert len(lines) == 4  # what is left of the divergence would be the limit's doing


def test_latents_that_have_no_closed_form_say_why():
    values = used(kl=None, kl_per_dimension=None, missing={"kl": "the prior is not standard normal"})
    ax = latents(result(latents=values))
    assert texts(ax) == ["the prior is not standard normal"]
    assert "active" in ax.get_title(loc="left")
    assert names(result(latents=values, iwae_curve=curve()))[0] == "posterior-maps"
    skipped = Skipped("q(z|x) is not Gaussian")
    assert texts(latents(result(latents=skipped))) == ["no picture of the latents: q(z|x) is not Gaussian"]


def test_many_latents_are_not_named():
    ax = latents(result(latents=used([0.5] * 100)))
    ax.figure.draw_without_rendering()
    assert len([label for label in ax.get_xticklabels() if label.get_text()]) < 12
