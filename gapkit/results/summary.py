"""From per-datapoint rows to means with errors: Monte Carlo error and error over datapoints kept apart.

Gaps are differences within each datapoint, so their spread over datapoints is small where that of the bounds is large.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gapkit.core.errors import InputError
from gapkit.core.intervals import difference_interval, mean_interval
from gapkit.core.sample_size import FEWEST
from gapkit.ladder import STANDARD, Ladder, error_of, quantity, summarised
from gapkit.results.rows import FAILED, concentration, ladder_rows, left_out, unfinished, unsound

__all__ = ["difference_of_means", "summarise", "summarise_values"]

_ERRORS = 2.0  # of what is left to gain, that count as left
_CLASSES = (2, 50)  # distinct labels, at least and at most, that are summarised by class


def summarise_values(values: np.ndarray, errors: np.ndarray, shortfall: float = 0.0) -> dict[str, Any]:
    """Summarise one quantity over datapoints; rows that are not finite are left out and counted.

    Args:
        values: per-datapoint estimates, shape (N,), in nats.
        errors: their Monte Carlo standard errors, shape (N,).
        shortfall: how far the mean may be off because optima were not reached: they fall short on the same side
            everywhere, so this part of the error does not average out over datapoints, and is added.

    Returns:
        ``mean``; ``se_monte_carlo``, the error of the mean from sampling noise and shortfalls, None if unknown;
        ``se_datapoints``, the error of the mean over datapoints (it includes the noise); ``ci95``, the interval of the
        mean over datapoints (see :func:`gapkit.core.intervals.mean_interval`), None for fewer than 10; ``range``, the
        smallest and the largest value; ``count`` of datapoints used and ``left_out``.

    Example:
        >>> summary = summarise_values(np.array([1.0, 2.0, 3.0]), np.array([0.3, 0.3, 0.3]))
        >>> summary["mean"], round(summary["se_monte_carlo"], 3), round(summary["se_datapoints"], 3)
        (2.0, 0.173, 0.577)
    """
    used = np.isfinite(values)
    kept, kept_errors = values[used], errors[used]
    count = len(kept)
    if count == 0:
        nothing = dict.fromkeys(("mean", "se_monte_carlo", "se_datapoints", "ci95", "range"))
        return {**nothing, "count": 0, "left_out": int((~used).sum())}
    mean = float(kept.mean())
    monte_carlo = float(np.sqrt(np.sum(kept_errors**2)) / count)
    monte_carlo += shortfall
    spread = float(kept.std(ddof=1) / np.sqrt(count)) if count > 1 else None
    return {
        "mean": mean,
        "se_monte_carlo": monte_carlo if np.isfinite(monte_carlo) else None,
        "se_datapoints": spread,
        "ci95": [float(end) for end in mean_interval(kept)] if count >= FEWEST else None,
        "range": [float(kept.min()), float(kept.max())],
        "count": count,
        "left_out": int((~used).sum()),
    }


def summarise(
    datapoints: pd.DataFrame,
    certificate: Mapping[str, Any] | None = None,
    families: Mapping[str, Any] | None = None,
    semi_amortized: Mapping[str, Any] | None = None,
    ladder: Ladder = STANDARD,
) -> dict[str, Any]:
    """Summarise a table of datapoints, one split at a time.

    Args:
        datapoints: the table.
        certificate: what bidirectional Monte Carlo on simulated data found; kept as it is.
        families: the encoder's family (``encoder``), that of the split, and those ``fitted``; kept as it is.
        semi_amortized: the curve of local steps, see :func:`gapkit.results.step_gains.summarise_curve`; kept as it is.
        ladder: the rungs and gaps that the table has; kept, as ``ladder``.

    Returns:
        ``quantities`` of the first split, all means of the ladder over the same datapoints (see
        :func:`gapkit.results.rows.ladder_rows`); of those that L[q*] enters, ``left_to_gain`` is what the fits may have
        left, two errors included, and ``se_total`` the error over datapoints and that together. ``splits`` with the
        quantities, statuses and checks of every split, what is ``left_out`` of its means, how many datapoints are
        ``unsound``, what ``unfinished`` fits may add, how far a few datapoints hold the gap (``concentration``), all of
        :mod:`gapkit.results.rows`; and ``classes`` where the table has integers or words as labels, 2 to 50 different
        ones in the split: for each its ``label``, how many ``datapoints``, and the ``quantities`` total gap and its
        parts, the class with the largest mean total gap first; for more than one split ``generalisation``: the
        encoder's gap of the first split minus that of each other one; and the ``ladder``, and the ``certificate`` and
        ``semi_amortized``, if there are any.

    Raises:
        InputError: an empty table.
    """
    if len(datapoints) == 0:
        raise InputError("a summary", "a table without rows", "analyse at least one datapoint")
    splits: dict[str, dict[str, Any]] = {}
    for split, rows in datapoints.groupby("split", sort=False):
        numbers = rows.select_dtypes("number")
        used = numbers.where(np.broadcast_to(ladder_rows(rows, ladder)[:, None], numbers.shape))
        quantities = {name: _quantity(used, name, ladder) for name in summarised(rows, ladder)}
        splits[str(split)] = {
            "quantities": quantities,
            "datapoints": len(rows),
            "status": _count_words(rows["status"]),
            "log_px_source": {str(k): int(v) for k, v in rows["log_px_source"].value_counts().items() if k},
            "other_start": int((rows["start"] > 0).sum()),
            "left_out": left_out(rows, ladder),
            "unsound": unsound(rows),
            "concentration": concentration(used[ladder.total.name].to_numpy(float)),
            **_fits(rows, ladder),
            "checks": _checks(rows),
            **_classes(rows, used, ladder),
        }
    first, *others = splits
    summary: dict[str, Any] = {
        "ladder": ladder.to_dict(),
        "quantities": splits[first]["quantities"],
        "splits": splits,
    }
    encoder = ladder.gap_of("encoder")
    if others and encoder:
        summary["generalisation"] = {
            f"{first} minus {other}": difference_of_means(
                summary["quantities"][encoder.name], splits[other]["quantities"][encoder.name]
            )
            for other in others
        }
    if certificate is not None:
        summary["certificate"] = dict(certificate)
    if families is not None:
        summary["families"] = dict(families)
    if semi_amortized is not None:
        summary["semi_amortized"] = dict(semi_amortized)
    return summary


def _checks(rows: pd.DataFrame) -> dict[str, Any]:
    """How two routes to log p(x) agree on the random control subset, and how close chains come from both sides."""
    if "ais_reason" not in rows:
        return {}
    control = rows[rows["ais_reason"] == "control"]
    difference = (control["ais"] - control["pooled"]).to_numpy(float)
    error = np.hypot(control["ais_se"].to_numpy(float), control["pooled_se"].to_numpy(float))
    above = (rows["ais_upper"] - rows["ais"]).to_numpy(float)
    ran = rows["ais_reason"] != ""
    return {
        **_route(rows),
        "ais_reason": {str(k): int(v) for k, v in rows["ais_reason"].value_counts().items() if k},
        "control": {
            **summarise_values(difference, error),
            "within_two_errors": int((np.abs(difference) <= 2 * error).sum()),
        },
        "approximate_sandwich": summarise_values(
            above[ran], np.hypot(rows["ais_se"], rows["ais_upper_se"]).to_numpy(float)[ran]
        ),
    }


def _route(rows: pd.DataFrame) -> dict[str, Any]:
    """For how many datapoints the independent route was gone and why, and for how many it found further modes."""
    if "route" not in rows:
        return {}
    looked = {str(k): int(v) for k, v in rows["route"].value_counts().items() if k}
    unseen = rows["unseen_mass"].to_numpy(float)
    known = unseen[np.isfinite(unseen)]
    found = int((rows["route_mass"].to_numpy(float) > 0).sum())
    return {"route": {"looked": looked, "found": found, "unseen": float(known.mean()) if len(known) else None}}


def _fits(rows: pd.DataFrame, ladder: Ladder) -> dict[str, Any]:
    """How the fits of q* ended, and what those that did not converge may add."""
    if "fit" not in rows or ladder.fitted is None:
        return {}
    rows = rows[rows["fit"] != FAILED]  # of these there was none
    return {
        "fit": {str(k): int(v) for k, v in rows["fit"].value_counts().items()},
        "unfinished": unfinished(rows, ladder.fitted.shortfall),
    }


def _classes(rows: pd.DataFrame, used: pd.DataFrame, ladder: Ladder) -> dict[str, list[dict[str, Any]]]:
    """The gaps by class, the largest mean total gap first; nothing where labels make no classes.

    ``used`` holds the numbers of the same rows, NaN in those that no mean is over.
    """
    if "label" not in rows or pd.api.types.is_float_dtype(rows["label"]):
        return {}
    fewest, most = _CLASSES
    if not fewest <= rows["label"].nunique() <= most:
        return {}
    total, gaps = ladder.total.name, (ladder.total, *reversed(ladder.gaps))
    whole = pd.api.types.is_integer_dtype(rows["label"])
    classes: list[dict[str, Any]] = [
        {
            "label": int(label) if whole else str(label),
            "datapoints": len(part),
            "quantities": {gap.name: _quantity(used.loc[part.index], gap.name, ladder) for gap in gaps},
        }
        for label, part in rows.groupby("label")
    ]
    means = {part["label"]: part["quantities"][total]["mean"] for part in classes}
    unknown = [part for part in classes if means[part["label"]] is None]
    known = [part for part in classes if means[part["label"]] is not None]
    return {"classes": [*sorted(known, key=lambda part: -means[part["label"]]), *unknown]}


def _quantity(rows: pd.DataFrame, name: str, ladder: Ladder) -> dict[str, Any]:
    values, errors = rows[name].to_numpy(float), rows[error_of(name)].to_numpy(float)
    encoder = ladder.gap_of("encoder")
    known_as = encoder.name if encoder and quantity(name, ladder).kind == "left" else name
    column, times, included = ladder.shortfalls().get(known_as, ("", 0, False))
    if column not in rows:
        return summarise_values(values, errors)
    gap, gap_error = rows[column].to_numpy(float), rows[error_of(column)].to_numpy(float)
    known = np.isfinite(values) & np.isfinite(gap) & np.isfinite(gap_error)
    if included:  # take the shortfall out of the table's error again, to add that of the mean instead
        inside = np.where(known, np.maximum(gap, 0.0) ** 2 + gap_error**2, 0.0)
        errors = np.sqrt(np.maximum(errors**2 - times**2 * inside, 0.0))
    if not known.any():
        return summarise_values(values, errors)
    # The noise of the certificates averages out over datapoints; what they agree on does not.
    mean, noise = gap[known].mean(), np.sqrt(np.sum(gap_error[known] ** 2)) / known.sum()
    summary = summarise_values(values, errors, times * float(max(mean, 0.0) + noise))
    left, spread = times * float(max(mean, 0.0) + _ERRORS * noise), summary["se_datapoints"]
    return {**summary, "left_to_gain": left, "se_total": None if spread is None else spread + left}


def difference_of_means(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """One mean minus another over different datapoints, such as a gain on training data minus that on test data.

    Args:
        one: a summary of :func:`summarise_values`.
        other: likewise.

    Returns:
        ``mean``, ``se_monte_carlo``, ``se_datapoints`` and ``ci95``, see
        :func:`gapkit.core.intervals.difference_interval`; None where unknown.
    """
    found: dict[str, Any] = dict.fromkeys(("mean", "se_monte_carlo", "se_datapoints", "ci95"))
    if one["mean"] is None or other["mean"] is None:
        return found
    found["mean"] = one["mean"] - other["mean"]
    for name in ("se_monte_carlo", "se_datapoints"):
        if one[name] is not None and other[name] is not None:
            found[name] = math.hypot(one[name], other[name])
    if one["ci95"] is not None and other["ci95"] is not None:
        found["ci95"] = list(difference_interval(one["mean"], one["ci95"], other["mean"], other["ci95"]))
    return found


def _count_words(status: pd.Series) -> dict[str, int]:
    words = status.str.split(",").explode().value_counts()
    return {str(word): int(count) for word, count in words.items()}
