"""A series of checkpoints: all analysed alike, each into a folder of its own, and compared with the first."""

import glob
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from gapkit.cli.compare import answer_of_comparison, distinct, print_comparison, write_comparison
from gapkit.cli.folder import kept
from gapkit.cli.saying import answer, answer_of, made
from gapkit.cli.streams import console
from gapkit.core.errors import InputError, printable

if TYPE_CHECKING:
    from gapkit.results import Result

__all__ = ["analyze_series", "default_folder", "find_checkpoints", "stem_of", "steps_of", "told_step"]

Analysis = Callable[[Path, Path, "Result | None"], "Result"]
Send = Callable[["Result", Path, int | None], None]


def find_checkpoints(words: Sequence[str]) -> list[Path]:
    """Files, folders and patterns as paths, every one once; patterns are for shells that leave them as they are.

    Raises:
        InputError: a pattern that nothing matches.
    """
    from gapkit.comparison import natural

    paths: list[Path] = []
    for word in words:
        if os.path.exists(word) or not glob.has_magic(word):
            paths.append(Path(word))
            continue
        found = [Path(name) for name in glob.glob(os.path.expanduser(word), recursive=True) if os.path.isfile(name)]
        if not found:  # folders, of which many hold no model, only where nothing else is meant
            found = [Path(name) for name in glob.glob(os.path.expanduser(word)) if os.path.isdir(name)]
        if not found:
            raise InputError(
                f"checkpoints {word}", "no file or folder that matches", "check the pattern and the folder"
            )
        paths += sorted(found, key=lambda path: natural(str(path)))
    first: dict[str, Path] = {}
    for path in paths:
        first.setdefault(os.path.realpath(path), path)
    return list(first.values())


def default_folder(paths: Sequence[Path]) -> Path:
    """Where the results go if nothing is said: after the checkpoint, or after the folder of a series.

    Example:
        >>> str(default_folder([Path("a/vae.pt")])), str(default_folder([Path("a/1.pt"), Path("a/2.pt")]))
        ('gapkit-vae', 'gapkit-a')
    """
    if len(paths) == 1:
        return Path(f"gapkit-{stem_of(paths[0])}")
    folders = {path.parent.name for path in paths}
    name = folders.pop() if len(folders) == 1 else ""
    return Path(f"gapkit-{name or 'series'}")


def stem_of(path: Path) -> str:
    """The name of a checkpoint without the ending of a file; of a folder, its own name, also where it is called ".".

    Example:
        >>> stem_of(Path("a/vae.pt"))
        'vae'
    """
    return os.path.basename(os.path.realpath(path)) if os.path.isdir(path) else path.stem


def analyze_series(
    paths: Sequence[Path],
    out: Path,
    run: Analysis,
    publish: Callable[["Result", Path], None],
    send: Send | None = None,
) -> None:
    """Analyse checkpoints one after the other, then compare them; the others go on where one fails.

    Args:
        paths: the checkpoints.
        out: folder for the runs' folders and for the comparison.
        run: analyses a checkpoint, keeping what is done in a folder, on the data of an earlier result if there is one.
        publish: writes a result to a folder.
        send: sends a result that is in a folder, with its step, to where the whole series is tracked.

    Raises:
        InputError: every checkpoint fails.
        typer.Exit: with code 2, after all is written, if some fail.
    """
    results, failed = dict[str, "Result"](), dict[str, str]()
    try:
        for number, (name, path) in enumerate(zip(distinct(paths, stem_of), paths, strict=True), 1):
            console(errors=True).print(f"{number} of {len(paths)}: {path}", highlight=False, markup=False)
            try:
                result = run(path, out / name, next(iter(results.values()), None))
                publish(result, out / name)
            except Exception as error:  # whatever a user's model does, the other checkpoints are worth having
                why = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
                told = "for the same reason" if why in failed.values() else f"\n{why}"
                typer.secho(printable(f"gapkit: {path} failed {told}"), err=True, fg=typer.colors.RED)
                failed[name] = why
                continue
            results[name] = result
            answer(runs={each: answer_of(kept, out / each) for each, kept in results.items()}, failed=failed)
            console().print(f"{name}: {_gaps(result)}", highlight=False, markup=False)
        if not results:
            found = f"none of the {len(paths)} could be analysed, for the reasons above"
            raise InputError("a series of checkpoints", found, "see what to do for the first one")
        _compare(results, out, failed)
        if send is not None:
            for name, step in steps_of(results).items():
                send(results[name], out / name, step)
    except KeyboardInterrupt:
        typer.secho(printable(f"gapkit: interrupted; {_finished(results, out)}"), err=True)
        raise SystemExit(130) from None
    if failed:
        typer.secho(
            f"gapkit: {len(failed)} of {len(paths)} checkpoints failed: {', '.join(failed)}", err=True, fg="red"
        )
        raise typer.Exit(2)


def _gaps(result: "Result") -> str:
    from gapkit.results.verdict import plus_minus

    quantities = result.summary_values.quantities
    total, *parts = result.ladder.told
    if quantities[total.name].mean is None:
        return "no finite numbers"
    return f"{', '.join(f'{gap.label} {plus_minus(quantities[gap.name])}' for gap in parts)} nats"


def _compare(results: Mapping[str, "Result"], out: Path, failed: Mapping[str, str]) -> None:
    from gapkit.comparison import compare
    from gapkit.core.files import write_json

    if len(results) < 2:
        write_json(out / "comparison.json", {"failed": failed})
        console().print("With one run there is nothing to compare.")
        return
    comparison = compare(in_order(results))
    write_comparison(out, comparison, failed=failed)
    print_comparison(console(), comparison)
    answer(comparison=answer_of_comparison(comparison, out))
    made("comparison", out / "compare.html")


def in_order(results: Mapping[str, "Result"]) -> dict[str, "Result"]:
    """By how far their training was where all say so, else by the natural order of their names."""
    from gapkit.comparison import find_series, natural

    series = find_series(results)
    if series:
        return {name: results[name] for name in series.numbers}
    return {name: results[name] for name in sorted(results, key=natural)}


def told_step(result: "Result") -> int | None:
    """The epoch of a result's checkpoint, else its step, as the file or its name tells; None if neither does."""
    from gapkit.comparison import numbers_of

    told = numbers_of(result.run)
    return told.get("epoch", told.get("step"))


def steps_of(results: Mapping[str, "Result"]) -> dict[str, int]:
    """A step for every run, in the order of :func:`in_order`: epochs or steps that differ, else positions from 1."""
    from gapkit.comparison import find_series, numbers_of

    ordered = in_order(results)
    series = find_series(results)
    told = [series.numbers] if series else []
    numbers = {name: numbers_of(result.run) for name, result in ordered.items()}
    for axis in ("epoch", "step"):
        told.append({name: found[axis] for name, found in numbers.items() if axis in found})
    for steps in told:
        if len(set(steps.values())) == len(results):
            return {name: steps[name] for name in sorted(steps, key=lambda name: steps[name])}
    return {name: position for position, name in enumerate(ordered, 1)}


def _finished(results: Mapping[str, "Result"], out: Path) -> str:
    if not results:
        return kept()
    runs = f"{len(results)} finished run{'' if len(results) == 1 else 's'} in {out}: {', '.join(results)}"
    return f"{runs}; run the same command with --resume to go on"
