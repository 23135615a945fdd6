"""``result.plot``: all pictures of a result, and nothing else, as methods that a notebook shows."""

import inspect
import io
import pickle

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

import gapkit.plots
from gapkit.core.errors import InputError
from gapkit.plots import gap_bars, gap_distributions, gap_scatter, ladder
from gapkit.results import Result
from tests.processes import TABLES, python
from tests.results.by_hand import join, three, uneven


def of_a_result():
    functions = {name: getattr(gapkit.plots, name) for name in gapkit.plots.__all__}
    first = {name: next(iter(inspect.signature(f).parameters), "") for name, f in functions.items()}
    return sorted(name for name, parameter in first.items() if parameter in ("result", "results"))


def texts(axes):
    return [text.get_text() for text in axes.figure.findobj(matplotlib.text.Text)]


def test_every_picture_of_a_result_is_a_method_and_is_listed():
    plot = three().plot
    assert sorted(dir(plot)) == of_a_result()
    assert {"gap_scatter", "ladder", "semi_amortized"} <= set(dir(plot))
    assert "style" not in dir(plot)  # no picture
    assert "ladders" not in dir(plot)  # of a comparison
    for name in dir(plot):
        method, function = getattr(plot, name), getattr(gapkit.plots, name)
        assert method.__name__ == name
        assert inspect.getdoc(method) == inspect.getdoc(function)
        assert [*inspect.signature(method).parameters] == [*inspect.signature(function).parameters][1:]
        assert name in repr(plot)


def test_a_method_draws_what_the_function_draws():
    result = three()
    assert texts(result.plot.ladder()) == texts(ladder(result))
    ax = Figure().add_subplot()
    assert result.plot.gap_scatter(ax=ax) is ax
    np.testing.assert_array_equal(
        ax.collections[0].get_offsets(), gap_scatter(result, split="test").collections[0].get_offsets()
    )
    assert isinstance(result.plot.ladder(split="test"), Axes)


def test_the_overview_has_four_pictures_that_a_notebook_shows():
    result = join(three(), uneven(split="train"))
    figure = result.plot()
    for ax, draw in zip(figure.axes, (ladder, gap_bars, gap_distributions, gap_scatter), strict=True):
        assert ax.get_title("left") == draw(result).get_title("left")
        assert ax.get_ylabel() == draw(result).get_ylabel()
    assert len(figure.axes) == 4
    assert Image.open(io.BytesIO(figure._repr_png_()[0])).size == pytest.approx((192 * 10.6, 192 * 7.6), abs=1)
    assert "train" in " ".join(texts(result.plot("train").axes[0]))
    with pytest.raises(InputError):
        result.plot("tset")


def test_an_unknown_picture_is_refused_with_those_there_are():
    with pytest.raises(AttributeError, match=r"no picture 'leiter' of a result; there are .*ladder"):
        three().plot.leiter  # noqa: B018
    with pytest.raises(AttributeError):
        three().plot._repr_html_  # noqa: B018
    with pytest.raises(AttributeError):
        three().plot = 1


def test_a_notebook_shows_a_picture_on_a_figure_of_its_own():
    axes = three(split="名前").plot.ladder()  # the font lacks these glyphs: that is no reason to warn
    data, size = axes._repr_png_()
    image = Image.open(io.BytesIO(data))
    width, height = axes.figure.get_size_inches()
    assert image.size == pytest.approx((192 * width, 192 * height), abs=1)
    assert size == {"width": round(96 * width), "height": round(96 * height)}
    assert np.asarray(image.convert("L")).std() > 10  # something is drawn
    axes.set_title("another title", loc="left")
    assert axes._repr_png_()[0] != data  # drawn when shown, not before


def test_figures_of_pyplot_are_left_to_pyplot():
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    try:
        three().plot.ladder(ax=ax)
        assert not hasattr(ax, "_repr_png_")
    finally:
        plt.close(figure)


def test_results_are_read_and_sent_without_matplotlib(tmp_path):
    three().save(tmp_path / "run")
    code = (
        "import sys, pickle; from gapkit.results import Result; "
        f"r = Result.load({str(tmp_path / 'run')!r}); r._repr_html_(); r.plot; pickle.dumps(r); "
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'torch', 'xarray')))"
    )
    assert python(code, after=TABLES).returncode == 0
    assert isinstance(pickle.loads(pickle.dumps(three())), Result)
