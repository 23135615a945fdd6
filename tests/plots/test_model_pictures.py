"""Samples, aggregate posterior, bits per dimension and reliability: what they show is what the result holds."""

import math
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from gapkit.core.coverage import coverage
from gapkit.core.errors import InputError
from gapkit.plots import aggregate, bits_per_dimension, latent_correlations, reliability, samples
from gapkit.plots.aggregate import aggregated
from gapkit.plots.latent_correlations import correlated
from gapkit.plots.reliability import standardised
from gapkit.report.figures import draw
from gapkit.results.records import DataFacts
from tests.fast import only
from tests.four_rungs import four_rungs
from tests.plots.details import result, texts
from tests.results.edited import of_parts

PLOTS = [samples, aggregate, latent_correlations, bits_per_dimension, reliability]


def model_details(shape=(8, 8), count=6, draws=50, dimensions=3, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "typical_index": np.arange(count),
        "typical_x": rng.random((count, *shape)).astype(np.float32),
        "typical_under_q": rng.random((count, *shape)).astype(np.float32),
        "prior_x": rng.random((16, *shape)).astype(np.float32),
        "aggregate_dimensions": np.array([2, 0, 1])[:dimensions],
        "aggregate_q": rng.normal(2.0, 1.0, (draws, dimensions)).astype(np.float32),
        "aggregate_prior": rng.normal(0.0, 1.0, (draws, dimensions)).astype(np.float32),
        "aggregate_departure": np.array([0.6, 0.5, 0.7])[:dimensions],
    }


@pytest.mark.parametrize("plot", PLOTS)
def test_they_leave_no_trace_and_know_their_splits(plot):
    before, whole = dict(matplotlib.rcParams), result(model_details())
    assert plot(whole).figure is not None
    assert dict(matplotlib.rcParams) == before
    with pytest.raises(InputError, match="validation"):
        plot(whole, split="validation")


@pytest.mark.parametrize("plot", [samples, aggregate, latent_correlations])
def test_runs_without_these_arrays_say_so(plot):
    ax = plot(result())
    assert [text for text in texts(ax) if text.startswith("no ")]
    assert not [*ax.images, *ax.child_axes]


def test_rows_of_samples_are_those_that_were_kept():
    ax = samples(result(model_details()))
    assert len(ax.images) == 6 + 6 + 16
    assert [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()][:3] == [
        "data x",
        "under q",
        "z from the prior",
    ]


@pytest.mark.parametrize("dimensions", only([1, 2, 3], 3))
def test_the_aggregate_has_a_plane_and_a_shape_for_each_dimension(dimensions):
    whole = result(model_details(dimensions=dimensions))
    *plane, shapes = aggregate(whole).child_axes
    assert len(plane) == (dimensions > 1)
    assert sum(isinstance(part, PolyCollection) for part in shapes.collections) == 2 * dimensions
    found = aggregated(whole)
    assert found.apart == found.of == dimensions


def test_draws_on_a_line_have_no_contours_but_their_dots():
    details = model_details(draws=20)
    details["aggregate_q"][:, 1] = details["aggregate_q"][:, 0]
    assert aggregate(result(details)).child_axes


def test_correlations_are_those_of_the_draws_by_dimension():
    details = model_details()
    details["aggregate_q"][:, 1] = -details["aggregate_q"][:, 2]  # dimensions 0 and 1
    found = correlated(result(details))
    assert found.pair == (0, 1)
    assert found.strongest == pytest.approx(-1.0)
    assert found.values == pytest.approx(np.corrcoef(details["aggregate_q"][:, [1, 2, 0]], rowvar=False), abs=1e-6)
    details["aggregate_q"][:, 0] = 3.0  # one that does not vary goes with nothing
    assert correlated(result(details)).values[2].tolist() == [0.0, 0.0, 0.0]
    assert correlated(result(model_details(dimensions=1))) is None


