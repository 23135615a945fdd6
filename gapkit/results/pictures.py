"""``result.plot``: the pictures of :mod:`gapkit.plots` as methods of a result.

Results are what pictures are made of, so results may not import pictures: they are a view (:mod:`gapkit.core.views`),
loaded when the first one is asked for. A result can be read, saved and sent around without matplotlib, and a picture
that is added to ``gapkit.plots`` is a method at once. ``result.plot()`` draws four of them on one figure.
"""

import functools
import inspect
import io
import warnings
from collections.abc import Callable
from typing import Any

from gapkit.core.views import view

__all__ = ["PlotAccessor", "PlotAttribute"]

_OVERVIEW = ("ladder", "gap_bars", "gap_distributions", "gap_scatter")
_SIZE = (10.6, 7.6)  # inches: each as large as on a figure of its own
_FIRST = ("result", "results")  # how a picture of a result calls its first argument
_DPI, _CSS_DPI = 192, 96  # two points of the screen for each of the page: sharp on today's displays


class PlotAccessor:
    """Every picture of a result: ``result.plot.ladder()`` is ``gapkit.plots.ladder(result)``.

    Further arguments are those of the function; ``dir(result.plot)`` lists the pictures. A picture on a figure of its
    own is shown by a notebook when it is the last value of a cell. ``result.plot()`` draws an overview.

    Args:
        result: a :class:`gapkit.results.Result`.
    """

    def __init__(self, result: object) -> None:
        self._result = result

    def __call__(self, split: str | None = None) -> Any:
        """Draw an overview: the ladder, the gaps with their errors, their distributions, and one gap over the other.

        Args:
            split: which split; None takes the first.

        Returns:
            A matplotlib Figure, which a notebook shows.

        Raises:
            InputError: the result has no such split.
        """
        from matplotlib.figure import Figure

        with view("plots").style():
            figure = Figure(figsize=_SIZE, layout="constrained")
            for ax, name in zip(figure.subplots(2, 2).flat, _OVERVIEW, strict=True):
                getattr(self, name)(ax=ax, split=split)
        figure._repr_png_ = functools.partial(_png, figure.canvas)  # type: ignore[attr-defined]
        return figure

    def __getattr__(self, name: str) -> Callable[..., Any]:
        known = {} if name.startswith("_") else _pictures()
        if name not in known:
            there_are = f"; there are {', '.join(known)}" if known else ""
            raise AttributeError(f"no picture {name!r} of a result{there_are}")
        return _bound(known[name], self._result)

    def __dir__(self) -> list[str]:
        return list(_pictures())

    def __repr__(self) -> str:
        return f"<pictures of a result: {', '.join(_pictures())}>"


class PlotAttribute:
    """The attribute ``plot`` of results.

    It is no property, because IPython does not evaluate properties while one types: ``result.plot.<TAB>`` would list
    nothing.
    """

    def __get__(self, result: object | None, owner: type | None = None) -> PlotAccessor:
        return PlotAccessor if result is None else PlotAccessor(result)  # type: ignore[return-value]


def _pictures() -> dict[str, Callable[..., Any]]:
    """The functions of ``gapkit.plots`` that take a result first, by name."""
    home = view("plots")
    functions = {name: getattr(home, name) for name in home.__all__}
    return {name: function for name, function in functions.items() if _first_argument(function) in _FIRST}


def _first_argument(function: Any) -> str | None:
    return next(iter(inspect.signature(function).parameters), None) if inspect.isfunction(function) else None


def _bound(function: Callable[..., Any], result: object) -> Callable[..., Any]:
    """The function with its first argument given; name, signature and docstring are as before, for ``help``."""

    @functools.wraps(function)
    def draw(*args: Any, **options: Any) -> Any:
        return _shown(function(result, *args, **options))

    signature = inspect.signature(function)
    draw.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=list(signature.parameters.values())[1:]
    )
    return draw


def _shown(drawn: Any) -> Any:
    """Let a notebook show the Axes, if nobody else shows their figure.

    Figures of pyplot are shown by pyplot at the end of the cell. Those of ``gapkit.plots`` are unknown to pyplot, so
    that nothing has to be closed; a notebook would print their Axes as text.
    """
    canvas = drawn.figure.canvas
    if canvas.manager is None:
        drawn._repr_png_ = functools.partial(_png, canvas)
    return drawn


def _png(canvas: Any) -> tuple[bytes, dict[str, int]]:
    """The whole figure as PNG, and the size in which to show it."""
    figure = canvas.figure
    with warnings.catch_warnings(), io.BytesIO() as file:
        warnings.filterwarnings("ignore", message="Glyph")  # a split may have a name the font cannot write
        figure.savefig(file, format="png", dpi=_DPI)
        width, height = (round(float(inches) * _CSS_DPI) for inches in figure.get_size_inches())
        return file.getvalue(), {"width": width, "height": height}
