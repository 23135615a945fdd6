"""What a command says, and to whom: its answer to standard output, all else to standard error, as the user wishes.

With ``--json`` the answer is one object, and what is printed for people goes to standard error, whoever prints it: a
model's own file may, and would break the object. With ``--quiet`` only warnings, errors and that object are left.
"""

import contextlib
import io
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from gapkit.results import Result

__all__ = ["Saying", "answer", "answer_of", "made", "note", "said", "saying"]


@dataclass(frozen=True, kw_only=True)
class Saying:
    """How much a command says.

    Attributes:
        json: one object on standard output, and nothing else there.
        quiet: neither progress nor notes, nor tables for people.
        verbose: times, warnings of other libraries, and where in the code an error came from.
        answer: the object, as it grows.
        made: reports that were written, the first one first.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    answer: dict[str, Any] = field(default_factory=dict)
    made: list[Path] = field(default_factory=list)


_saying: ContextVar[Saying | None] = ContextVar("saying", default=None)


def saying() -> Saying:
    """How much the command that runs says."""
    return _saying.get() or Saying()


@contextlib.contextmanager
def said(how: Saying) -> Iterator[None]:
    """Send what the command says where it belongs; its object comes last, also where it ends with a code of its own."""
    token, true = _saying.set(how), sys.stdout
    people = sys.stderr if how.json and not how.quiet else io.StringIO() if how.quiet else true
    try:
        with contextlib.redirect_stdout(people):
            try:
                yield
            except typer.Exit:
                _write_answer(how, true)
                raise
        _write_answer(how, true)
    finally:
        _saying.reset(token)


def _write_answer(how: Saying, out: Any) -> None:
    if how.json:
        from gapkit.core.files import as_json

        out.write(as_json(how.answer) + "\n")
        out.flush()


def note(text: str) -> None:
    """Tell something that is neither the answer nor a reason to worry, on standard error."""
    if not saying().quiet:
        typer.echo(text, err=True)


def answer(**values: Any) -> None:
    """Add to the object of ``--json``."""
    saying().answer.update(values)


def made(word: str, path: Path, text: str = "") -> None:
    """Tell where something was written, with a further text; ``--json`` and ``--open`` know it too.

    Args:
        word: what it is: report, comparison, model.
        path: the file.
        text: after the path.
    """
    typer.echo(f"{word}: {path}{text}")
    how = saying()
    how.answer[word] = str(path)
    if path.suffix in (".html", ".pdf"):
        how.made.append(path)


def answer_of(result: "Result", out: Path) -> dict[str, Any]:
    """What ``--json`` gives of an analysis.

    Args:
        result: the analysis.
        out: folder of its files.

    Returns:
        ``out``; ``verdict`` and ``trust``, the sentences; ``decision``, what to do first, see
        :class:`gapkit.results.verdict.Decision`; ``summary``, as
        in summary.json, in nats; ``failed``, the datapoints without numbers; ``seconds`` of each stage; ``warnings``.
    """
    return {
        "out": str(out),
        "verdict": result.verdict(),
        "trust": result.trust(),
        "decision": asdict(result.decision()),
        "summary": result.summary_values.to_dict(),
        "failed": list(result.run.get("failed", ())),
        "seconds": result.run.get("seconds", {}),
        "warnings": list(result.run.get("warnings", ())),
    }
