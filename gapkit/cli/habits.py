"""What every command can do beside its own work: settings from a file, an answer for programs, less or more words.

:func:`with_habits` gives a command these options and puts its help into panels.
"""

import functools
import inspect
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperOption

from gapkit.cli.command import written_out
from gapkit.cli.panels import in_panel, literal
from gapkit.cli.places import read_by
from gapkit.cli.replacing import sparing
from gapkit.cli.saying import Saying, said
from gapkit.cli.settings import Setting, as_toml, as_words, read_settings, settings_of
from gapkit.core.errors import InputError, printable

__all__ = ["FlagsBothWays", "with_habits"]

_JSON = Annotated[
    bool, typer.Option("--json", help="Print the answer as one JSON object, and all else to standard error.")
]
_QUIET = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but warnings, errors and --json.")]
_VERBOSE = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Say more: seconds, other libraries' warnings, where an error came from."),
]
_OPEN = Annotated[bool, typer.Option("--open", help="Open the report in the browser when it is written.")]
_PRINT = Annotated[
    bool, typer.Option("--print-config", help="Print the settings of this command as a --config file, and stop.")
]
_OF_ALL = ("config", "print_config")
_ONCE = ("help", "print_config")  # flags that end a command, of which no file has one


def with_habits(
    command: Callable[..., None], *, works: bool = True, reports: bool = False, answers: bool = True
) -> Callable[..., None]:
    """Give a command ``--config`` and ``--print-config``, and more where it makes sense.

    Args:
        command: as typer takes it.
        works: whether it takes its time and tells how far it is: ``-q`` and ``-v``.
        reports: whether it writes a report: ``--open``.
        answers: whether it has an answer in numbers: ``--json``.
    """
    own = [in_panel(parameter) for parameter in inspect.signature(command).parameters.values()]

    @functools.cache
    def known() -> dict[str, Setting]:  # when it is asked for: help need not wait
        found = settings_of([*own, *further])
        return {key: setting for key, setting in found.items() if setting.name not in _OF_ALL}

    given = {"config": (_config_option(known), None), "print_config": (_PRINT, False)}
    if works:
        given |= {"quiet": (_QUIET, False), "verbose": (_VERBOSE, False)}
    if answers:
        given["as_json"] = (_JSON, False)
    if reports:
        given["open_report"] = (_OPEN, False)
    further = [
        in_panel(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind))
        for name, (kind, default) in given.items()
    ]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *further]

    @functools.wraps(command)
    def run(*, context: typer.Context, **values: Any) -> None:
        read = context.default_map or {}
        from_file = {name for name in values if name in read and _is_of_file(context, name)}
        values |= {name: read[name] for name in values if name in read and values[name] in ((), [], None)}
        if values["print_config"]:
            typer.echo(as_toml(context.info_name or "", values, known()), nl=False)
            return
        added = as_words({name: values[name] for name in from_file}, known())
        asked = {name: values.pop(name) for name in given}
        how = Saying(
            json=asked.get("as_json", False), quiet=asked.get("quiet", False), verbose=asked.get("verbose", False)
        )
        repeated = written_out(added) if asked["config"] is not None else nullcontext()
        with _told_more(how), said(how), sparing(tuple(read_by(values))), repeated:
            command(**values)
            _tell_seconds(how)
        if asked.get("open_report"):
            _open(how.made)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__doc__ = literal(inspect.getdoc(command) or "")
    return run


def _is_of_file(context: typer.Context, name: str) -> bool:
    """Whether a parameter has the value of the settings file, and neither one of its own nor just its default."""
    return getattr(context.get_parameter_source(name), "name", "") in ("DEFAULT_MAP", "DEFAULT")


class FlagsBothWays(TyperCommand):
    """A command each of whose flags can be switched off too, ``--no-FLAG``, which a settings file may have switched on.

    Help names only the flags.
    """

    def make_parser(self, ctx: Any) -> Any:
        """Let the parser know the negative forms."""
        parser = super().make_parser(ctx)
        for option in self.params:
            long = next((word for word in option.opts if word.startswith("--")), "")
            if not isinstance(option, TyperOption) or not option.is_flag or option.name in _ONCE:
                continue
            if long and not option.secondary_opts:
                off = f"--no-{long.removeprefix('--')}"
                parser.add_option(option, [off], dest=option.name, action="store_const", const=False)
        return parser


def _config_option(known: Callable[[], dict[str, Setting]]) -> Any:
    """``--config``, which is read before all other options: what they lack is taken from the file."""

    def read(context: typer.Context, path: Path | None) -> Path | None:
        if path is not None and not context.resilient_parsing:
            context.default_map = {**(context.default_map or {}), **read_settings(path, known())}
            for parameter in context.command.params:
                if parameter.name in context.default_map:
                    parameter.required = False
        return path

    words = (
        "Take options from this TOML file, such as limit = 100; those of the command line go before it, and --no-FLAG "
        "switches off a flag."
    )
    return Annotated[Path | None, typer.Option("--config", help=words, is_eager=True, callback=read)]


def _tell_seconds(how: Saying) -> None:
    seconds = how.answer.get("seconds")
    if how.verbose and isinstance(seconds, dict):
        typer.echo(f"seconds: {', '.join(f'{stage} {spent:.1f}' for stage, spent in seconds.items())}", err=True)


class _told_more:
    """With ``-v``: where in the code an error came from, and warnings of other libraries."""

    def __init__(self, how: Saying) -> None:
        self._verbose = how.verbose

    def __enter__(self) -> None:
        if self._verbose and not sys.warnoptions:
            import warnings

            warnings.simplefilter("default")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._verbose and isinstance(error, InputError):
            import traceback

            typer.echo(printable("".join(traceback.format_exception(error))), err=True, nl=False)


def _open(made: list[Path]) -> None:
    """Show a report in the browser of the user; one that cannot be shown is no error: it is written."""
    if not made:
        typer.echo("--open: there is no report to open (--format none)", err=True)
        return
    import webbrowser

    page = next((path for path in made if path.suffix == ".html"), made[0])
    if not webbrowser.open(page.absolute().as_uri()):
        typer.echo(f"--open: no browser was found; open {page} yourself", err=True)
