"""Results made by hand: a few datapoints, many of them, several splits, labels, and odd ones."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from gapkit.ladder import STANDARD
from gapkit.results import Result
from gapkit.results.summary import summarise
from tests.results.local_steps import curve_of
from tests.results.local_steps import table as curve_table

QUANTITIES = (*STANDARD.names, *STANDARD.contrasts(), "mode_gap", "optimality_gap", "iwae", "pooled", "ais")


def make(elbo, elbo_star, log_px, status="ok", split="test", run=None):
    """A result by hand: three rungs per datapoint, the rest follows."""
    elbo, elbo_star, log_px = (np.asarray(values, float) for values in (elbo, elbo_star, log_px))
    frame = pd.DataFrame({"elbo": elbo, "elbo_star": elbo_star, "log_px": log_px})
    frame = frame.assign(elbo_star_full_rank=elbo_star + 0.1, iwae=elbo + 0.5, pooled=log_px, ais=np.nan)
    frame = frame.assign(total_gap=log_px - elbo, amortization_gap=elbo_star - elbo)
    frame = frame.assign(amortization_minus_approximation=2 * elbo_star - elbo - log_px)
    frame = frame.assign(approximation_gap=log_px - elbo_star)
    frame = frame.assign(mode_gap=0.0, optimality_gap=0.001)
    frame = frame.assign(**{f"{name}_se": 0.05 for name in (*QUANTITIES, "elbo_star_full_rank")})
    frame = frame.assign(index=range(len(elbo)), split=split, status=status, log_px_source="mixture", start=0)
    return Result(frame, summarise(frame), run or {})


def join(*results, run=None):
    table = pd.concat([result.datapoints for result in results], ignore_index=True)
    return Result(table, summarise(table), run or {})


def three(**changes):
    return make([-95.0, -92.0, -99.0], [-90.0, -91.0, -93.0], [-89.0, -90.5, -90.0], **changes)


def twelve(**changes):
    """Enough for intervals: the three, four times over, with ever larger gaps."""
    apart = np.repeat(np.arange(4.0), 3)
    elbo, star, log_px = np.tile([[-95.0, -92.0, -99.0], [-90.0, -91.0, -93.0], [-89.0, -90.5, -90.0]], 4)
    return make(elbo - apart, star - 0.5 * apart, log_px, **changes)


@cache
def many(count=10_000):
    """As many datapoints as a whole test set: skewed gaps, several statuses, some without finite numbers."""
    rng = np.random.default_rng(0)
    log_px = rng.normal(-90, 15, count)
    elbo_star = log_px - rng.lognormal(0.3, 0.6, count)
    elbo = elbo_star - rng.lognormal(0.5, 0.9, count)
    status = np.array(["ok", "fit_budget", "evidence_weak,fit_budget", "negative_gap"])
    status = rng.choice(status, count, p=[0.9, 0.05, 0.03, 0.02])
    elbo[::1000], status[::1000] = np.nan, "nonfinite"
    return make(elbo, elbo_star, log_px, status)


def with_labels(result, labels):
    """The result with a label for each datapoint."""
    table = result.to_frame()
    table.insert(0, "label", labels)
    return Result(table, summarise(table), result.run)


def nothing():
    return make([np.nan] * 2, [np.nan] * 2, [np.nan] * 2, status="nonfinite")


ODD = {
    "three": three,
    "one datapoint": lambda: make([-95.0], [-90.0], [-89.0]),
    "nothing finite": nothing,
    "some not finite": lambda: join(three(), nothing()),
    "second split not finite": lambda: join(three(), make([np.nan], [np.nan], [np.nan], split="train")),
    "first split not finite": lambda: join(nothing(), three(split="train")),
    "two splits": lambda: join(three(), three(split="train")),
    "equal values": lambda: make([-90.0] * 3, [-90.0] * 3, [-90.0] * 3),
    "all flagged": lambda: three(status="evidence_weak,fit_budget"),
    "further encoder and local steps": lambda: with_extras(),
    "labels": lambda: with_labels(join(three(), three(split="train")), [7, 0, 7, 0, 7, 0]),
    "some labels missing": lambda: with_labels(join(three(), nothing()), ["b", None, "a", "c", "c"]),
    "labels of one split": lambda: with_labels(
        join(three(), three(split="train")), pd.array([1, 2, 1, None, None, None], dtype="Int64")
    ),
    "labels that make no classes": lambda: with_labels(three(), [0.5, np.nan, -12.25]),
    "more classes than colours": lambda: with_labels(join(*[three()] * 4), range(12)),
    "infinite": lambda: make([-np.inf, -95.0], [-90.0] * 2, [-89.0] * 2, status=["nonfinite", "ok"]),
}


# For tests of every picture: those that differ most.
FEW = ("one datapoint", "nothing finite", "first split not finite", "some labels missing", "infinite")


def with_extras(shares=None, **changes):
    """A result with a further encoder and a curve of local steps."""
    rows = twelve().to_frame()
    level = rows["elbo"] + np.tile([2.0, 0.2, 4.0], 4)
    rows = rows.assign(elbo_refit=level, gain_refit=level - rows["elbo"], left_refit=rows["elbo_star"] - level)
    rows = rows.assign(**{f"{kind}_refit_se": 0.02 for kind in ("elbo", "gain", "left")})
    table = curve_table(shares or {0: 0.0, 1: [0.4, 0.5, 0.6] * 4, 5: 0.93}, np.tile([4.0, 5.0, 6.0], 4))
    return Result(rows, summarise(rows, semi_amortized=replace(curve_of(table), **changes)), {})


def uneven(count=12, seed=0, **changes):
    """Datapoints whose numbers have many digits, so that none is found by chance."""
    rng = np.random.default_rng(seed)
    log_px = rng.normal(-93, 9, count)
    elbo_star = log_px - rng.lognormal(0.3, 0.6, count)
    return make(elbo_star - rng.lognormal(0.9, 0.7, count), elbo_star, log_px, **changes)
