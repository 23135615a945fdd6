"""``gapkit compare``: runs against each other on the datapoints they share."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gapkit.cli.folder import claim_new_folder, new_folder
from gapkit.cli.options import Overwrite
from gapkit.cli.report import FORMATS, Formats, formats_of, rendered, write_files
from gapkit.cli.saying import answer, made
from gapkit.cli.streams import console
from gapkit.core.errors import InputError
from gapkit.core.phrases import RANGE_NOTE, any_range, interval_text
from gapkit.ladder import Ladder

if TYPE_CHECKING:
    from gapkit.comparison import Comparison
    from gapkit.comparison.records import ComparedSplit, ComparisonSummary, Pair

__all__ = ["answer_of_comparison", "compare", "distinct", "print_comparison", "write_comparison"]

_BY_THEMSELVES = 3  # other runs that get a table of differences; of more, only the last does


def compare(
    runs: Annotated[list[str], typer.Argument(help="Folders of finished analyses, or NAME=FOLDER; two or more.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("gapkit-comparison"),
    formats: Formats = "html,pdf",
    overwrite: Overwrite = False,
) -> None:
    """Compare runs with the first one: paired differences of bounds and gaps, with intervals."""
    wanted = formats_of(formats)
    from gapkit.comparison import compare as run
    from gapkit.results import Result

    folders = named_folders(runs)
    claim_new_folder(out, overwrite=overwrite)
    comparison = run({name: Result.load(folder) for name, folder in folders.items()})
    with new_folder(out) as staging:
        write_comparison(staging, comparison, wanted)
    print_comparison(console(), comparison)
    answer(**answer_of_comparison(comparison, out))
    made("comparison", out / f"compare.{wanted[0]}")


def answer_of_comparison(comparison: "Comparison", out: Path) -> dict[str, Any]:
    """What ``--json`` gives of a comparison: ``out``, the sentences of each split, and what comparison.json holds."""
    summary = comparison.summary_values
    sentences = {split: comparison.sentences(split) for split in summary.splits}
    return {"out": str(out), "verdict": sentences, "summary": summary.to_dict()}


def named_folders(words: Sequence[str]) -> dict[str, Path]:
    """Read folders and NAME=FOLDER.

    Raises:
        InputError: fewer than two, an empty name, or a name or a folder that comes twice.
    """
    names: list[str | None] = []
    folders: list[Path] = []
    for word in words:
        name, equals, path = word.partition("=")
        given = bool(equals) and not os.path.exists(word)  # a folder's own name may hold a =
        if given and not (name.strip() and path):
            raise InputError(f"compare {word}", "no NAME=FOLDER", "write NAME=FOLDER, or only the folder")
        names.append(name if given else None)
        folders.append(Path(path if given else word))
    if len(folders) < 2:
        raise InputError(f"compare {', '.join(words)}", "only one run", "give the folders of two or more runs")
    places = [Path(os.path.realpath(folder)) for folder in folders]
    for place, folder in zip(places, folders, strict=True):
        if places.count(place) > 1:
            raise InputError(f"compare {folder}", "the same folder more than once", "give every run once")
    unnamed = [place for place, name in zip(places, names, strict=True) if name is None]
    by_folder = dict(zip(unnamed, distinct(unnamed, lambda part: part.name), strict=True))
    chosen = [by_folder[place] if name is None else name for place, name in zip(places, names, strict=True)]
    twice = [name for name in chosen if chosen.count(name) > 1]
    if twice:
        found = f"more than one run named {twice[0]}"
        raise InputError("compare runs", found, "give every one a name of its own, NAME=FOLDER")
    return dict(zip(chosen, folders, strict=True))


def distinct(paths: Sequence[Path], name: Callable[[Path], str]) -> list[str]:
    """Names of different paths, with as much of the folders before them as it takes to tell them apart.

    Each can be the name of a folder: it has no separator and is none of ``.`` and ``..``.

    Example:
        >>> distinct([Path("a/one/model.pt"), Path("a/two/model.pt")], lambda path: path.stem)
        ['one-model', 'two-model']
        >>> distinct([Path("a/x"), Path("b/y")], lambda path: path.name)
        ['x', 'y']
        >>> distinct([Path("/ck/...pt"), Path("/ck/a.pt"), Path("/ck/a.ckpt")], lambda path: path.stem)
        ['...pt', 'a.pt', 'a.ckpt']
    """
    deepest = max((len(path.parts) for path in paths), default=0)
    for last in (name, lambda path: str(path.name)):
        for depth in range(deepest):
            names = [
                _of_a_folder([*path.parts[:-1][max(len(path.parts) - 1 - depth, 0) :], last(path)]) for path in paths
            ]
            if len(set(names)) == len(names) and all(names):
                return names
    return [f"{number}-{_of_a_folder(path.parts)}" for number, path in enumerate(paths, 1)]


def _of_a_folder(parts: Sequence[str]) -> str:
    """One name of several parts; empty where it would be that of a folder above."""
    made = "-".join(part.strip("/\\") or "root" for part in parts)
    return made if made.strip(".") else ""


def write_comparison(
    folder: Path, comparison: "Comparison", formats: Sequence[str] = FORMATS, failed: Mapping[str, str] | None = None
) -> None:
    """Write the numbers and the reports of a comparison, all made before the first is written.

    Args:
        folder: where to write; it exists.
        comparison: of runs.
        formats: of the report.
        failed: why runs that were to be compared are missing, by name.

    Raises:
        InputError: the folder cannot be written to.
    """
    from gapkit.core.files import write_json
    from gapkit.report import build_comparison

    document = build_comparison(comparison, failed)
    files = rendered({f"compare.{name}": document for name in formats})
    write_files(folder, files)
    try:
        write_json(folder / "comparison.json", {**comparison.summary_values.to_dict(), "failed": dict(failed or {})})
    except OSError as error:
        raise InputError(f"write comparison.json to {folder}", str(error), "choose another --out") from error


def print_comparison(target: Console, comparison: "Comparison") -> None:
    """Print the means of all runs, the differences from the first, and what follows."""
    summary = comparison.summary_values
    for split, part in summary.splits.items():
        target.print(_levels(summary, split, part))
        pairs = part.differences
        for name in list(pairs) if len(pairs) <= _BY_THEMSELVES else list(pairs)[-1:]:
            target.print(_differences(name, summary.reference, split, pairs[name], summary.ladder))
        for sentence in comparison.sentences(split):
            target.print(sentence, highlight=False, markup=False)
    for note in summary.notes:
        target.print(note, highlight=False, markup=False)


def _levels(summary: "ComparisonSummary", split: str, part: "ComparedSplit") -> Table:
    ladder = summary.ladder
    title = Text(f"{split}: {part.used} datapoints finite in all runs, means in nats")
    table = Table(title=title, title_justify="left")
    table.add_column("run", overflow="fold", min_width=10)
    for rung in ladder.rungs:
        table.add_column(Text(rung.label), justify="right")
    for gap in ladder.all_gaps:
        table.add_column(Text(gap.brief or gap.label), justify="right")
    for name in summary.runs:
        values = part.levels.get(name)
        cells = [f"{values[key].mean:.3f}" for key in ladder.names] if values else ["not finite"]
        table.add_row(Text(name), *cells)
    return table


def _differences(name: str, reference: str, split: str, pair: "Pair", ladder: Ladder) -> Table:
    title = Text(f"{name} minus {reference}: {pair.used} datapoints of {split} in common, nats")
    table = Table(title=title, title_justify="left")
    for heading in ("quantity", "mean", "MC error", "95% interval", "better", "worse"):
        table.add_column(heading, justify="left" if heading == "quantity" else "right")
    shown = (*ladder.told, *ladder.rungs)
    for part in shown:
        values, label = pair.quantities[part.name], part.label
        if values.mean is None:
            table.add_row(Text(label), "not finite", "", "", "", "")
            continue
        error = values.se_monte_carlo
        table.add_row(
            Text(label),
            f"{values.mean:+z.3f}",
            "unknown" if error is None else f"{error:.3f}",
            interval_text(values),
            str(values.wins),
            str(values.losses),
        )
    if any_range(pair.quantities[part.name] for part in shown):
        table.caption, table.caption_justify = RANGE_NOTE, "left"
    return table
