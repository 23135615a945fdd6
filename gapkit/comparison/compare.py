"""The comparison of runs: join their datapoints, subtract the first run, summarise, and say what follows."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gapkit.comparison.agreement import check_same_data, share_noise, unlike
from gapkit.comparison.differences import (
    finite_rows,
    level_summaries,
    paired,
    shortfalls_of,
    summarise_pair,
)
from gapkit.comparison.ladders import common_ladder
from gapkit.comparison.records import ComparedSplit, ComparisonSummary, Pair
from gapkit.comparison.series import find_series
from gapkit.comparison.words import sentences
from gapkit.core.errors import InputError
from gapkit.core.views import view
from gapkit.ladder import Ladder, beside, error_of, side_name
from gapkit.results import Result
from gapkit.results.miniatures import kept_miniatures
from gapkit.results.summary_frame import summary_frame
from gapkit.results.with_errors import WithErrors

__all__ = ["Comparison", "compare"]

_CHANGED, _CHANGED_AT_LEAST = 50, 5
_FURTHER = ("left_out", "direction", "wins", "losses", "ties", "clear_wins", "clear_losses")  # told of a difference


@dataclass(frozen=True, eq=False)  # tables have no truth value: a comparison equals itself
class Comparison:
    """Runs against the first of them.

    Attributes:
        summary_values: what ``comparison.json`` holds, in nats: the means of every run over the datapoints that all
            share, and the differences of every other run from the first over those that the two share.
        datapoints: one row per split, other run and shared datapoint with the differences, see
            :func:`gapkit.comparison.differences.paired`.
        pictures: small ones of the datapoints that runs keep, by split and index, 8-bit levels of shape (H, W) or
            (H, W, 3); none where data are no images.
    """

    summary_values: ComparisonSummary
    datapoints: pd.DataFrame
    pictures: Mapping[tuple[str, int], np.ndarray] = field(default_factory=dict)

    def sentences(self, split: str | None = None) -> list[str]:
        """What follows from a split, the first one if none is named, in words, the most important first."""
        return sentences(self.summary_values, split)

    @property
    def summary(self) -> WithErrors:
        """The mean differences from the first run, in nats: a row for each ``split``, ``run`` and ``quantity``.

        Columns are those of :attr:`gapkit.results.Result.summary`, and ``left_out``, ``direction``, ``wins``,
        ``losses``, ``ties``, ``clear_wins`` and ``clear_losses``, see :class:`gapkit.comparison.records.PairedMean`.
        """
        rows = {
            (split, run, quantity): values
            for split, part in self.summary_values.splits.items()
            for run, pair in part.differences.items()
            for quantity, values in pair.quantities.items()
        }
        note = f"nats, minus {self.summary_values.reference}"
        return summary_frame(rows, ("split", "run", "quantity"), _FURTHER, note)

    @property
    def table(self) -> WithErrors:
        """A copy of the differences of each datapoint, in nats, that is printed as ``difference ± error``."""
        return WithErrors(self.datapoints)

    def to_frame(self) -> pd.DataFrame:
        """A plain copy of the same table."""
        return self.datapoints.copy()

    def report(self, path: str | Path) -> Path:
        """Write the report, a page of HTML or a PDF by the ending of the name; see :func:`gapkit.report.write_report`.

        Raises:
            InputError: another ending, a folder, or a place that cannot be written to.
        """
        written: Path = view("report")(self, path)
        return written

    def __repr__(self) -> str:
        reference, splits = self.summary_values.reference, self.summary_values.splits
        others = ", ".join(name for name in self.summary_values.runs if name != reference)
        return f"<gapkit.Comparison of {others} with {reference}: {', '.join(splits)}>"

    def _repr_html_(self) -> str:
        """A summary card for notebooks."""
        said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self.sentences())
        return f"<div><b>gapkit</b>{said}{self.summary._repr_html_()}</div>"


def compare(runs: Mapping[str, Result]) -> Comparison:
    """Compare runs on the datapoints they share: paired differences from the first run.

    Args:
        runs: results by name, the first one is what the others are compared with; datapoints are joined by split and
            index.

    Returns:
        The comparison.

    Raises:
        InputError: fewer than two runs, runs of different ladders or data, or nothing in common.

    Example:
        >>> import torch
        >>> from gapkit.engine import analyze
        >>> from gapkit.models.reference import build
        >>> x = torch.ones(5, 6)
        >>> results = {
        ...     name: analyze(build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)), x, effort="quick") for name in "ab"
        ... }
        >>> compare(results).summary["mean"].loc["test", "b"].index.tolist()[:3]
        ['log_px', 'elbo_star', 'elbo']
    """
    if len(runs) < 2:
        raise InputError("compare runs", f"{len(runs)} of them", "give two or more")
    (first, reference), *others = runs.items()
    ladder = common_ladder(runs)
    splits = _common_splits(runs)
    notes = check_same_data(runs, splits)
    tables = {name: _by_split(name, result, splits, ladder) for name, result in runs.items()}
    families = {name: (result.run.get("families") or {}).get("split") for name, result in runs.items()}
    frames, parts = [], {}
    for split in splits:
        differences, every = {}, []
        for name, result in others:
            one, two = tables[first][split], tables[name][split]
            pairs = paired(one, two, ladder)
            same = families[first] if families[first] == families[name] else None
            quantities = [*ladder.names, *_further(pairs, same, ladder)]
            used = pairs[finite_rows(pairs, ladder)]
            rows = used["index"]
            of_one, of_two = (shortfalls_of(table.loc[rows], ladder, quantities) for table in (one, two))
            off = {quantity: max(short, of_two[quantity]) for quantity, short in of_one.items()}
            differences[name] = Pair(
                common=len(pairs),
                used=len(used),
                left_out=len(pairs) - len(used),
                only_in_reference=len(one) - len(pairs),
                only_in_run=len(two) - len(pairs),
                shares_noise=share_noise(reference.run, result.run),
                quantities=summarise_pair(used, quantities, off, ladder),
            )
            pairs.insert(0, "split", split)
            pairs.insert(1, "run", name)
            every.append(pairs)
        frames += every
        whole = {name: tables[name][split] for name in runs}
        changed = _labelled(_changed(every, ladder), whole[first])
        parts[split] = _compared(runs, split, whole, ladder, differences, changed)
    for name, _ in others:
        if not any(part.differences[name].common for part in parts.values()):
            found = f"no datapoint of {', '.join(splits)} in common by index"
            raise InputError(f"compare {name} with {first}", found, "analyse the same datapoints in both")
    summary = ComparisonSummary(
        ladder=ladder,
        reference=first,
        runs={name: result.run for name, result in runs.items()},
        splits=parts,
        series=find_series(runs),
        notes=(*notes, *unlike(runs), *_left_aside(runs, splits)),
    )
    pictures = {place: image for result in runs.values() for place, image in kept_miniatures(result).items()}
    return Comparison(summary, pd.concat(frames, ignore_index=True), pictures)


def _common_splits(runs: Mapping[str, Result]) -> list[str]:
    found = {name: [str(split) for split in result.datapoints["split"].unique()] for name, result in runs.items()}
    first = next(iter(found.values()))
    common = [split for split in first if all(split in others for others in found.values())]
    if not common:
        listed = "; ".join(f"{name} has {', '.join(splits) or 'nothing'}" for name, splits in found.items())
        raise InputError("compare the runs", f"no split in common: {listed}", "analyse the same split in all of them")
    return common


def _by_split(name: str, result: Result, splits: list[str], ladder: Ladder) -> dict[str, pd.DataFrame]:
    """Tables by the index of the datapoints.

    Raises:
        InputError: columns are missing, or a datapoint comes twice.
    """
    table = result.datapoints
    missing = [column for quantity in ladder.names for column in (quantity, error_of(quantity)) if column not in table]
    if missing or "index" not in table:
        found = f"a table without {', '.join(missing) or 'index'}"
        raise InputError(f"compare the run {name}", found, "analyse it again with this version of gapkit")
    parts = {split: table[table["split"].astype(str) == split].set_index("index") for split in splits}
    for split, part in parts.items():
        if not part.index.is_unique:
            twice = part.index[part.index.duplicated()][0]
            found = f"datapoint {twice} of {split} comes more than once"
            raise InputError(f"compare the run {name}", found, "keep one row for each datapoint")
    return parts


def _further(pairs: pd.DataFrame, same_family: str | None, ladder: Ladder) -> list[str]:
    """What both runs have beside the family of their split; that one's own columns repeat the fitted rung."""
    names = [str(name).removesuffix("_run") for name in pairs if str(name).endswith("_run")]
    own = side_name("family", str(same_family), ladder) if ladder.fitted else None
    return [name for name in beside(names, ladder) if name != own]


