"""What a run says while it works and when it ends: a bar on a terminal, plain lines elsewhere."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gapkit.cli.log import Log
from gapkit.cli.saying import note
from gapkit.core.errors import GapkitWarning, printable
from gapkit.core.phrases import RANGE_NOTE, any_range, by_its_name, interval_text
from gapkit.integrations.progress_bar import plain_lines
from gapkit.ladder import Ladder

if TYPE_CHECKING:
    from gapkit.engine import Progress as Step
    from gapkit.inputs.data import Dataset, Streamed
    from gapkit.results import Result

__all__ = ["gathered_warnings", "print_result", "progress_bar", "tell"]


@contextmanager
def progress_bar(console: Console) -> Iterator[Callable[["Step"], None]]:
    """Yield a callback for ``gapkit.analyze``: a bar with stage and time left, or about ten plain lines."""
    if not console.is_terminal:
        yield plain_lines(lambda line: console.print(line, highlight=False))
        return
    columns = (TextColumn("{task.fields[stage]:>11}"), BarColumn(), TextColumn("{task.percentage:3.0f}%"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("analyze", total=None, stage="bank")
        yield lambda step: bar.update(task, completed=step.done, total=step.total, stage=step.stage)


@contextmanager
def gathered_warnings(log: Log | None = None) -> Iterator[list[str]]:
    """Yield a list that takes the text of every warning of gapkit once; the log has them too.

    Each is shown as soon as it comes: one that comes before the work may be a reason not to begin it.
    """
    messages: list[str] = []

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = str(message)
        if issubclass(category, GapkitWarning) and text not in messages:
            messages.append(text)
            if log is not None:
                log("warning", text=text)
            typer.secho(f"warning: {printable(text)}", err=True, fg=typer.colors.YELLOW)

    with warnings.catch_warnings():
        warnings.simplefilter("always", GapkitWarning)
        warnings.showwarning = show
        yield messages


def tell(data: "Dataset | Streamed") -> None:
    """Say what the data are and what was done to them."""
    done = "as stored" if data.scaling == "none" else data.scaling
    from gapkit.core.rows import some

    seen = some(data.x)
    extent = f"values from {float(seen.min()):.4g} to {float(seen.max()):.4g} ({done})"
    split = "" if data.split == "all" else f" {data.split}"
    words = "; ".join([f"{len(data)} datapoint{'' if len(data) == 1 else 's'}, {extent}", *data.notes])
    note(f"data: {data.name}{split}, {words}")


def print_result(console: Console, result: "Result") -> None:
    """Print what to do, one table per split, and how far log p(x) can be trusted."""
    for sentence in result.verdict():
        console.print(sentence, highlight=False, markup=False)
    shown = _shown(result.ladder)
    for split, values in result.summary_values.splits.items():
        table = Table(title=f"{split}: {values.datapoints} datapoints, nats", title_justify="left")
        for heading in ("quantity", "mean", "MC error", "95% interval over datapoints"):
            table.add_column(heading, justify="left" if heading == "quantity" else "right")
        for name, label in shown.items():
            quantity = values.quantities[name]
            label = by_its_name(label, result.summary_values.target)
            if quantity.mean is None:
                table.add_row(Text(label), "not finite", "", "")
                continue
            error = quantity.se_monte_carlo
            row = (
                f"{quantity.mean:.3f}",
                "unknown" if error is None else f"{error:.3f}",
                interval_text(quantity),
            )
            table.add_row(Text(label), *row)
        if any_range(values.quantities[name] for name in shown):
            table.caption, table.caption_justify = RANGE_NOTE, "left"
        console.print(table)
    for sentence in result.trust():
        console.print(sentence, highlight=False, markup=False)


def _shown(ladder: Ladder) -> dict[str, str]:
    """Rungs, gaps and bounds of one's own by the name of their column; words beside the rungs start at one place."""
    top, *lower = ladder.rungs
    width = max(len(rung.label) for rung in lower)
    rungs = {rung.name: f"{rung.label:<{width}}  {rung.brief or rung.words}".rstrip() for rung in lower}
    gaps = {gap.name: gap.labelled for gap in ladder.all_gaps}
    own = {bound.name: bound.label for bound in ladder.further if bound.kind == "estimate"}
    return {top.name: top.label, **rungs, **gaps, **own}
