"""How a model is read from its checkpoint: one value that every command takes and ``run.json`` keeps."""

import functools
import inspect
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.inputs.outline import require_spec

if TYPE_CHECKING:
    from torch import Tensor

    from gapkit.checkpoints import Loaded

__all__ = ["Reading", "load_model", "own_model", "reads_model"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How to read a model.

    Attributes:
        model: the user's factory; None for a file that carries its own configuration.
        model_args: arguments of the factory, ``name=value``.
        state_keys: places of the weights in the file, ``PLACE`` or ``PART=PLACE``.
        ignore_keys: patterns of weights to leave out.
        trust_pickle: whether the file may run code.
        likelihood: p(x|z) of a model whose decode returns plain tensors.
        likelihood_param: its shared log scale or dispersion: a number, or a name in the model or the file.
        encoder_output: what encode returns, with a likelihood; None for (mean, log-variance).
        latent_shape: of z, with a likelihood, ``50`` or ``4,8,8``; None learns it from the data.
    """

    model: str | None = None
    model_args: tuple[str, ...] = ()
    state_keys: tuple[str, ...] = ()
    ignore_keys: tuple[str, ...] = ()
    trust_pickle: bool = False
    likelihood: str | None = None
    likelihood_param: str | None = None
    encoder_output: str | None = None
    latent_shape: str | None = None

    def check(self) -> None:
        """Refuse what can be told without reading anything but the user's own file.

        Raises:
            InputError: a mistake in that file, or options that do not go together.
        """
        if self.model is not None:
            require_spec(self.model)
        for name in ("likelihood_param", "encoder_output", "latent_shape"):
            value = getattr(self, name)
            if value is not None and self.likelihood is None:
                do = "add --likelihood NAME, or drop it: encode and decode of this model then return distributions"
                asked = f"--{name.replace('_', '-')} {value}"
                raise InputError(asked, "no --likelihood, without which it means nothing", do)
        self.latent_event()

    def latent_event(self) -> tuple[int, ...] | None:
        """The latent shape as numbers.

        Raises:
            InputError: it is none.
        """
        if self.latent_shape is None:
            return None
        sizes = self.latent_shape.split(",")
        if not all(size.strip().isdecimal() and int(size) for size in sizes):
            raise InputError(f"--latent-shape {self.latent_shape}", "no shape", "write whole numbers: 50, or 4,8,8")
        return tuple(int(size) for size in sizes)

    def of_encoder(self) -> "Reading":
        """The same for a further encoder's file, which has gapkit's layout."""
        return replace(self, state_keys=(), ignore_keys=())

    def facts(self) -> dict[str, Any]:
        """The options that were given, beside model and likelihood, for ``run.json``: with them it can be repeated."""
        given = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: value for name, value in given.items() if value and name not in ("model", "likelihood")}

    def words(self) -> str:
        """The options as they are written on a command line."""
        words = [f"--model {self.model}"] if self.model else []
        words += [f"--model-arg {arg}" for arg in self.model_args]
        for name in ("likelihood", "likelihood_param", "encoder_output", "latent_shape"):
            value = getattr(self, name)
            words += [f"--{name.replace('_', '-')} {value}"] if value else []
        return " ".join(words)


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
    "trust_pickle": (
        Annotated[bool, typer.Option(help="Allow the checkpoint to run code: only your own files.")],
        False,
    ),
}


def reads_model(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in the place of its parameter ``reading``, the options that make one; mistakes come first."""
    signature = inspect.signature(command)
    parameters = dict[str, inspect.Parameter]()
    for name, parameter in signature.parameters.items():
        if name != "reading":
            parameters[name] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            continue
        for option, (kind, default) in _OPTIONS.items():
            parameters[option] = inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
            )

    @functools.wraps(command)
    def run(**values: Any) -> None:
        given = {option: values.pop(option) for option in _OPTIONS}
        reading = Reading(
            model=given["model"],
            model_args=tuple(given["model_arg"] or ()),
            state_keys=tuple(given["state_key"] or ()),
            ignore_keys=tuple(given["ignore_keys"] or ()),
            trust_pickle=given["trust_pickle"],
            likelihood=given["likelihood"],
            likelihood_param=given["likelihood_param"],
            encoder_output=given["encoder_output"],
            latent_shape=given["latent_shape"],
        )
        reading.check()
        command(reading=reading, **values)

    run.__signature__ = signature.replace(parameters=list(parameters.values()))  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
    return run


def load_model(path: Path, reading: Reading, shared: "Tensor | None" = None) -> "Loaded":
    """Load a checkpoint as the options say; one of plain tensors becomes a model of distributions.

    Args:
        path: the checkpoint file.
        reading: the options.
        shared: value of the likelihood's shared parameter, in the place of the one that ``reading`` names.

    Raises:
        InputError: the file, the factory or the likelihood cannot be used.
    """
    from gapkit import checkpoints
    from gapkit.models import from_pair

    number = _number(reading.likelihood_param)
    entry = reading.likelihood_param if number is None and shared is None else None
    loaded = checkpoints.load(
        path,
        model=reading.model,
        model_args=reading.model_args,
        state_key=reading.state_keys,
        ignore_keys=reading.ignore_keys,
        entry=entry,
        trust_pickle=reading.trust_pickle,
        methods=("encode", "decode") if reading.likelihood else ("encode", "decode", "prior"),
    )
    if reading.likelihood is None:
        return loaded
    own = loaded.model
    pair = from_pair(
        own.encode,
        own.decode,
        reading.likelihood,
        _prior(own),
        encoder_output=reading.encoder_output or "mean_logvar",
        latent_shape=reading.latent_event(),
        likelihood_param=shared if shared is not None else loaded.entry if entry is not None else number,
    )
    pair.own = own  # copied with the pair, so that its weights keep the names of the user's file
    return replace(loaded, model=pair)


def own_model(model: Any) -> Any:
    """The user's model in one that :func:`load_model` gave a likelihood, or in a copy of that; any other as it is."""
    from gapkit.models import PairModel

    return getattr(model, "own", model) if isinstance(model, PairModel) else model


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _prior(own: Any) -> Any:
    """The model's own prior, a method or a distribution; the standard normal where it has none.

    Raises:
        InputError: an attribute of the instance hides the method.
    """
    from torch.distributions import Distribution

    prior = getattr(own, "prior", None)
    if callable(prior) or isinstance(prior, Distribution):
        return prior
    if callable(getattr(type(own), "prior", None)):
        found = (
            f"an attribute prior ({type(prior).__name__}) of the instance, which hides the method prior() of its class"
        )
        raise InputError("the model's prior", found, "give the attribute another name")
    if prior is not None:
        text = f"the model's attribute prior is no distribution ({type(prior).__name__}): p(z) is the standard normal"
        warnings.warn(text, GapkitWarning, stacklevel=3)
    return "standard_normal"