def _compared(
    runs: Mapping[str, Result],
    split: str,
    tables: Mapping[str, pd.DataFrame],
    ladder: Ladder,
    differences: Mapping[str, Pair],
    changed: list[dict[str, Any]],
) -> ComparedSplit:
    """What a split holds: to differences and changes every run's own means over the datapoints that are finite in all.

    A run without a single finite datapoint has no levels, and takes nobody else's. Where these are all datapoints of
    the run, its summary has the numbers already.
    """
    finite = {name: table[finite_rows(table, ladder)] for name, table in tables.items()}
    some = {name: table for name, table in finite.items() if len(table)}
    shared = next(iter(tables.values())).index
    for table in tables.values():
        shared = shared.intersection(table.index, sort=False)
    used = shared
    for table in some.values():
        used = used.intersection(table.index, sort=False)
    levels = {}
    for name, table in some.items() if len(used) else ():
        part = runs[name].summary_values.splits.get(split)
        stored = part.quantities if part else {}
        whole = len(tables[name]) == len(used) and all(quantity in stored for quantity in ladder.names)
        chosen = {quantity: stored[quantity] for quantity in ladder.names} if whole else None
        levels[name] = chosen or level_summaries(table.loc[used], ladder)
    return ComparedSplit(
        datapoints=len(shared),
        used=len(used) if some else 0,
        left_out=len(shared) - (len(used) if some else 0),
        not_finite=tuple(name for name in tables if name not in some),
        levels=levels,
        differences=differences,
        changed=tuple(changed),
    )


