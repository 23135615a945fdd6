"""The options that say how a model is read from its checkpoint: the same for every command that takes one."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from gapkit.cli.places import require_places
from gapkit.core.errors import InputError
from gapkit.sources import ModelSource

__all__ = ["as_words", "reads_model"]

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "model": (
        Annotated[
            str | None, typer.Option(help="path/to/file.py:factory or package.module:factory that builds your model.")
        ],
        None,
    ),
    "model_arg": (Annotated[list[str] | None, typer.Option(help="Argument of the factory, name=value; repeat.")], None),
    "state_key": (
        Annotated[
            list[str] | None,
            typer.Option(
                help="Where the weights lie in the file, dots for nesting; PART=PLACE for a part of the model; repeat.",
                show_default="found by their names",
            ),
        ],
        None,
    ),
    "ignore_keys": (
        Annotated[list[str] | None, typer.Option(help="Weights to leave out, a pattern such as 'loss.*'; repeat.")],
        None,
    ),
    "likelihood": (
        Annotated[
            str | None,
            typer.Option(
                help="p(x|z) of a model whose decode returns plain tensors: bernoulli:logits, bernoulli:probs (with a "
                "sigmoid at the end), gaussian:sigma=0.1, ..."
            ),
        ],
        None,
    ),
    "likelihood_param": (
        Annotated[
            str | None,
            typer.Option(
                help="The log scale of gaussian:scale=global, or what else a likelihood shares: a number, or its name "
                "in the model or the file."
            ),
        ],
        None,
    ),
    "encoder_output": (
        Annotated[
            str | None,
            typer.Option(
                help="What encode returns: mean_ or chunk_ (both in one tensor) with logvar, std, logstd or var; or "
                "distribution.",
                show_default="mean_logvar",
            ),
        ],
        None,
    ),
    "latent_shape": (
        Annotated[
            str | None,
            typer.Option(help="Shape of z, 50 or 4,8,8, with --likelihood.", show_default="learned from the data"),
        ],
        None,
    ),
    "encoder_file": (
        Annotated[
            str | None,
            typer.Option(
                help="In the place of CHECKPOINT: the encoder as torch.export (.pt2) or TorchScript saved it."
            ),
        ],
        None,
    ),
    "decoder_file": (Annotated[str | None, typer.Option(help="The decoder, with --encoder-file.")], None),
    "allow_global": (
        Annotated[
            list[str] | None,
            typer.Option(
                help="Name that the checkpoint's pickle may ask for beyond weights, such as argparse.Namespace: data "
                "types, layers, classes of --model; repeat."
            ),
        ],
        None,
    ),
    "trust_pickle": (
        Annotated[
            str | None,
            typer.Option(
                metavar="SHA256",
                help="Allow the checkpoint to run code: the first 8 or more digits of its sha256 (with commas for "
                "several files), or ask. Only files whose origin you know.",
            ),
        ],
        None,
    ),
}


def reads_model(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in the place of its parameter ``reading``, the options that make one; mistakes come first.

    What the command gets is a :class:`ModelSource` whose checkpoint is named later, with ``at``. Its argument
    ``checkpoint`` may be left out where the two files of a pair are named: the encoder's is put there.
    """
    signature = inspect.signature(command)
    parameters = dict[str, inspect.Parameter]()
    for name, parameter in signature.parameters.items():
        if name != "reading":
            default = None if name == "checkpoint" else parameter.default
            parameters[name] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, default=default)
            continue
        for option, (kind, default) in _OPTIONS.items():
            parameters[option] = inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
            )

    @functools.wraps(command)
    def run(**values: Any) -> None:
        given = {option: values.pop(option) for option in _OPTIONS}
        reading = ModelSource(
            factory=given["model"],
            model_args=tuple(given["model_arg"] or ()),
            state_keys=tuple(given["state_key"] or ()),
            ignore_keys=tuple(given["ignore_keys"] or ()),
            trust_pickle=given["trust_pickle"] if given["trust_pickle"] is not None else False,
            allow_globals=tuple(given["allow_global"] or ()),
            likelihood=given["likelihood"],
            likelihood_param=given["likelihood_param"],
            encoder_output=given["encoder_output"],
            latent_shape=given["latent_shape"],
            decoder=given["decoder_file"],
        )
        reading.check()
        if not values.get("as_json"):  # the doctor's list tells it in its place
            require_places({**given, **values})
        if "checkpoint" in values:
            argument = signature.parameters["checkpoint"]
            needed, several = argument.default is argument.empty, "list[" in str(argument.annotation)
            named = _checkpoint(values["checkpoint"], given["encoder_file"], reading, needed)
            if isinstance(named, str):
                named = [named] if several else Path(named)
            values["checkpoint"] = named
        command(reading=reading, **values)

    run.__signature__ = signature.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
    return run


def _checkpoint(words: Any, encoder: str | None, reading: ModelSource, needed: bool) -> Any:
    """The argument CHECKPOINT, one name or several; in the place of none, the file of the encoder's program.

    Raises:
        InputError: one of two files, or a checkpoint beside them; or nothing at all, where something is needed.
    """
    pair = "--encoder-file enc.pt2 --decoder-file dec.pt2"
    if (encoder is None) != (reading.decoder is None):
        lacking = "--decoder-file" if reading.decoder is None else "--encoder-file"
        raise InputError("a model of two programs", f"no {lacking}", f"pass both: {pair}")
    if encoder is None:
        if not words and needed:
            raise InputError("a model", "no CHECKPOINT", f"name its file or folder, or pass {pair}")
        return words
    if words:
        listed = " ".join(map(str, words if isinstance(words, list) else [words]))
        raise InputError(f"a model of two programs, {pair}", f"the checkpoint {listed} as well", "drop one of both")
    return encoder


def as_words(source: ModelSource) -> str:
    """The way to read a model as it is written on a command line.

    Example:
        >>> as_words(ModelSource(factory="net.py:build", model_args=("latent=50",), likelihood="bernoulli"))
        '--model net.py:build --model-arg latent=50 --likelihood bernoulli'
    """
    words = [f"--decoder-file {source.decoder}"] if source.decoder else []
    words += [f"--model {source.factory}"] if source.factory else []
    words += [f"--model-arg {arg}" for arg in source.model_args]
    words += [f"--allow-global {name}" for name in source.allow_globals]
    for name in ("likelihood", "likelihood_param", "encoder_output", "latent_shape"):
        value = getattr(source, name)
        words += [f"--{name.replace('_', '-')} {value}"] if value else []
    return " ".join(words)
