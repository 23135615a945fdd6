"""From per-datapoint rows to means with errors: Monte Carlo error and error over datapoints kept apart.

Gaps are differences within each datapoint, so their spread over datapoints is small where that of the bounds is large.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from gapkit.core.errors import InputError
from gapkit.core.findings import Finding
from gapkit.core.intervals import difference_interval, mean_interval
from gapkit.core.means import Mean, Uncertain
from gapkit.core.sample_size import FEWEST
from gapkit.ladder import STANDARD, Ladder, error_of, quantity, summarised
from gapkit.results.records import (
    CertificateSummary,
    Checks,
    ClassGaps,
    Control,
    Families,
    LocalSteps,
    RouteSummary,
    SearchSummary,
    Skipped,
    Split,
    Summary,
    Unfinished,
)
from gapkit.results.rows import FAILED, concentration, ladder_rows, left_out, unfinished, unsound

__all__ = ["difference_of_means", "summarise", "summarise_values"]

_ERRORS = 2.0  # of what is left to gain, that count as left
_CLASSES = (2, 50)  # distinct labels, at least and at most, that are summarised by class


def summarise_values(values: np.ndarray, errors: np.ndarray, shortfall: float = 0.0) -> Mean:
    """Summarise one quantity over datapoints; rows that are not finite are left out and counted.

    Args:
        values: per-datapoint estimates, shape (N,), in nats.
        errors: their Monte Carlo standard errors, shape (N,).
        shortfall: how far the mean may be off because optima were not reached: they fall short on the same side
            everywhere, so this part of the error does not average out over datapoints, and is added.

    Returns:
        The mean with its errors; its interval is that of :func:`gapkit.core.intervals.mean_interval`.

    Example:
        >>> found = summarise_values(np.array([1.0, 2.0, 3.0]), np.array([0.3, 0.3, 0.3]))
        >>> found.mean, round(found.se_monte_carlo, 3), round(found.se_datapoints, 3)
        (2.0, 0.173, 0.577)
    """
    used = np.isfinite(values)
    kept, kept_errors = values[used], errors[used]
    count, left_out = len(kept), int((~used).sum())
    if count == 0:
        return Mean(None, None, None, None, None, 0, left_out)
    monte_carlo = float(np.sqrt(np.sum(kept_errors**2)) / count)
    monte_carlo += shortfall
    interval = mean_interval(kept) if count >= FEWEST else None
    return Mean(
        mean=float(kept.mean()),
        se_monte_carlo=monte_carlo if np.isfinite(monte_carlo) else None,
        se_datapoints=float(kept.std(ddof=1) / np.sqrt(count)) if count > 1 else None,
        ci95=None if interval is None else (float(interval[0]), float(interval[1])),
        range=(float(kept.min()), float(kept.max())),
        count=count,
        left_out=left_out,
    )


def summarise(
    datapoints: pd.DataFrame,
    certificate: CertificateSummary | Skipped | None = None,
    families: Families | None = None,
    semi_amortized: LocalSteps | Skipped | None = None,
    ladder: Ladder = STANDARD,
    *,
    target: str | None = None,
    findings: Sequence[Finding] = (),
    effort: str | None = None,
    search: SearchSummary | None = None,
) -> Summary:
    """Summarise a table of datapoints, one split at a time.

    All means of the ladder are over the same datapoints, see :func:`gapkit.results.rows.ladder_rows`. Classes are made
    where the table has integers or words as labels, 2 to 50 different ones in the split.

    Args:
        datapoints: the table.
        certificate: what bidirectional Monte Carlo on simulated data found; kept as it is, as all that follow.
        families: of q.
        semi_amortized: the curve of local steps, see :func:`gapkit.results.step_gains.summarise_curve`.
        ladder: the rungs and gaps that the table has.
        target: what stands for p(x|z) where that is no density of x; or ``condition``.
        findings: of the checks before the work.
        effort: of the analysis.
        search: what the search for modes misses.

    Raises:
        InputError: an empty table.
    """
    if len(datapoints) == 0:
        raise InputError("a summary", "a table without rows", "analyse at least one datapoint")
    splits = {str(split): _split(rows, ladder) for split, rows in datapoints.groupby("split", sort=False)}
    first, *others = splits
    encoder = ladder.gap_of("encoder")
    generalisation = {
        f"{first} minus {other}": difference_of_means(
            splits[first].quantities[encoder.name], splits[other].quantities[encoder.name]
        )
        for other in others
        if encoder
    }
    return Summary(
        ladder=ladder,
        splits=splits,
        generalisation=generalisation,
        certificate=certificate,
        families=families,
        semi_amortized=semi_amortized,
        target=target,
        findings=tuple(findings),
        effort=effort,
        search=search,
    )


def _split(rows: pd.DataFrame, ladder: Ladder) -> Split:
    numbers = rows.select_dtypes("number")
    used = numbers.where(np.broadcast_to(ladder_rows(rows, ladder)[:, None], numbers.shape))
    ended, rest = _fits(rows, ladder)
    return Split(
        quantities={name: _quantity(used, name, ladder) for name in summarised(rows, ladder)},
        datapoints=len(rows),
        status=_count_words(rows["status"]),
        log_px_source=_counts(rows["log_px_source"]),
        other_start=int((rows["start"] > 0).sum()),
        left_out=left_out(rows, ladder),
        unsound=unsound(rows),
        concentration=concentration(used[ladder.total.name].to_numpy(float)),
        fit=ended,
        unfinished=rest,
        checks=_checks(rows),
        classes=_classes(rows, used, ladder),
    )


def _checks(rows: pd.DataFrame) -> Checks:
    """How two routes to log p(x) agree on the random control subset, and how close chains come from both sides."""
    if "ais_reason" not in rows:
        return Checks()
    control = rows[rows["ais_reason"] == "control"]
    difference = (control["ais"] - control["pooled"]).to_numpy(float)
    error = np.hypot(control["ais_se"].to_numpy(float), control["pooled_se"].to_numpy(float))
    above = (rows["ais_upper"] - rows["ais"]).to_numpy(float)
    ran = rows["ais_reason"] != ""
    agree = int((np.abs(difference) <= 2 * error).sum())
    return Checks(
        route=_route(rows),
        ais_reason=_counts(rows["ais_reason"]),
        control=Control(**vars(summarise_values(difference, error)), within_two_errors=agree),
        approximate_sandwich=summarise_values(
            above[ran], np.hypot(rows["ais_se"], rows["ais_upper_se"]).to_numpy(float)[ran]
        ),
    )


def _route(rows: pd.DataFrame) -> RouteSummary | None:
    """For how many datapoints the independent route was gone and why, and for how many it found further modes."""
    if "route" not in rows:
        return None
    unseen = rows["unseen_mass"].to_numpy(float)
    known = unseen[np.isfinite(unseen)]
    found = int((rows["route_mass"].to_numpy(float) > 0).sum())
    return RouteSummary(_counts(rows["route"]), found, float(known.mean()) if len(known) else None)


def _fits(rows: pd.DataFrame, ladder: Ladder) -> tuple[dict[str, int], Unfinished] | tuple[None, None]:
    """How the fits of q* ended, and what those that did not converge may add; None where there are none."""
    if "fit" not in rows or ladder.fitted is None:
        return None, None
    rows = rows[rows["fit"] != FAILED]  # of these there was none
    ended = {str(word): int(count) for word, count in rows["fit"].value_counts().items()}
    return ended, unfinished(rows, ladder.fitted.shortfall)


def _classes(rows: pd.DataFrame, used: pd.DataFrame, ladder: Ladder) -> tuple[ClassGaps, ...]:
    """The gaps by class, the largest mean total gap first; nothing where labels make no classes.

    ``used`` holds the numbers of the same rows, NaN in those that no mean is over.
    """
    if "label" not in rows or pd.api.types.is_float_dtype(rows["label"]):
        return ()
    fewest, most = _CLASSES
    if not fewest <= rows["label"].nunique() <= most:
        return ()
    total, gaps = ladder.total.name, (ladder.total, *reversed(ladder.gaps))
    whole = pd.api.types.is_integer_dtype(rows["label"])
    classes = [
        ClassGaps(
            label=int(label) if whole else str(label),
            datapoints=len(part),
            quantities={gap.name: _quantity(used.loc[part.index], gap.name, ladder) for gap in gaps},
        )
        for label, part in rows.groupby("label")
    ]
    unknown = [part for part in classes if part.quantities[total].mean is None]
    known = [part for part in classes if part.quantities[total].mean is not None]
    return (*sorted(known, key=lambda part: -part.quantities[total].value), *unknown)


def _quantity(rows: pd.DataFrame, name: str, ladder: Ladder) -> Mean:
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
    left, spread = times * float(max(mean, 0.0) + _ERRORS * noise), summary.se_datapoints
    return replace(summary, left_to_gain=left, se_total=None if spread is None else spread + left)


def difference_of_means(one: Uncertain, other: Uncertain) -> Uncertain:
    """One mean minus another over different datapoints, such as a gain on training data minus that on test data.

    Args:
        one: of :func:`summarise_values`.
        other: likewise.

    Returns:
        The difference; for its interval see :func:`gapkit.core.intervals.difference_interval`.
    """
    if one.mean is None or other.mean is None:
        return Uncertain(None, None, None, None)
    interval = None
    if one.ci95 is not None and other.ci95 is not None:
        interval = difference_interval(one.mean, one.ci95, other.mean, other.ci95)
    return Uncertain(
        one.mean - other.mean,
        _both(one.se_monte_carlo, other.se_monte_carlo),
        _both(one.se_datapoints, other.se_datapoints),
        interval,
    )


def _both(one: float | None, other: float | None) -> float | None:
    """The error of a difference."""
    return None if one is None or other is None else math.hypot(one, other)


def _counts(words: pd.Series) -> dict[str, int]:
    """How often each word stands in a column where some have none."""
    return {str(word): int(count) for word, count in words.value_counts().items() if word}


def _count_words(status: pd.Series) -> dict[str, int]:
    words = status.str.split(",").explode().value_counts()
    return {str(word): int(count) for word, count in words.items()}
