"""``--track``: results go to experiment trackers, which are opened before the work begins and never cost a result."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from gapkit.results import Result
    from gapkit.trackers import Tracker

__all__ = ["Tracking", "tracking"]

_FILES = ("tensorboard", "mlflow")  # what they are given may be a place on disk


@dataclass(frozen=True)
class Tracking:
    """Trackers that are open.

    Attributes:
        trackers: by the names they were asked for with.
        failed: names of those that something did not reach.
    """

    trackers: "Mapping[str, Tracker]"
    failed: list[str] = field(default_factory=list)

    def send(self, result: "Result", folder: Path, step: int | None) -> None:
        """Send a result that is saved already to every tracker; one that fails is told and does not stop the others.

        Args:
            result: of an analysis.
            folder: where it is saved.
            step: where it stands in its training, None if that is not known.

        Raises:
            SystemExit: with code 130, if interrupted.
        """
        place = str(folder)
        for name, tracker in self.trackers.items():
            from gapkit.trackers import track  # here, so that nothing is imported where nothing is tracked

            again = f"track(Result.load({place!r}), tracker({_full(name)!r}), step={step}, folder={place!r})"
            do = f"mend this and, as nothing in {place} is lost, send it from Python: {again}"
            with self._told(f"send {folder} to {name}", name, do):
                track(result, tracker, step, folder)
                typer.echo(f"tracked: {name}" + ("" if step is None else f", step {step}"))

    def close(self, name: str) -> None:
        """Close a tracker.

        Raises:
            SystemExit: with code 130, if interrupted.
        """
        with self._told(f"close {name}", name, "look at what has arrived there; no file on disk is touched"):
            self.trackers[name].close()

    @contextlib.contextmanager
    def _told(self, asked: str, name: str, do: str) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            typer.secho(f"gapkit: interrupted; what was written is kept, but may not have reached {name}", err=True)
            raise SystemExit(130) from None
        except Exception as error:  # whatever a tracker's library does, the results are there
            self.failed.append(name)
            told = InputError(asked, f"{type(error).__name__}: {error}", do)
            typer.secho(f"gapkit: {told}", err=True, fg=typer.colors.RED)


@contextlib.contextmanager
def tracking(names: Sequence[str], out: Path) -> Iterator[Tracking]:
    """Open trackers, and close them whatever happens.

    Args:
        names: as :func:`gapkit.trackers.tracker` takes them; the colon may be left out where nothing follows it.
        out: folder of the results, where no tracker may write.

    Raises:
        InputError: no such tracker, its package is not installed, or it cannot be opened.
        typer.Exit: with code 2, after all is done, if something did not reach a tracker.
    """
    opened: dict[str, Tracker] = {}
    trackers = Tracking(opened)
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys(names):
            from gapkit.trackers import tracker

            _check_place(name, out)
            opened[name] = tracker(_full(name))
            stack.callback(trackers.close, name)
        yield trackers
    if trackers.failed:
        raise typer.Exit(2)


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:"


def _check_place(name: str, out: Path) -> None:
    kind, _, where = name.partition(":")
    if "://" in where and not where.startswith(("sqlite:///", "file://")):
        return  # a server
    place = Path(where.removeprefix("sqlite:///").removeprefix("file://"))
    if kind in _FILES and where and Path(os.path.realpath(place)).is_relative_to(os.path.realpath(out)):
        found = f"a place in {out}, which is for the results alone"
        raise InputError(f"--track {name}", found, "choose another place, or another --out")