def _changed(frames: list[pd.DataFrame], ladder: Ladder) -> list[dict[str, Any]]:
    """The datapoints whose total gap changed most, some of every run, the largest change first."""
    total = ladder.total.name
    each = max(_CHANGED_AT_LEAST, _CHANGED // max(len(frames), 1))
    parts = []
    for frame in frames:
        known = frame[finite_rows(frame, ladder)]
        order = known[total].abs().sort_values(ascending=False, kind="stable").index
        parts.append(known.loc[order].head(each))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.loc[rows[total].abs().sort_values(ascending=False, kind="stable").index]
    kept = ["run", "index", f"{total}_reference", f"{total}_run"]
    kept += [column for part in (*ladder.told, ladder.top) for column in (part.name, error_of(part.name))]
    return rows[kept].to_dict("records")


def _labelled(rows: list[dict[str, Any]], table: pd.DataFrame) -> list[dict[str, Any]]:
    """The same with the labels of the datapoints, where the first run has some."""
    if "label" not in table:
        return rows
    labels = table.loc[[row["index"] for row in rows], "label"].astype(object)
    return [{**row, "label": None if pd.isna(label) else label} for row, label in zip(rows, labels, strict=True)]


def _left_aside(runs: Mapping[str, Result], splits: list[str]) -> list[str]:
    notes = []
    for name, result in runs.items():
        extra = [str(split) for split in result.datapoints["split"].unique() if str(split) not in splits]
        if extra:
            notes.append(f"Not every run has the split {', '.join(extra)} of {name}: it is left aside.")
    return notes
