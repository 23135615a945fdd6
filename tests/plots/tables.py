"""Tables of datapoints made by hand, for pictures of them."""

import numpy as np
import pandas as pd

from gapkit.ladder import summarised
from gapkit.results import Result
from gapkit.results.summary import summarise


def make(elbo, elbo_star, log_px, status="ok", split="test", source="mixture"):
    """A table by hand: three rungs per datapoint, the rest follows."""
    elbo, elbo_star, log_px = (np.asarray(values, float) for values in (elbo, elbo_star, log_px))
    columns = {
        "elbo": elbo,
        "elbo_star": elbo_star,
        "log_px": log_px,
        "iwae": elbo,
        "pooled": log_px,
        "ais": np.full(len(elbo), np.nan),
        "total_gap": log_px - elbo,
        "amortization_gap": elbo_star - elbo,
        "approximation_gap": log_px - elbo_star,
        "amortization_minus_approximation": 2 * elbo_star - elbo - log_px,
    }
    columns |= {"mode_gap": np.zeros(len(elbo)), "optimality_gap": np.zeros(len(elbo))}
    assert set(columns) == set(summarised(columns))
    columns["elbo_star_full_rank"] = elbo_star + 0.1
    frame = pd.DataFrame(columns).assign(**{f"{name}_se": 0.05 for name in columns})
    return frame.assign(index=range(len(elbo)), split=split, status=status, log_px_source=source, start=0)


def result_of(*frames):
    table = pd.concat(frames, ignore_index=True)
    return Result(table, summarise(table), {})