def test_bits_are_nats_over_the_dimensions_and_log_two():
    whole = of_parts(result(), data=DataFacts(dimensions=784, discrete=True))
    ax = bits_per_dimension(whole)
    means = sorted(line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o")
    quantities = whole.summary_values.first.quantities
    meant = sorted(-quantities[rung.name].mean / 784 / math.log(2) for rung in whole.ladder.rungs)
    assert means == pytest.approx(meant)


def test_unknown_dimensions_are_told():
    ax = bits_per_dimension(of_parts(result(), data=None))
    assert [text for text in texts(ax) if "dimensions" in text]


@pytest.mark.parametrize(("factor", "says"), [(1.0, "right"), (2.0, "small"), (0.5, "large")])
def test_coverage_tells_errors_that_are_too_small_or_too_large(factor, says):
    share, low, high = coverage(factor * np.random.default_rng(0).normal(size=400)).at(0.8)
    assert (says, low <= share <= high) in {("right", True), ("small", False), ("large", False)}
    assert says != "small" or share < low
    assert says != "large" or share > high


def test_truth_is_held_against_log_px_and_its_error():
    whole = result()
    rows = whole.datapoints[whole.datapoints["split"] == next(iter(whole.summary_values.splits))]
    truth = rows["log_px"].to_numpy() - 3.0 * rows["log_px_se"].to_numpy()
    standard = standardised(whole, truth=truth)
    assert standard == pytest.approx(np.full(len(standard), 3.0))
    assert len(standard) == (rows["log_px_se"] > 0).sum()
    with pytest.raises(InputError, match="truth"):
        reliability(whole, truth=truth[1:])


def test_the_report_has_them_in_the_section_of_the_model():
    whole = result(model_details())
    split = next(iter(whole.summary_values.splits))
    names = [figure.name for figure in draw(whole, split, 1, "model")]
    assert names[:3] == ["samples-1", "aggregate-1", "latent-correlations-1"]


def test_an_error_of_zero_is_held_against_what_it_is_off_by():
    whole = result()
    rows = whole.datapoints[whole.datapoints["split"] == "test"]
    certain = replace(whole, datapoints=whole.datapoints.assign(log_px_se=0.0))
    assert standardised(certain, truth=rows["log_px"].to_numpy()).tolist() == [0.0] * len(rows)
    off = standardised(certain, truth=rows["log_px"].to_numpy() + 1.0)
    assert np.isinf(off).all()
    assert coverage(off).at(0.95)[0] == 0.0


def test_bands_are_those_of_right_errors_at_every_level():
    found = [coverage(np.random.default_rng(seed).normal(size=300)) for seed in range(200)]
    for level in (0.5, 0.8, 0.95):
        inside = np.mean([low <= share <= high for share, low, high in (one.at(level) for one in found)])
        assert 0.91 <= inside <= 0.995


def test_shapes_of_bits_and_lines_of_simple_models_stand_where_their_numbers_are():
    whole = result()
    bits = 1.0 / 784 / math.log(2)
    ax = bits_per_dimension(of_parts(whole, data=DataFacts(dimensions=784, discrete=True)))
    reached = [part.get_paths()[0].vertices[:, 0] for part in ax.collections if isinstance(part, PolyCollection)]
    levels = -bits * whole.datapoints.loc[whole.datapoints["split"] == "test", "log_px"]
    assert reached[0].min() == pytest.approx(levels.min())
    assert reached[0].max() == pytest.approx(levels.max())


def test_what_chance_does_to_independent_latents_is_seldom_exceeded():
    rng = np.random.default_rng(0)
    beyond = 0
    for _ in range(80):
        details = model_details(draws=100)
        details["aggregate_q"] = rng.normal(size=(100, 3)).astype(np.float32)
        found = correlated(result(details))
        beyond += abs(found.strongest) > found.chance
    assert beyond <= 10  # 4 of 80, and three deviations


def test_orange_is_q_and_grey_the_prior():
    shapes = aggregate(result(model_details())).child_axes[-1]
    middles = {}
    for part in shapes.collections:
        if isinstance(part, PolyCollection):
            middles.setdefault(to_hex(part.get_facecolor()[0]), []).append(part.get_paths()[0].vertices[:, 1].mean())
    by_height = sorted(middles, key=lambda color: np.mean(middles[color]))
    red = [int(color[1:3], 16) for color in by_height]
    assert red[1] > red[0]  # q lies at 2, the prior at 0


@pytest.mark.parametrize("shape", [(1, 4, 160), pytest.param((3, 4, 300), marks=pytest.mark.slow)])
def test_thin_images_are_drawn(shape):
    assert samples(result(model_details(shape))).images


def test_splits_whose_names_are_alike_when_shortened_are_all_drawn():
    names = ("a_long_prefix_of_a_split_name_train", "a_long_prefix_of_a_split_name_test")
    whole = four_rungs(splits=names)
    ax = bits_per_dimension(of_parts(whole, names[0], data=DataFacts(dimensions=784, discrete=True)))
    assert len(ax.get_yticklabels()) == 2
