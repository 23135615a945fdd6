"""The table of claims as data: each claim, the contrast that tests it with its interval, and the verdict."""

from collections import Counter
from typing import get_args

from gapkit.comparison import Claims, Judged, Verdict
from gapkit.report.blocks import Block, Column, Document, Interval, Row, Section, Table, Text

__all__ = ["build_claims", "claims_blocks"]

_COLUMNS = (
    Column("claim", "Claim", "text"),
    Column("mean", "Contrast", "number"),
    Column("ci95", "95% interval", "number"),
    Column("unit", "Unit", "text"),
    Column("trainings", "Trainings", "count"),
    Column("verdict", "Verdict", "text"),
)
_NOTE = (
    "Each contrast is a mean over trainings. Its interval holds the variation between trainings and that over "
    "datapoints, each by Student's t: with three trainings it is wide where they differ. A claim holds if all of the "
    "interval is beyond its limit, by more than the fits of q* may have fallen short; every interval is a 95% interval "
    "by itself, so that of many claims a few may be judged wrongly."
)
_ORDER: tuple[Verdict, ...] = get_args(Verdict)


def build_claims(claims: Claims) -> Document:
    """The table as a report of its own."""
    counts = Counter(one.verdict for one in claims)
    told = [f"{counts[verdict]} of {len(claims)}: {verdict}." for verdict in _ORDER if counts[verdict]]
    return Document(claims.title, tuple(told), (Section("claims", "Claims", claims_blocks(claims)),))


def claims_blocks(claims: Claims, name: str = "claims") -> tuple[Block, ...]:
    """The table and how to read it, for any report.

    Args:
        claims: judged.
        name: of the table, unique in the document.
    """
    rows = tuple(Row(f"{name}-{number}", _cells(one), _under(one)) for number, one in enumerate(claims, 1))
    table = Table(name, claims.title, _COLUMNS, rows, claims.note)
    return (table, Text((_NOTE,), "note"))


def _cells(one: Judged) -> tuple[str | float | int | Interval, ...]:
    ends = Interval(*one.ci95) if one.ci95 else Interval(None, None)
    return (one.claim.text, one.mean, ends, one.claim.unit, len(one.trainings), one.verdict)


def _under(one: Judged) -> str:
    """What was measured, and in every training."""
    limit = f"; the limit is {one.claim.more_than:g}" if one.claim.more_than else ""
    each = ", ".join(f"{value:.3g}" for value in one.trainings).replace("-", "\N{MINUS SIGN}")
    points = f", on {one.datapoints:,} datapoints" if one.datapoints else ""
    source = f" Claimed in: {one.claim.source}." if one.claim.source else ""
    return f"{one.claim.contrast}{limit}. By training{points}: {each}.{source}"
