"""The ``gapkit`` command and how it ends: 0 done, 2 bad input or a part that failed, told so; 130 interrupted."""

import sys
import warnings
from typing import Annotated, TextIO

import typer

from gapkit.checks import GapkitWarning, InputError
from gapkit.cli.analyze import analyze
from gapkit.cli.certify import certify
from gapkit.cli.compare import compare
from gapkit.cli.demo import demo
from gapkit.cli.encoding import legible
from gapkit.cli.export import export
from gapkit.cli.refit import refit
from gapkit.cli.report import report
from gapkit.cli.score import score
from gapkit.cli.train import train
from gapkit.version import __version__

__all__ = ["app", "main"]

app = typer.Typer(
    name="gapkit",
    help="Inference-gap analysis: how far is the ELBO from log p(x), and is it the encoder or the family?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(analyze)
app.command()(compare)
app.command()(report)
app.command()(export)
app.command()(certify)
app.command()(train)
app.command()(refit)
app.command()(score)
app.command()(demo)


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
    typer.secho(f"warning: {message}", err=True, fg=typer.colors.YELLOW)


def main() -> None:
    """Run the command line; bad input ends with its explanation and exit code 2, never with a traceback."""
    legible()
    warnings.showwarning = _show_warning
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", GapkitWarning)
    try:
        app()
    except InputError as error:
        typer.secho(f"gapkit: {error}", err=True, fg=typer.colors.RED)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        typer.secho("gapkit: interrupted; nothing was written", err=True)
        raise SystemExit(130) from None
