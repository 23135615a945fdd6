"""The section of ``benchmarks/README.md`` on models whose log p(x) is known."""

from collections.abc import Mapping
from typing import Any

__all__ = ["truth"]

_OUTCOMES = {
    "right": "bias below 0.05 nats and an rms of error over claimed error below 1.5",
    "noticed": "not right, but every datapoint that is off by more than 0.1 nats carries a status",
    "missed": "datapoints off by more than 0.1 nats say `ok`, or the verdict's advice is contradicted by the truth",
    "refused": "a check before the work stops the analysis (the numbers are of one that was told to go on)",
    "failed": "the analysis ended in an error",
}
_ADVICE = {
    "encoder": "fix the encoder",
    "family": "fix the family",
    "model": "fix the model",
    "nothing": "nothing to do",
}
_NONE = ""


def truth(found: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> str:
    """What came out on every exact model, by kind; beside what an earlier version gave, where that is known.

    Args:
        found: what ``benchmarks.truth`` wrote.
        before: the same of an earlier version.
    """
    cases, earlier = found["cases"], (before or {"cases": {}})["cases"]
    efforts = list(dict.fromkeys(effort for case in cases.values() for effort in case["efforts"]))
    lines = [
        "## Models whose log p(x) is known",
        "",
        "`python -m benchmarks.truth` (one case: `python -m benchmarks.truth ring`; names: `--list`)",
        "",
        f"{len(cases)} models with exact values, closed forms or dense quadrature (`benchmarks/exact`), 20 to 30 "
        "datapoints each, easy and hard ones; nats. " + "; ".join(f"*{n}*: {w}" for n, w in _OUTCOMES.items()) + ". "
        "z is the rms of errors over claimed errors; gradients are gradient equivalents for each datapoint, everything "
        "included (a certificate on 50 simulated datapoints, and a look at convergence, are most of it at standard, "
        "because they are shared by so few). An advice in bold is one that the truth contradicts."
        + (" *Before*: the version before searches that do not rely on the encoder." if before else ""),
        "",
        *_counts(cases, earlier, efforts),
        *_named(cases, efforts[-1] if efforts else ""),
    ]
    for effort in efforts:
        lines += ["", f"### Exact models at {effort}", "", *_table(cases, earlier, effort)]
    lines += [
        "",
        "### What the exact models are",
        "",
        "| model | kind | what is known of it | fault |",
        "|---|---|---|---|",
    ]
    for name, case in cases.items():
        lines.append(f"| {_words(name)} | {case['kind']} | {case['facts']} | {case['fault'] or _NONE} |")
    return "\n".join([*lines, ""])


def _counts(cases: Mapping[str, Any], earlier: Mapping[str, Any], efforts: list[str]) -> list[str]:
    """How many models of each kind came out how."""
    kinds = dict.fromkeys(case["kind"] for case in cases.values())
    heads = [f"{when} {effort}" for effort in efforts for when in (("before,", "now,") if earlier else ("",))]
    told = "right / noticed or refused / missed or failed"
    lines = [f"| kind | models | {' | '.join(head.strip() for head in heads)} |", f"|---|---|{'---|' * len(heads)}"]
    for kind in kinds:
        names = [name for name, case in cases.items() if case["kind"] == kind]
        cells = []
        for effort in efforts:
            for rows in (earlier, cases) if earlier else (cases,):
                outcomes = [_row(rows, name, effort).get("verdict") for name in names]
                told_of = outcomes.count("noticed") + outcomes.count("refused")
                bad = outcomes.count("missed") + outcomes.count("failed")
                cells.append(f"{outcomes.count('right')} / {told_of} / {bad}")
        lines.append(f"| {kind} | {len(names)} | {' | '.join(cells)} |")
    return [f"How many of each kind are {told}:", "", *lines, ""]


def _named(cases: Mapping[str, Any], effort: str) -> list[str]:
    """Which models are handled, only noticed, and neither."""
    by_outcome: dict[str, list[str]] = {outcome: [] for outcome in _OUTCOMES}
    for name in cases:
        outcome = _row(cases, name, effort).get("verdict")
        if outcome:
            by_outcome[outcome].append(_words(name))
    titles = {
        "right": "Handled",
        "noticed": "Only noticed",
        "missed": "Neither",
        "refused": "Refused",
        "failed": "Ended in an error",
    }
    return [f"* {titles[outcome]} at {effort}: {'; '.join(names)}." for outcome, names in by_outcome.items() if names]


def _table(cases: Mapping[str, Any], earlier: Mapping[str, Any], effort: str) -> list[str]:
    heads = ["bias", "rmse", "worst", "z", "flagged", "off, `ok`", "gradients", "s", "says"]
    past = ["bias before", "z", "off, `ok`", "gradients"] if earlier else []
    lines = [f"| model | outcome | {' | '.join([*heads, *past])} |", f"|---|---|{'---|' * len([*heads, *past])}"]
    for name in cases:
        row = _row(cases, name, effort)
        if not row:
            continue
        old = _row(earlier, name, effort)
        cells = [
            _signed(row["bias"]), _plain(row["rmse"]), _signed(row["worst"]), _plain(row["z_rms"]),
            _share(row["flagged"]), _share(row["missed"]), _whole(row["gradients"]), _whole(row["seconds"]), _says(row),
        ]  # fmt: skip
        if earlier:
            cells += [_signed(old.get("bias")), _plain(old.get("z_rms")), _share(old.get("missed"))]
            cells.append(_whole(old.get("gradients")))
        lines.append(f"| {_words(name)} | {row['verdict']} | {' | '.join(cells)} |")
    return lines


def _row(cases: Mapping[str, Any], name: str, effort: str) -> Mapping[str, Any]:
    row: Mapping[str, Any] = cases.get(name, {}).get("efforts", {}).get(effort, {})
    return row


def _says(row: Mapping[str, Any]) -> str:
    if row["error"]:
        return str(row["error"]).replace("|", "/")
    words = _ADVICE.get(row["action"], f"no advice ({row['why']})")
    return f"**{words}**" if row["contradicted"] else words


def _words(name: str) -> str:
    return name.replace("_", " ")


def _signed(value: float | None) -> str:
    if value is None:
        return _NONE
    return f"{value:+,.3f}" if abs(value) < 100 else f"{value:+,.0f}"


def _plain(value: float | None) -> str:
    if value is None:
        return _NONE
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return _NONE if value is None else f"{value:.0%}"


def _whole(value: float | None) -> str:
    return _NONE if value is None else f"{value:,.0f}"
