"""Pictures of very many datapoints."""

import numpy as np

from gapkit.plots import certificate, sandwich
from tests.plots.drawn import legend, offsets
from tests.plots.evidence import frame, result


def test_of_very_many_some_are_drawn_in_the_same_order_and_the_picture_says_so(monkeypatch):
    monkeypatch.setattr("gapkit.plots.selection._MOST", 100)
    rows = frame(1000, ais_reason="control")
    ordered = rows.sort_values("optimality_gap")
    ax = certificate(result(rows))
    left, strip = ax.child_axes
    np.testing.assert_array_equal(offsets(left)[[0, -1], 0], [0, 999])
    np.testing.assert_allclose(offsets(left)[[0, -1], 1], ordered["optimality_gap"].iloc[[0, -1]])
    assert len(offsets(left)) == len(offsets(strip)) == 100
    assert strip.get_xlabel().endswith("; 100 of them drawn")
    counts = [int(words.partition(": ")[2].split()[0].replace(",", "")) for words in legend(strip)]
    assert sum(counts) == 1000
    assert "AIS on " in (title := sandwich(result(rows)).get_title(loc="left"))
    assert title.endswith("; 100 drawn")
