"""const <= A-VI <= F-VI <= log p as a ladder like any other, and the table of results that it makes.

Theta is shared, so the bounds are of a whole data set: a row of the table is a data set, not a datapoint.
Source: Margossian, Blei (2024), proposition 2.1: each family holds the next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch

from gapkit.estimators.protocol import Bound, Estimate
from gapkit.ladder import STANDARD, Gap, Ladder, Rung, error_of
from gapkit.ladder.arithmetic import Difference, contrasts, decompose
from gapkit.results import Result
from gapkit.results.summary import summarise

__all__ = ["AMORTIZED", "Levels", "result_of"]

_CONVERGED = 0.1  # nats of a data set: a fit that has less left

_FAMILY, _ENCODER = STANDARD.gaps
AMORTIZED = Ladder(
    (
        Rung("log_px", "log p(x)", "of the data set", "The model's log probability of the whole data set."),
        Rung(
            "elbo_fvi",
            "L[F-VI]",
            "a factor for each z_n",
            "The ELBO of the best factorised q: every z_n has a factor of its own.",
            shortfall="optimality_gap",
        ),
        Rung(
            "elbo_avi",
            "L[A-VI]",
            "an inference function",
            "The ELBO of the best inference function of its class: the factor of z_n is f(window of x at n).",
        ),
        Rung("elbo_constant", "L[const]", "one factor for all", "The ELBO of the best q with one factor for all z_n."),
    ),
    (
        replace(_FAMILY, meaning="Log p(x) minus L[F-VI]: what no factorised q can reach."),
        replace(
            _ENCODER,
            whose="the inference function's",
            words="the inference function's part",
            meaning="L[F-VI] minus L[A-VI]: what one function for all datapoints loses against a factor for each.",
        ),
        Gap(
            "sharing_gap",
            "sharing gap",
            "other",
            "the shared factor's",
            "what looking at x brings",
            "L[A-VI] minus L[const]: what the function gains by looking at x.",
            "sharing\ngap",
        ),
    ),
)
"""Log p(x), L[F-VI], L[A-VI] and L[const]."""


@dataclass(frozen=True)
class Levels:
    """The rungs of one data set.

    Attributes:
        log_px: shape (1,), as the others.
        fvi: of F-VI.
        avi: of A-VI.
        constant: of the constant factor.
        left: what F-VI's fit may have left, in nats.
        source: of log p(x): ``exact``, ``quadrature`` or ``ais``.
    """

    log_px: Estimate
    fvi: Estimate
    avi: Estimate
    constant: Estimate
    left: float
    source: str


def result_of(levels: Sequence[Levels], run: Mapping[str, Any], split: str = "data") -> Result:
    """The table with a row for each data set, its summary, and the facts of the run.

    Args:
        levels: of each data set.
        run: facts.
        split: what tables call the rows.
    """
    named = {
        "log_px": _joined([one.log_px for one in levels]),
        "elbo_fvi": _joined([one.fvi for one in levels]),
        "elbo_avi": _joined([one.avi for one in levels]),
        "elbo_constant": _joined([one.constant for one in levels]),
    }
    left = torch.tensor([one.left for one in levels], dtype=torch.float64)
    shortfalls = {"elbo_fvi": left}
    differences = {**decompose(AMORTIZED, named, shortfalls), **contrasts(AMORTIZED, named, shortfalls)}
    columns: dict[str, Any] = {"split": split, "index": range(len(levels))}
    parts: dict[str, Estimate | Difference] = {**named, **differences}
    for name, level in parts.items():
        columns[name] = level.value.numpy()
        columns[error_of(name)] = level.std_error.numpy()
    columns["optimality_gap"], columns[error_of("optimality_gap")] = left.numpy(), 0.0
    ended = ["converged" if one.left <= _CONVERGED else "steps" for one in levels]
    columns |= {"fit": ended, "start": 0, "log_px_source": [one.source for one in levels], "status": "ok"}
    table = pd.DataFrame(columns)
    return Result(table, summarise(table, ladder=AMORTIZED), {**run, "ladder": AMORTIZED.to_dict()})


def _joined(parts: Sequence[Estimate]) -> Estimate:
    """Data sets side by side; draws stay paired where all have as many, of one noise."""
    value, error = (torch.cat([getattr(part, name) for part in parts]) for name in ("value", "std_error"))
    draws = [part.draws for part in parts]
    noises = {part.noise for part in parts}
    kept = None
    known = [part for part in draws if part is not None]
    if len(noises) == 1 and len(known) == len(draws) and len({len(part) for part in known}) == 1:
        kept = torch.cat(known, 1)
    noise = noises.pop() if kept is not None else None
    return Estimate(value, error, Bound.LOWER, {}, kept, noise)
