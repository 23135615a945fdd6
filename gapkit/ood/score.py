"""Scores that say how unusual a datapoint is to a model, and how well each of them tells two data sets apart.

The amortization gap of a datapoint, L[q*] - L[q], is the published likelihood regret: data unlike the training data are
those that the encoder serves badly. The other scores come with an analysis for nothing and are what it is compared to.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gapkit.core.errors import InputError
from gapkit.ladder import Gap, error_of
from gapkit.ood.records import Detection, Lead, Quantiles, ScoredSet, ScoreSummary, Separation
from gapkit.ood.roc import auc, auc_difference, false_positives
from gapkit.ood.scored import ROLES, SCORES, Scored, known_values
from gapkit.results import Result
from gapkit.results.miniatures import kept_miniatures

__all__ = ["describe", "scores", "separate"]

_QUANTILES = {"q05": 0.05, "median": 0.5, "q95": 0.95}


def scores(
    result: Result, split: str | None = None, name: str | None = None, complexity: np.ndarray | None = None
) -> pd.DataFrame:
    """Every score of the datapoints of a split; the larger, the more unusual.

    Sources: Xiao, Yan & Amit, "Likelihood Regret: An Out-of-Distribution Detection Score For Variational Auto-encoder"
    (2020), https://arxiv.org/abs/2003.02977; Serra et al., "Input complexity and out-of-distribution detection with
    likelihood-based generative models" (2020), https://arxiv.org/abs/1909.11480.

    Args:
        result: of an analysis.
        split: which split; None takes the first.
        name: of the data set; None takes the split's.
        complexity: length of each datapoint after a general compressor, in nats, shape (N,), if it is known.

    Returns:
        One row per datapoint: ``index``, ``data`` (the name), ``label`` where there are labels, and in nats ``regret``
        (the amortization gap), ``total_gap``, ``negative_elbo``, ``negative_log_px``, and with ``complexity`` also
        ``input_complexity`` (-log p(x) minus that length), with their Monte Carlo errors ``*_se``; ``elbo``,
        ``log_px`` and ``status``.

    Raises:
        InputError: no such split, a ladder without a gap of the encoder, or lengths of another number of datapoints.
    """
    splits = list(dict.fromkeys(result.datapoints["split"].astype(str)))
    chosen = (splits[0] if splits else "") if split is None else split
    if chosen not in splits:
        raise InputError(f"split {chosen!r}", f"the splits {', '.join(splits) or '(none)'}", "use one of these")
    rows = result.datapoints[result.datapoints["split"].astype(str) == chosen].reset_index(drop=True)
    columns: dict[str, Any] = {"index": rows["index"], "data": chosen if name is None else name}
    if "label" in rows and rows["label"].notna().any():
        columns["label"] = rows["label"]
    encoder, total = result.ladder.gap_of("encoder"), result.ladder.total
    top, bottom = result.ladder.top, result.ladder.bottom
    if encoder is None:
        found = f"only the gaps {', '.join(gap.label for gap in result.ladder.gaps)}"
        raise InputError("likelihood regret, the encoder's gap", found, "score a run whose ladder has one")
    sources = {"regret": encoder, "total_gap": total, "negative_elbo": bottom, "negative_log_px": top}
    for score, part in sources.items():
        values = rows[part.name] if isinstance(part, Gap) else -rows[part.name]
        columns |= {score: values, error_of(score): rows[error_of(part.name)]}
    if complexity is not None:
        if len(complexity) != len(rows):
            found = f"{len(complexity)} lengths for {len(rows)} datapoints"
            raise InputError("the input complexity", found, "give the lengths of the analysed datapoints")
        columns |= {"input_complexity": -rows[top.name] - complexity, "input_complexity_se": rows[error_of(top.name)]}
        columns["compressed"] = complexity
    for bound, rung in (("elbo", bottom), ("log_px", top)):
        columns |= {bound: rows[rung.name], error_of(bound): rows[error_of(rung.name)]}
    return pd.DataFrame({**columns, "status": rows["status"]})


def describe(other: Result | pd.DataFrame, name: str = "data") -> Scored:
    """Score one data set on its own.

    Args:
        other: an analysis, or a table of :func:`scores`.
        name: what to call the data of an analysis.

    Raises:
        InputError: an empty table.
    """
    table = _table(other, name)
    summary = ScoreSummary({"other": _set(table)}, None)
    return Scored(table, summary, _run_of({"other": other}), _pictures(other, table))


def separate(
    reference: Result | pd.DataFrame,
    other: Result | pd.DataFrame,
    *,
    names: Sequence[str] = ROLES,
    seed: int = 0,
) -> Scored:
    """How well each score tells another data set from a reference, which is of the kind the model was trained on.

    Both come from the same model. A score is compared by the order of its values, so infinite ones count; datapoints
    without a value are left out of that score and counted.

    Args:
        reference: an analysis (its first split is taken), or a table of :func:`scores`.
        other: the same for the other data set.
        names: what to call the two data sets of analyses; a table of scores has its name.
        seed: of the bootstrap.

    Raises:
        InputError: an empty table.

    Example:
        >>> near = pd.DataFrame({"data": "near", "regret": [1.0, 2.0, 3.0, 4.0], "regret_se": 0.1, "status": "ok"})
        >>> far = near.assign(data="far", regret=near["regret"] + 1.5)
        >>> found = separate(near, far)
        >>> found, float(found.summary.loc["regret", "auc"])
        (<gapkit.ood.Scored near: 4 datapoints, far: 4 datapoints>, 0.8125)
    """
    tables = [_table(data, name) for data, name in zip((reference, other), names, strict=True)]
    if tables[0]["data"].iloc[0] == tables[1]["data"].iloc[0]:
        tables = [
            table.assign(data=f"{table['data'].iloc[0]} ({role})") for table, role in zip(tables, ROLES, strict=True)
        ]
    sets = {role: _set(table) for role, table in zip(ROLES, tables, strict=True)}
    common = [name for name in SCORES if all(name in table for table in tables)]
    found = {name: _detection(known_values(tables[0], name), known_values(tables[1], name), seed) for name in common}
    order = sorted(common, key=lambda name: -1.0 if (area := found[name].auc) is None else area, reverse=True)
    leads = {name: _lead(tables, order[0], name) for name in order[1:]}
    values = ScoreSummary(sets, Separation(found, tuple(order), order[0], leads, seed))
    run = _run_of({"reference": reference, "other": other})
    pictures = _pictures(reference, tables[0]) | _pictures(other, tables[1])
    return Scored(pd.concat(tables, ignore_index=True), values, run, pictures)


def _table(data: Result | pd.DataFrame, name: str) -> pd.DataFrame:
    table = scores(data, name=name) if isinstance(data, Result) else data
    if len(table) == 0:
        raise InputError("scores", "a table without rows", "analyse at least one datapoint")
    return table


def _run_of(data: Mapping[str, Result | pd.DataFrame]) -> dict[str, Any]:
    return {role: dict(each.run) for role, each in data.items() if isinstance(each, Result) and each.run}


def _pictures(data: Result | pd.DataFrame, table: pd.DataFrame) -> dict[tuple[str, int], np.ndarray]:
    """Those that an analysis keeps of its first split, by the name of the data set."""
    first = data.datapoints["split"].iloc[0] if isinstance(data, Result) else None
    kept = kept_miniatures(data) if isinstance(data, Result) else {}
    return {(table["data"].iloc[0], index): image for (split, index), image in kept.items() if split == first}


def _set(table: pd.DataFrame) -> ScoredSet:
    """Name, statuses and quantiles of each score; those that are not finite are left out and counted."""
    summaries = {}
    for name in SCORES:
        if name not in table:
            continue
        values, errors = table[name].to_numpy(float), table[f"{name}_se"].to_numpy(float)
        used, known = values[np.isfinite(values)], errors[np.isfinite(errors)]
        summaries[name] = Quantiles(
            mean=float(used.mean()) if len(used) else None,
            **{key: float(np.quantile(used, level)) if len(used) else None for key, level in _QUANTILES.items()},
            median_se=float(np.median(known)) if len(known) else None,
            count=len(used),
            left_out=len(values) - len(used),
        )
    words = [word for status in table["status"] for word in str(status).split(",")]
    status = {str(word): int(count) for word, count in pd.Series(words).value_counts().items()}
    return ScoredSet(str(table["data"].iloc[0]), len(table), status, summaries)


def _detection(reference: np.ndarray, other: np.ndarray, seed: int) -> Detection:
    area, share = auc(reference, other), false_positives(reference, other, seed=seed)
    threshold = share.threshold if share.threshold is not None and np.isfinite(share.threshold) else None
    return Detection(
        auc=area.value,
        se=area.std_error,
        ci95=area.ci95,
        fpr95=share.value,
        fpr95_ci95=share.ci95,
        threshold95=threshold,
        reference=len(reference),
        other=len(other),
    )


def _lead(tables: Sequence[pd.DataFrame], best: str, name: str) -> Lead:
    """Area of the best score minus that of another one, over the datapoints that have both."""
    pairs = []
    for table in tables:
        both = table[[best, name]].to_numpy(float)
        both = both[~np.isnan(both).any(axis=1)]
        pairs.append((both[:, 0], both[:, 1]))
    found = auc_difference(*pairs)
    return Lead(found.value, found.std_error, found.ci95, len(pairs[0][0]), len(pairs[1][0]))
