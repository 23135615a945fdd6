"""Pictures of a result: each takes a :class:`gapkit.results.Result` and returns the Axes it drew on."""

from gapkit.plots.gap_scatter import gap_scatter
from gapkit.plots.ladder import ladder
from gapkit.plots.semi_amortized import semi_amortized
from gapkit.plots.style import style

__all__ = ["gap_scatter", "ladder", "semi_amortized", "style"]
