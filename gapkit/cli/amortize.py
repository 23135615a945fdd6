"""``gapkit amortize``: a hierarchical model of the user's, and which inference function it needs."""

from pathlib import Path
from typing import Annotated

import typer

from gapkit.cli.folder import claim_new_folder, new_folder
from gapkit.cli.options import DataKey, Overwrite, Seed
from gapkit.cli.places import require_places
from gapkit.cli.publish import tell_made
from gapkit.cli.report import formats_of, rendered, write_files
from gapkit.cli.saying import answer
from gapkit.cli.streams import console
from gapkit.core.errors import InputError

__all__ = ["amortize"]


def amortize(
    model: Annotated[str, typer.Argument(help="file.py:NAME or package.module:NAME of a HierarchicalModel.")],
    data: Annotated[str, typer.Option(help="One row for each datapoint: .csv, .npy, .npz, .pt, .parquet, or a name.")],
    model_arg: Annotated[list[str] | None, typer.Option(help="KEY=VALUE for the model; repeat.")] = None,
    data_key: DataKey = None,
    limit: Annotated[int | None, typer.Option(help="Only the first datapoints.", min=2)] = None,
    half_widths: Annotated[str, typer.Option(help="Of windows to try where latents meet each other.")] = "0,1,2,3",
    widths: Annotated[
        str | None,
        typer.Option(help="Of networks to try, or none.", show_default="4,16; none where a linear function is best"),
    ] = None,
    worth: Annotated[float, typer.Option(help="Nats of the whole data set that are worth acting on.", min=0.0)] = 1.0,
    steps: Annotated[int, typer.Option(help="Gradient steps of each fit.", min=1)] = 600,
    seed: Seed = 0,
    formats: Annotated[str, typer.Option("--format", help="Of the report: html, pdf, both, or none.")] = "html,pdf",
    out: Annotated[Path | None, typer.Option(help="Folder to write.", show_default="gapkit-amortize-NAME")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Can inference be amortized in this model, which window and capacity does it take, and what does it lose?

    The model is a class or function that gives a gapkit.joint.HierarchicalModel; docs/your_hierarchical_model.md.
    """
    wanted = () if formats.strip().lower() == "none" else formats_of(formats)
    tried = _whole_numbers(half_widths, "--half-widths", least=0)
    sizes = () if widths == "none" else None if widths is None else _whole_numbers(widths, "--widths", least=1)
    name = model.rpartition(":")[2]
    out = out or Path(f"gapkit-amortize-{name}")
    require_places({"model": model, "data": data})
    claim_new_folder(out, overwrite=overwrite)
    from gapkit.inputs.data import load
    from gapkit.inputs.usercode import load_factory, parse_model_args
    from gapkit.joint import HierarchicalModel, Settings, analyze
    from gapkit.report import build_amortization

    built = load_factory(model, parse_model_args(model_arg or []))
    if not isinstance(built, HierarchicalModel):
        was = f"an object of the type {type(built).__name__}"
        do = "derive the class from gapkit.joint.HierarchicalModel (docs/your_hierarchical_model.md)"
        raise InputError(f"a hierarchical model {model}", was, do)
    loaded = load(data, key=data_key, limit=limit, scale="none", label_column="none")
    found = analyze(
        built, loaded.x, half_widths=tried, widths=sizes, worth=worth, settings=Settings(steps=steps), seed=seed
    )
    with new_folder(out) as staging:
        found.save(staging)
    told = console()
    for sentence in found.verdict():
        told.print(sentence, highlight=False, markup=False, soft_wrap=True)
    if wanted:
        files = dict.fromkeys((f"report.{kind}" for kind in wanted), build_amortization(found))
        write_files(out, rendered(files))
    answer(out=str(out), verdict=found.verdict(), study=found.study.to_dict())
    tell_made(out, wanted)


def _whole_numbers(text: str, option: str, least: int) -> tuple[int, ...]:
    """Such as 0,1,2.

    Raises:
        InputError: something else.
    """
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < least:
        do = f"give such as {option} {least},{least + 1}"
        raise InputError(f"{option} {text}", f"no list of whole numbers from {least} on", do)
    return numbers
