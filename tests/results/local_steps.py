"""The curve of local steps as a table made by hand."""

import numpy as np
import pandas as pd

from gapkit.results.step_gains import summarise_curve

GAPS = np.tile([1.0, 4.0, 2.0, 5.0], 3)


def table(shares, gaps=GAPS, error=0.01):
    """One row per datapoint and number of steps; ``shares`` by number of steps, one for each datapoint or for all."""
    parts = []
    for steps, share in shares.items():
        gain = np.asarray(share) * gaps
        values = {"elbo": -90.0 + gain, "gain": gain, "left": gaps - gain}
        part = pd.DataFrame({"index": range(len(gaps)), "steps": steps, **values})
        parts.append(part.assign(elbo_se=0.1, gain_se=error, left_se=error))
    return pd.concat(parts, ignore_index=True)


def curve_of(rows):
    """The summary of a table."""
    return summarise_curve(rows, "test", "mean_field", 10)
