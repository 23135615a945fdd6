"""``gapkit doctor``: everything that is checked before an analysis, and what mends it, in seconds."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gapkit.cli.asking import asks_job
from gapkit.cli.job import Job
from gapkit.cli.keeping import use_threads
from gapkit.cli.streams import console
from gapkit.core.errors import InputError, printable

if TYPE_CHECKING:
    from gapkit.engine import Checked

__all__ = ["doctor"]

_COLORS = {"ok": "green", "note": "cyan", "warning": "yellow", "allowed": "yellow", "error": "red"}


@asks_job
def doctor(
    checkpoint: Annotated[Path, typer.Argument(help="The trained model's file or folder.")],
    job: Job,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """Check a model and its data as before an analysis: a line for each check, with what mends it.

    Takes what gapkit analyze takes, and some seconds. Ends with code 2 where an analysis would be refused.
    """
    from gapkit.engine import Checked

    use_threads(job.threads)
    try:
        lines = job.checkup(checkpoint, console(errors=True))
    except InputError as error:
        if not as_json:
            raise
        lines = [Checked("contract", "error", error.asked, error.found, error.do)]
    wrong = any(line.level == "error" for line in lines)
    if as_json:
        typer.echo(json.dumps({"sound": not wrong, "checks": [line.to_dict() for line in lines]}, indent=1))
    else:
        for line in lines:
            _show(line)
        counted = {level: sum(line.level == level for line in lines) for level in _COLORS}
        typer.echo(", ".join(f"{count} {level}" for level, count in counted.items() if count))
    if wrong:
        raise typer.Exit(2)


def _show(line: "Checked") -> None:
    from rich.text import Text

    text = Text(f"{line.level:8s}", style=_COLORS[line.level])
    text.append(f"{line.check}: ", style="bold")
    text.append(printable(line.asked))
    if line.found:
        text.append(printable(f"\n         found: {line.found}"))
    if line.do:
        text.append(printable(f"\n         to do: {line.do}"))
    console().print(text)
