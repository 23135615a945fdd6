"""``gapkit certify``: is AIS close to the truth on this model? A lower and an upper bound on simulated data."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gapkit.cli.command import command
from gapkit.cli.console import progress_bar
from gapkit.cli.folder import claim_file
from gapkit.cli.options import Allow, Checkpoint, Condition, Device, Effort, LabelColumn, OverwriteFile, Seed
from gapkit.cli.reading import reads_model
from gapkit.cli.replacing import require_ours
from gapkit.cli.saying import answer, made
from gapkit.cli.streams import console
from gapkit.core.errors import InputError
from gapkit.sources import DataSource, ModelSource, checkpoint_facts

__all__ = ["certify"]


@reads_model
def certify(
    checkpoint: Checkpoint,
    reading: ModelSource,
    datapoints: Annotated[int, typer.Option(help="How many datapoints to simulate.")] = 100,
    data: Annotated[
        str | None,
        typer.Option(help="Of a conditional model: data whose conditions are simulated with, as gapkit analyze takes."),
    ] = None,
    condition: Condition = None,
    split: Annotated[str, typer.Option(help="Of the data: test or train.")] = "test",
    label_column: LabelColumn = None,
    effort: Effort = "standard",
    allow: Allow = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(help="File to write the summary to, .json.")] = None,
    overwrite: OverwriteFile = False,
) -> None:
    """Bracket log p(x) of data simulated from the model: forward AIS from below, backward AIS from above."""
    if out is not None:
        if overwrite:
            require_ours(out, _is_certificate)
        claim_file(out, f"write the certificate to {out}", replaced=overwrite)
    if (data is None) != (condition is None):
        one, other = ("--condition", "--data") if data is None else ("--data", "--condition")
        do = "give both for a conditional model (conditions lie beside data), and none of them for any other"
        raise InputError("the conditions of data to simulate", f"{one} without {other}", do)
    wanted = DataSource(source=data, splits=(split,), condition=condition, label_column=label_column, bank_data=0)
    wanted.check()
    from gapkit.core.files import write_json
    from gapkit.engine import certify as run

    source = reading.at(checkpoint)
    loaded = source.open()
    opened = wanted.open(loaded, whole=True) if data is not None else None
    with progress_bar(console(errors=True)) as progress:
        found = run(
            loaded.model,
            num_datapoints=datapoints,
            effort=effort,
            seed=seed,
            device=device,
            allow=tuple(allow or ()),
            condition=opened.condition[split] if opened and opened.condition else None,
            progress=progress,
        )
    console().print(found.sentence(), highlight=False, markup=False)
    answer(verdict=found.sentence(), summary=found.summary_values.to_dict(), settings=found.settings)
    if out is not None:
        facts = {
            "summary": found.summary_values.to_dict(),
            "checkpoint": checkpoint_facts(loaded),
            **source.facts(),
            "settings": found.settings,
            "condition": condition,
            "source": {
                "model": source.found(loaded).to_dict(),
                **({"data": opened.source.to_dict()} if opened else {}),
            },
            "command": command(),
        }
        write_json(out, facts)
        made("certificate", out)


def _is_certificate(path: Path) -> bool:
    """Whether a file is what this command writes, by the command that it names."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    words = values.get("command") if isinstance(values, dict) else None
    ours = {"summary", "checkpoint", "settings", "condition", "source", "command"}
    more = {"model", "likelihood", "model_options"}
    return isinstance(words, list) and words[:2] == ["gapkit", "certify"] and ours <= set(values) <= ours | more
