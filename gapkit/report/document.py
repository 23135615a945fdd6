"""The report as data: everything a renderer shows, without markup; renderers compute nothing."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gapkit.report.figures import Figure, draw, draw_local_steps
from gapkit.report.wording import DEFINITIONS, GENERALISATION, LOCAL_STEPS, UNKNOWN_STATUS, describe, in_order
from gapkit.results import Result
from gapkit.status import STATUSES

__all__ = [
    "Document",
    "Fact",
    "Facts",
    "LocalSteps",
    "Quantity",
    "SplitSection",
    "StatusWord",
    "StepsRow",
    "Term",
    "WorstDatapoint",
    "build",
]

_WORST = 20


@dataclass(frozen=True)
class Quantity:
    """A row of the gap table, in nats; None where there is no number.

    Attributes:
        name: its name in the summary.
        label: its name for people.
        meaning: one sentence.
        mean: over the datapoints used.
        se_monte_carlo: standard error of the mean from sampling noise alone.
        se_datapoints: standard error of the mean over datapoints.
        ci95_low: lower end of the 95% interval.
        ci95_high: upper end of the 95% interval.
        count: datapoints used.
        datapoints: datapoints there are.
    """

    name: str
    label: str
    meaning: str
    mean: float | None
    se_monte_carlo: float | None
    se_datapoints: float | None
    ci95_low: float | None
    ci95_high: float | None
    count: int
    datapoints: int


@dataclass(frozen=True)
class SplitSection:
    """One split: its table of gaps and bounds and its figures."""

    name: str
    datapoints: int
    quantities: tuple[Quantity, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class StepsRow:
    """Means after a number of local steps, in nats; shares are fractions. None where there is no number."""

    steps: int
    elbo: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    left: float | None
    share: float | None
    share_low: float | None
    share_high: float | None


@dataclass(frozen=True)
class LocalSteps:
    """What local steps from the encoder's q would give: the figure, its numbers and a note on them."""

    split: str
    datapoints: int
    figure: Figure
    rows: tuple[StepsRow, ...]
    note: str


@dataclass(frozen=True)
class WorstDatapoint:
    """A datapoint with a large total gap; values in nats, NaN where there is none."""

    index: str
    split: str
    elbo: float
    elbo_star: float
    log_px: float
    amortization_gap: float
    approximation_gap: float
    total_gap: float
    total_gap_se: float
    status: str


@dataclass(frozen=True)
class StatusWord:
    """A word of the status column, on how many datapoints it stands, what it means and what to do."""

    word: str
    count: int
    meaning: str
    advice: str


@dataclass(frozen=True)
class Term:
    """A term and its definition."""

    term: str
    definition: str


@dataclass(frozen=True)
class Fact:
    """A named value of the provenance, as text."""

    name: str
    value: str


