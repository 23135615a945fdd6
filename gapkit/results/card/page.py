"""The card as HTML: one element with its own style, which takes its colours from the page around it."""

import html
from collections.abc import Mapping

from gapkit.core.means import Mean
from gapkit.core.phrases import RANGE_NOTE, any_range, by_its_name, interval_text
from gapkit.ladder import Ladder, gaps_of_fits
from gapkit.results.card.rows import Line, lines
from gapkit.results.card.sketch import sketches
from gapkit.results.records import Split, Summary
from gapkit.results.verdict import trust, verdict

__all__ = ["card"]

# Text, dots and lines have the page's own colour and bars two that stand out on white and on black, so that no theme
# has to be known. The selectors are longer than Jupyter's, which would stripe the rows and align numbers its own way.
_STYLE = """
.gapkit-card{max-width:60em;line-height:1.45}
.gapkit-card .gapkit-title{opacity:.75;margin:0 0 .3em}
.gapkit-card p{margin:0 0 .5em}
.gapkit-card p.gapkit-lead{font-weight:600}
.gapkit-card ul{margin:.2em 0 .6em;padding-left:1.3em}
.gapkit-card li{margin:0 0 .25em}
.gapkit-card details{margin:.3em 0}
.gapkit-card summary{cursor:pointer}
.gapkit-card .gapkit-scroll{overflow-x:auto;margin:.5em 0}
.gapkit-card table.gapkit-table{border-collapse:collapse;border:0;margin:0;table-layout:auto;font-size:1em}
.gapkit-card table.gapkit-table tr{background:transparent;border:0}
.gapkit-card table.gapkit-table th,.gapkit-card table.gapkit-table td{height:1.9em;padding:0 .9em 0 0;
border:0;color:inherit;background:transparent;text-align:left;vertical-align:middle;font-weight:400;white-space:nowrap;max-width:none}
.gapkit-card table.gapkit-table thead th{opacity:.75;padding-bottom:.3em}
.gapkit-card table.gapkit-table .gapkit-number{text-align:right;font-variant-numeric:tabular-nums}
.gapkit-card table.gapkit-table td.gapkit-span{white-space:normal}
.gapkit-card table.gapkit-table tr.gapkit-rung th b{font-weight:600}
.gapkit-card table.gapkit-table tr.gapkit-total>*{border-top:1px solid rgba(127,127,127,.5)}
.gapkit-card small{opacity:.75;font-size:.9em}
.gapkit-card svg{display:block;overflow:visible}
.gapkit-card svg .rung{fill:currentColor}
.gapkit-card svg .side{fill:none;stroke:currentColor;stroke-width:1.4}
.gapkit-card svg .guide{stroke:currentColor;stroke-width:1;stroke-dasharray:1 3;opacity:.7;fill:none}
.gapkit-card svg .whisker{stroke:currentColor;stroke-width:1.3;fill:none}
"""
# Of the bars, by whose gap it is; several gaps of one part have the colours in turn.
_FILLS = {
    "family": ("fill:#2b86c4", "fill:#5aa9dd"),
    "encoder": ("fill:#d55e00", "fill:#b5741f"),
    "other": ("fill:#2f9e78", "fill:#a66bb5", "fill:#8a8d2b"),
    "total": ("fill:currentColor;opacity:.35",),
}

_NOTE = (
    "In nats. ± is the standard error over datapoints, sampling noise included, and for {} "
    "what the fits of q* may have left. Whiskers are the 95% intervals of the "
    "gaps, which are differences within each datapoint; those of the bounds are far wider."
)
_MORE = (
    "More: <code>.plot.ladder()</code>, <code>.summary</code>, <code>.table</code>, <code>.report('page.html')</code>."
)


def card(summary: Summary) -> str:
    """The verdict in sentences, the ladder as a table with pictures, and how far log p(x) can be trusted.

    Args:
        summary: of an analysis.

    Returns:
        One HTML element, without scripts; names from elsewhere are text in it, never markup.
    """
    (first, values), *others = summary.splits.items()
    ladder = summary.ladder
    lead, *further = (_prose(sentence) for sentence in verdict(summary))
    parts = [
        f'<p class="gapkit-title">gapkit · {_heading(first, values)}</p>',
        f'<p class="gapkit-lead">{lead}</p>',
        _list(further),
        _table(values.quantities, ladder),
    ]
    parts += [
        f"<details><summary>{_heading(split, its)}</summary>{_table(its.quantities, ladder)}</details>"
        for split, its in others
    ]
    trusted = [_prose(sentence) for sentence in trust(summary)]
    if trusted:
        parts.append(f"<details><summary>How far log p(x) can be trusted</summary>{_list(trusted)}</details>")
    style, note = f"{_STYLE}{_fills(ladder)}", html.escape(_NOTE.format(gaps_of_fits(ladder)))
    page = f'<div class="gapkit-card"><style>{style}</style>{"".join(parts)}<small>{note} {_MORE}</small></div>'
    return by_its_name(page, summary.target)


def _fills(ladder: Ladder) -> str:
    """A line of style for the bars of each gap."""
    lines, used = [], dict.fromkeys(_FILLS, 0)
    for gap in ladder.all_gaps:
        choice = _FILLS[gap.part]
        lines.append(f".gapkit-card svg .{gap.name}{{{choice[used[gap.part] % len(choice)]}}}\n")
        used[gap.part] += 1
    return "".join(lines)


def _heading(split: str, values: Split) -> str:
    count = values.datapoints
    return f"{html.escape(str(split))}: {count:,} datapoint{'' if count == 1 else 's'}"


def _prose(sentence: str) -> str:
    return html.escape(sentence)


def _list(sentences: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{sentence}</li>' for sentence in sentences)}</ul>" if sentences else ""


def _table(quantities: Mapping[str, Mean], ladder: Ladder) -> str:
    shown = lines(quantities, ladder)
    pictures = sketches(quantities, shown, ladder)
    rows = [
        _row(line, quantities[line.name], pictures[number] if pictures else None) for number, line in enumerate(shown)
    ]
    head = "".join(f'<th scope="col" class="gapkit-number">{text}</th>' for text in ("mean", "95% interval"))
    head += '<th scope="col">further right is better</th>' if pictures else ""
    table = f'<table class="gapkit-table"><thead><tr><td></td>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    apart = not pictures and all(quantities[line.name].mean is not None for line in shown)
    why = "<p>There is no picture because the means are not over the same datapoints.</p>" if apart else ""
    few = f"<p>{RANGE_NOTE}</p>" if any_range(quantities[line.name] for line in shown) else ""
    return f'<div class="gapkit-scroll">{table}</div>{few}{why}'


def _row(line: Line, values: Mean, picture: str | None) -> str:
    mean, interval = "not finite", ""
    if values.mean is not None:
        mean = f"{values.mean:z.3f}" + ("" if values.error is None else f" ± {values.error:.3f}")
        interval = interval_text(values)
    cells = f'<td class="gapkit-number">{mean}</td><td class="gapkit-number gapkit-span">{interval}</td>'
    cells += "" if picture is None else f"<td>{picture}</td>"
    label, meaning = html.escape(line.label), html.escape(line.meaning)
    return f'<tr class="gapkit-{line.kind}"><th scope="row"><b>{label}</b> <small>{meaning}</small></th>{cells}</tr>'
