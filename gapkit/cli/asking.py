"""The options that say what to analyse and how, the same for every command that does it or tells what it will take."""

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from gapkit.cli.bounds import bounds_of
from gapkit.cli.executing import Engine, GpusPerWorker, RayAddress, Workers, executor_of
from gapkit.cli.job import Job
from gapkit.cli.options import Allow, Condition, DataKey, Device, Effort, LabelColumn, ScaleOption, Seed
from gapkit.cli.reading import reads_model
from gapkit.core.errors import InputError
from gapkit.sources import DataSource, ModelSource, Source

__all__ = ["asks_job"]

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "data": (
        Annotated[
            str | None,
            typer.Option(help="Name, file, image folder or file.py:function.", show_default="as in training"),
        ],
        None,
    ),
    "data_key": (DataKey, None),
    "label_column": (LabelColumn, None),
    "split": (Annotated[list[str] | None, typer.Option(help="test or train; both give the generalisation gap.")], None),
    "limit": (Annotated[int | None, typer.Option(help="Analyse only the first datapoints of each split.")], None),
    "scale": (ScaleOption, None),
    "binarize": (
        Annotated[
            str | None, typer.Option(help="none, threshold or sample.", show_default="as in training, else none")
        ],
        None,
    ),
    "encode_from": (
        Annotated[
            str | None,
            typer.Option(
                help="What the encoder is given where data are binarised: binary, or original (grey pixels).",
                show_default="binary",
            ),
        ],
        None,
    ),
    "condition": (Condition, None),
    "context_size": (
        Annotated[
            int | None,
            typer.Option(
                help="Of a model of many data sets: datapoints of a support set, drawn from the others of the data set "
                "(the array dataset beside x, or --condition)."
            ),
        ],
        None,
    ),
    "effort": (Effort, "standard"),
    "family": (
        Annotated[
            list[str] | None,
            typer.Option(
                help="Family of q*: mean_field, full_rank, low_rank, flow or auxiliary; repeat for further rungs.",
                show_default="the encoder's own",
            ),
        ],
        None,
    ),
    "log_px": (
        Annotated[
            str, typer.Option(help="How log p(x) is estimated: auto, or ais for every datapoint.", show_default="auto")
        ],
        "auto",
    ),
    "target_se": (
        Annotated[
            float | None,
            typer.Option(help="Standard error of log p(x) to reach for every datapoint, in nats.", show_default="0.1"),
        ],
        None,
    ),
    "semi_amortized": (
        Annotated[
            int, typer.Option(help="Make the curve of L[q] after local steps on so many datapoints; 0 leaves it out.")
        ],
        0,
    ),
    "encoder": (
        Annotated[
            list[str] | None,
            typer.Option(help="NAME=PATH: another encoder of the same decoder, such as gapkit refit writes; repeat."),
        ],
        None,
    ),
    "bound": (
        Annotated[
            list[str] | None,
            typer.Option(
                help="Further bound as a column: reciprocal (an upper one), or file.py:name of your own; repeat."
            ),
        ],
        None,
    ),
    "allow": (Allow, None),
    "seed": (Seed, 0),
    "device": (Device, "cpu"),
    "threads": (
        Annotated[
            int | None,
            typer.Option(help="Of this process; the last bits of the numbers depend on it.", show_default="all cores"),
        ],
        None,
    ),
    "engine": (Engine, "local"),
    "workers": (Workers, 2),
    "ray_address": (RayAddress, None),
    "gpus_per_worker": (GpusPerWorker, 0.0),
}


def asks_job(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in the place of its parameter ``job``, the options that make one; mistakes come first.

    What the command gets is a :class:`Job` whose checkpoint is named later.
    """
    signature = inspect.signature(command)
    parameters = dict[str, inspect.Parameter]()
    for name, parameter in signature.parameters.items():
        if name != "job":
            parameters[name] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        parameters["reading"] = inspect.Parameter("reading", inspect.Parameter.KEYWORD_ONLY, annotation=ModelSource)
        for option, (kind, default) in _OPTIONS.items():
            parameters[option] = inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
            )

    @functools.wraps(command)
    def run(*, reading: ModelSource, **values: Any) -> None:
        given = {option: values.pop(option) for option in _OPTIONS}
        command(job=_job(reading, **given), **values)

    run.__signature__ = signature.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
    return reads_model(run)


def _job(reading: ModelSource, **given: Any) -> Job:
    """What the options say.

    Raises:
        InputError: options that cannot be, alone or together.
    """
    seed, effort = given["seed"], given["effort"]
    data = DataSource(
        source=given["data"],
        key=given["data_key"],
        limit=given["limit"],
        scale=given["scale"],
        label_column=given["label_column"],
        splits=tuple(given["split"] or ["test"]),
        binarize=given["binarize"],
        encode_from=given["encode_from"],
        condition=given["condition"] or (None if given["context_size"] is None else "dataset"),
        context_size=given["context_size"],
        seed=seed,
    )
    if given["context_size"] is not None and given["context_size"] < 0:
        raise InputError(f"--context-size {given['context_size']}", "a negative size", "use 0 for no context, or more")
    data.check()
    from gapkit.engine import checked_device, spec_for

    spec = spec_for(effort, seed=seed, families=tuple(given["family"] or ()))
    policy = replace(spec.evidence, method=given["log_px"])
    if given["target_se"] is not None:
        policy = replace(policy, target_se=given["target_se"])
    spec = replace(spec, evidence=policy, semi_amortized=given["semi_amortized"])
    checked_device(given["device"])
    encoders = {name: reading.of_encoder(path) for name, path in _encoder_paths(given["encoder"] or ()).items()}
    bounds_of(given["bound"] or ())  # what cannot be read is refused before any work
    threads, engine = given["threads"], given["engine"]
    return Job(
        source=Source(model=reading, data=replace(data, bank_data=spec.bank_data), encoders=encoders),
        spec=spec,
        device=given["device"],
        allow=tuple(given["allow"] or ()),
        bounds=tuple(given["bound"] or ()),
        executor=executor_of(engine, given["workers"], given["ray_address"], given["gpus_per_worker"]),
        threads=1 if threads is None and engine == "ray" else threads,
        workers=given["workers"] if engine == "ray" else 1,
    )


def _encoder_paths(pairs: Sequence[str]) -> dict[str, Path]:
    """Read NAME=PATH pairs; what a name may be is checked with the columns it makes.

    Raises:
        InputError: no such pair, or a name that comes twice.
    """
    from gapkit.engine import check_encoder_names

    paths: dict[str, Path] = {}
    for pair in pairs:
        name, _, path = pair.partition("=")
        if not path:
            raise InputError(f"--encoder {pair}", "no NAME=PATH", "write --encoder refit=folder/model.pt, say")
        if name in paths:
            raise InputError(f"--encoder {pair}", f"another encoder named {name}", "give every one a name of its own")
        paths[name] = Path(path)
    check_encoder_names(paths)
    return paths