@dataclass(frozen=True)
class Facts:
    """Facts that belong together."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Document:
    """The whole report.

    Attributes:
        title: of the report; names the checkpoint where there is one.
        verdict: the diagnosis in sentences.
        trust: how far log p(x) can be trusted, in sentences.
        main: the first split, which the verdict is about.
        local_steps: what local steps from the encoder's q would give, where that was asked for.
        further: the other splits.
        generalisation: for several splits, differences of the amortization gap between them.
        worst: the datapoints with the largest total gaps, largest first.
        statuses: the status words that occur, most frequent first.
        definitions: of the terms used.
        warnings: of the run.
        provenance: how the numbers came about.
    """

    title: str
    verdict: tuple[str, ...]
    trust: tuple[str, ...]
    main: SplitSection
    local_steps: LocalSteps | None
    further: tuple[SplitSection, ...]
    generalisation: tuple[Quantity, ...]
    worst: tuple[WorstDatapoint, ...]
    statuses: tuple[StatusWord, ...]
    definitions: tuple[Term, ...]
    warnings: tuple[str, ...]
    provenance: tuple[Facts, ...]


def build(result: Result) -> Document:
    """Collect what the report says about a result."""
    main, *further = (_section(result, name, number) for number, name in enumerate(result.summary_values["splits"], 1))
    return Document(
        title=_title(result.run),
        verdict=tuple(result.verdict()),
        trust=tuple(result.trust()),
        main=main,
        local_steps=_local_steps(result),
        further=tuple(further),
        generalisation=_generalisation(result.summary_values, main.datapoints),
        worst=_worst(result.datapoints),
        statuses=_statuses(result.summary_values["splits"]),
        definitions=tuple(Term(*pair) for pair in DEFINITIONS),
        warnings=tuple(str(text) for text in result.run.get("warnings") or ()),
        provenance=_provenance(result.run),
    )


def _title(run: Mapping[str, Any]) -> str:
    checkpoint = run.get("checkpoint")
    name = checkpoint.get("name") if isinstance(checkpoint, Mapping) else checkpoint
    return f"Inference gaps of {name}" if name else "Inference gaps"


def _section(result: Result, split: str, number: int) -> SplitSection:
    values = result.summary_values["splits"][split]
    datapoints = int(values["datapoints"])
    own = f"elbo_star_{result.summary_values.get('families', {}).get('split')}"  # the same as elbo_star
    names = in_order(name for name in values["quantities"] if name != own)
    quantities = tuple(_quantity(name, *describe(name), values["quantities"][name], datapoints) for name in names)
    return SplitSection(split, datapoints, quantities, draw(result, split, number))


def _quantity(name: str, label: str, meaning: str, values: Mapping[str, Any], datapoints: int) -> Quantity:
    low, high = values["ci95"] or (None, None)
    return Quantity(
        name,
        label,
        meaning,
        values["mean"],
        values.get("se_monte_carlo"),
        values["se_datapoints"],
        low,
        high,
        int(values.get("count", datapoints)),
        datapoints,
    )


def _local_steps(result: Result) -> LocalSteps | None:
    values = result.summary_values.get("semi_amortized")
    if not values or "skipped" in values:
        return None
    rows = tuple(_steps_row(point) for point in values["curve"])
    return LocalSteps(values["split"], int(values["datapoints"]), draw_local_steps(result), rows, LOCAL_STEPS)


def _steps_row(point: Mapping[str, Any]) -> StepsRow:
    gain, share = point["gain"], point["share"] or {"mean": None, "ci95": None}
    gain_low, gain_high = gain["ci95"] or (None, None)
    share_low, share_high = share["ci95"] or (None, None)
    return StepsRow(
        point["steps"],
        point["elbo"]["mean"],
        gain["mean"],
        gain_low,
        gain_high,
        point["left"]["mean"],
        share["mean"],
        share_low,
        share_high,
    )


def _generalisation(summary: Mapping[str, Any], datapoints: int) -> tuple[Quantity, ...]:
    differences = summary.get("generalisation", {})
    return tuple(_quantity(name, name, GENERALISATION, values, datapoints) for name, values in differences.items())


def _worst(datapoints: pd.DataFrame) -> tuple[WorstDatapoint, ...]:
    rows = datapoints.sort_values("total_gap", ascending=False, kind="stable", na_position="last").head(_WORST)
    return tuple(_worst_row(row) for row in rows.to_dict("records"))


def _worst_row(row: Mapping[str, Any]) -> WorstDatapoint:
    return WorstDatapoint(
        index=str(row["index"]),
        split=str(row["split"]),
        elbo=float(row["elbo"]),
        elbo_star=float(row["elbo_star"]),
        log_px=float(row["log_px"]),
        amortization_gap=float(row["amortization_gap"]),
        approximation_gap=float(row["approximation_gap"]),
        total_gap=float(row["total_gap"]),
        total_gap_se=float(row["total_gap_se"]),
        status=", ".join(str(row["status"]).split(",")),
    )


def _statuses(splits: Mapping[str, Any]) -> tuple[StatusWord, ...]:
    counts: dict[str, int] = {}
    for values in splits.values():
        for word, count in values["status"].items():
            counts[word] = counts.get(word, 0) + int(count)
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return tuple(StatusWord(word, count, *STATUSES.get(word, UNKNOWN_STATUS)) for word, count in ordered)


def _provenance(run: Mapping[str, Any]) -> tuple[Facts, ...]:
    """The run's facts: plain values first, then one group for each nested part."""
    plain = {name: value for name, value in run.items() if not isinstance(value, Mapping) and name != "warnings"}
    nested = {name: value for name, value in run.items() if isinstance(value, Mapping)}
    first = [name for name in ("checkpoint", "data") if name in nested]
    groups = [Facts(_words(name), _facts(nested[name])) for name in [*first, *(n for n in nested if n not in first)]]
    return tuple(group for group in (Facts("Run", _facts(plain)), *groups) if group.facts)


def _facts(values: Mapping[str, Any]) -> tuple[Fact, ...]:
    return tuple(Fact(_words(name), _text(value)) for name, value in _flat(values))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}: ")
        else:
            yield f"{prefix}{name}", value


def _words(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _text(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(item) for item in value)
    return str(value)
