"""The table of claims as data: each claim, the contrast that tests it with its interval, and the verdict."""

import math
from typing import get_args

from gapkit.comparison import Claims, Judged, Verdict
from gapkit.report.blocks import Block, Column, Row, Table, Text
from gapkit.report.document import Document, Section

__all__ = ["build_claims", "claims_blocks"]

_COLUMNS = (
    Column("claim", "Claim", "text"),
    Column("mean", "Contrast", "text"),
    Column("ci95", "95% interval", "text"),
    Column("trainings", "Trainings", "count"),
    Column("verdict", "Verdict", "text"),
)
_NOTE = (
    "Each contrast is a mean over trainings. Its interval holds the variation between trainings and that over "
    "datapoints, each by Student's t: of few trainings it is wide where they differ. A claim holds if all of the "
    "interval is beyond its limit, and would be with perfect fits of q*. Every interval is a 95% interval by itself. "
    "Claims about the same trainings share their luck: if one is judged wrongly, others may be with it."
)


def build_claims(claims: Claims) -> Document:
    """The table as a report of its own."""
    groups = {verdict: [one.claim.text for one in claims if one.verdict == verdict] for verdict in get_args(Verdict)}
    told = [f"{verdict.capitalize()}: {'; '.join(texts)}." for verdict, texts in groups.items() if texts]
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


def _cells(one: Judged) -> tuple[str | int, ...]:
    decimals = _decimals(one)
    ends = " to ".join(_number(end, decimals) for end in one.ci95) if one.ci95 else "unknown"
    value = f"{_number(one.mean, decimals)} {one.claim.unit}".strip()
    return (one.claim.text, value, ends, len(one.trainings), one.verdict)


def _under(one: Judged) -> str:
    """What was measured, and in every training."""
    decimals = _decimals(one)
    limit = f"; the limit is {one.claim.more_than:g}" if one.claim.more_than else ""
    each = ", ".join(_number(value, decimals) for value in one.trainings)
    points = f", on {one.datapoints:,} datapoints" if one.datapoints else ""
    source = f" Claimed in: {one.claim.source}." if one.claim.source else ""
    low, high = one.left
    left = f" Perfect fits might add {_number(low, decimals)} to {_number(high, decimals)}." if _matters(one) else ""
    return f"{one.claim.contrast}{limit}. By training{points}: {each}.{left}{source}"


def _matters(one: Judged) -> bool:
    """Whether what fits may have left is worth a sentence: more than a twentieth of the interval's half width."""
    return one.ci95 is not None and one.left[1] - one.left[0] > 0.025 * (one.ci95[1] - one.ci95[0])


def _decimals(one: Judged) -> int:
    """So many that the interval's half width has two digits."""
    half = (one.ci95[1] - one.ci95[0]) / 2 if one.ci95 else abs(one.mean) / 100
    return min(6, max(0, 1 - math.floor(math.log10(half)))) if half > 0 else 3


def _number(value: float, decimals: int) -> str:
    return f"{value:z.{decimals}f}".replace("-", "\N{MINUS SIGN}")
