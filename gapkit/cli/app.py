"""The ``gapkit`` command and how it ends.

Exit codes: 0 done; 2 bad input or a part that failed, told so; 3 done, but some datapoints have no numbers; 130
interrupted; 143 asked to end by the system.
"""

import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

from gapkit.cli.amortize import amortize
from gapkit.cli.analyze import analyze
from gapkit.cli.certify import certify
from gapkit.cli.command import given
from gapkit.cli.compare import compare
from gapkit.cli.demo import demo
from gapkit.cli.doctor import doctor
from gapkit.cli.examples import BEGIN, EXAMPLES, as_epilog
from gapkit.cli.export import export
from gapkit.cli.folder import kept, watched_claims
from gapkit.cli.habits import FlagsBothWays, with_habits
from gapkit.cli.inspect import init, inspect
from gapkit.cli.plan import plan
from gapkit.cli.refit import refit
from gapkit.cli.replacing import replacing
from gapkit.cli.report import report
from gapkit.cli.score import score
from gapkit.cli.shards import merge
from gapkit.cli.streams import tolerant_streams
from gapkit.cli.train import train
from gapkit.core.errors import GapkitWarning, InputError, printable
from gapkit.version import __version__

__all__ = ["app", "main"]

_INTERRUPTED = 130
_TERMINATED = 143
_WORDS = "gapkit.words"


class _Terminated(KeyboardInterrupt):
    """Asked to end by the system, which is answered as Ctrl-C is."""


class _Commands(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the words before they are taken apart."""
        ctx.meta[_WORDS] = tuple(args)
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an interrupted one says what it has written."""
        with given(ctx.meta[_WORDS]), replacing(), watched_claims():
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt as stop:
                word, code = ("ended", _TERMINATED) if isinstance(stop, _Terminated) else ("interrupted", _INTERRUPTED)
                typer.secho(f"gapkit: {word}; {printable(kept())}", err=True)
                raise SystemExit(code) from None


app = typer.Typer(
    cls=_Commands,
    name="gapkit",
    help="Inference-gap analysis: how far is the ELBO from log p(x), and is it the encoder or the family?",
    epilog=as_epilog(BEGIN),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _add(panel: str, command: Callable[..., None], **habits: bool) -> None:
    name = command.__name__
    epilog = as_epilog(EXAMPLES[name])
    app.command(name, cls=FlagsBothWays, rich_help_panel=panel, epilog=epilog)(with_habits(command, **habits))


_add("Begin here", demo, reports=True)
_add("Begin here", inspect, works=False, answers=False)
_add("Begin here", init, works=False, answers=False)
_add("Begin here", doctor, works=False, answers=False)
_add("Measure", analyze, reports=True)
_add("Measure", certify)
_add("Measure", score, reports=True)
_add("Measure", amortize, reports=True)
_add("Look at results", compare, reports=True)
_add("Look at results", report, reports=True)
_add("Look at results", export, works=False, answers=False)
_add("Train", train)
_add("Train", refit)
_add("Large runs", plan, works=False)
_add("Large runs", merge, reports=True)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gapkit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    typer.secho(f"warning: {printable(str(message))}", err=True, fg=typer.colors.YELLOW)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def main() -> None:
    """Run the command line; bad input ends with its explanation and exit code 2, never with a traceback."""
    tolerant_streams()
    before = signal.signal(signal.SIGTERM, _terminate)
    warnings.showwarning = _show_warning
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", GapkitWarning)
    try:
        app()
    except InputError as error:
        typer.secho(f"gapkit: {error}", err=True, fg=typer.colors.RED)
        raise SystemExit(2) from None
    except KeyboardInterrupt:  # before a command began
        typer.secho("gapkit: interrupted; nothing was written", err=True)
        raise SystemExit(_INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
