"""The report of a study of amortization: the answer, inference functions and what they lose, checks, the ladder."""

from gapkit.plots.amortization import amortization
from gapkit.report.analysis import build
from gapkit.report.blocks import Block, Caption, Column, Fact, Facts, FactSheet, Figure, Row, Table
from gapkit.report.blocks import Text as Words
from gapkit.report.document import Document, Section
from gapkit.report.figures import as_svg
from gapkit.results.amortization import Amortization, Study
from gapkit.results.verdict import number

__all__ = ["build_amortization"]

_CAPTION = Caption(
    "How to read: a mark is the best function of its class; lower is better, below the dashed line is good enough.",
    "The gap is L[F-VI] minus L[A-VI] of the whole data set, in nats. Hollow marks are at or below the axis's end. The "
    "dotted line is what one factor for all datapoints loses.",
)
_NOTE = (
    "Each function was fitted with theta's own factor; datapoints without a whole window have factors of their own. "
    "A function that sees more can lose more only where its fit is worse. The functions are judged on the data they "
    "were fitted to: the gaps say what a class can reach on these data, and not how it does on others."
)


def build_amortization(found: Amortization) -> Document:
    """Collect what the report says about a study."""
    study = found.study
    own = Section("functions", "Inference functions and what they lose", _functions(found))
    checks = Section("checks", "Structure and diagnostics", (FactSheet((_structure(study), _diagnostics(study))),))
    bounds = build(found.result)
    pictures = bounds.lead.figures if bounds.lead else ()
    ladder = Section("ladder", "The ladder of bounds", (*pictures, bounds.table("gaps-1")))
    kept = tuple(part for part in bounds.sections if part.name in ("definitions", "provenance"))
    title = f"Amortized against factorized inference: {study.model}"
    return Document(title, tuple(found.verdict()), (own, checks, ladder, *kept))


def _functions(found: Amortization) -> tuple[Block, ...]:
    study = found.study
    rows = tuple(
        Row(one.label, (one.capacity, one.window, one.inputs, one.elbo, one.gap, one.error, one.gap / study.datapoints))
        for one in study.candidates
    )
    table = Table(
        "functions-table",
        f"Amortization gaps in nats of {study.datapoints:,} datapoints",
        (
            Column("capacity", "Function", "text"),
            Column("window", "Sees", "text"),
            Column("inputs", "Inputs", "count"),
            Column("elbo", "L[A-VI]"),
            Column("gap", "Gap"),
            Column("error", "Monte Carlo error"),
            Column("each", "Gap a datapoint"),
        ),
        rows,
    )
    alt = "; ".join(f"{one.label}: {number(one.gap, 3)} nats" for one in study.candidates)
    figure = Figure(
        "functions", as_svg(lambda: amortization(found), "functions"), _CAPTION, f"Amortization gaps. {alt}"
    )
    return figure, table, Words((_NOTE,), "note")


def _structure(study: Study) -> Facts:
    meets = {None: "all others", 0: "none"}.get(study.reach, f"those up to {study.reach} away")
    sees = ", ".join(f"x[n{offset:+d}]" if offset else "x[n]" for offset in study.offsets) or "none"
    return Facts(
        "What meets in the model",
        (
            Fact("other z that z[n] meets", meets),
            Fact("x that z[n] meets", sees),
            Fact("all terms are one function", "yes" if study.same else "no, or too few datapoints to say"),
            Fact("ideal window", study.ideal or "none is promised"),
        ),
    )


def _diagnostics(study: Study) -> Facts:
    repeats = study.repeats
    return Facts(
        "Diagnostics",
        (
            Fact("F-VI steps from the chosen function gain", f"{number(study.polish.gain, 4)} nats"),
            Fact("one more sweep on F-VI's optimum gains", f"{number(study.fixed_point, 4)} nats"),
            Fact("groups of equal inputs", f"{repeats.groups}, of which {repeats.differing} with optima that differ"),
            Fact("one factor for all loses", f"{number(study.constant, 3)} nats"),
            Fact("bounds", study.objective),
            Fact("log p(x)", study.evidence),
        ),
    )
