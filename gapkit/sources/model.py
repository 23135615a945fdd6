"""A model as a value: its file, and how to read it."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gapkit.core.errors import InputError
from gapkit.inputs.consent import Trust, checked_trust
from gapkit.inputs.outline import require_spec
from gapkit.sources.place import as_plain, require_trust, resolved, resolved_spec, working_in
from gapkit.sources.stored import MAYBE_TEXT, TEXT, TRUST, WORDS, taken

if TYPE_CHECKING:
    from torch import Tensor

    from gapkit.checkpoints import Loaded

__all__ = ["ModelSource"]

_KINDS = {
    "checkpoint": TEXT,
    "decoder": MAYBE_TEXT,
    "factory": MAYBE_TEXT,
    "model_args": WORDS,
    "state_keys": WORDS,
    "ignore_keys": WORDS,
    "trust_pickle": TRUST,
    "allow_globals": WORDS,
    "likelihood": MAYBE_TEXT,
    "likelihood_param": MAYBE_TEXT,
    "encoder_output": MAYBE_TEXT,
    "latent_shape": MAYBE_TEXT,
    "sha256": MAYBE_TEXT,
}
_READING = ("model_args", "state_keys", "ignore_keys", "trust_pickle", "allow_globals")
_OF_LIKELIHOOD = ("likelihood_param", "encoder_output", "latent_shape")


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """Which model: a checkpoint, and how to read it.

    Attributes:
        checkpoint: the file or folder, as it was named; empty where none is named yet (:meth:`at`).
        decoder: file of the decoder's program, where ``checkpoint`` is that of the encoder's.
        factory: ``path/to/file.py:name`` or ``package.module:name`` that builds the model; None for a file that
            carries its own configuration.
        model_args: arguments of the factory, ``name=value``.
        state_keys: places of the weights in the file, ``PLACE`` or ``PART=PLACE``.
        ignore_keys: patterns of weights to leave out.
        trust_pickle: whether the file may run code: True, first digits of its sha256 (with commas for several files),
            or ``"ask"``.
        allow_globals: names that its pickle may ask for beyond weights, such as ``argparse.Namespace``.
        likelihood: p(x|z) of a model whose decode returns plain tensors.
        likelihood_param: its shared log scale or dispersion: a number, or a name in the model or the file.
        encoder_output: what encode returns, with a likelihood; None for (mean, log-variance).
        latent_shape: of z, with a likelihood, ``50`` or ``4,8,8``; None learns it from the data.
        folder: where relative names are looked up; the working directory unless another is given.
        sha256: what the checkpoint must have, in hexadecimal digits: of a file its own, of a folder one over names and
            digests of its files, of two programs one over both; None for any.
        recorded: whether a file names all this, and not the user: code then runs only with ``open(trust=True)``.

    Example:
        >>> source = ModelSource(checkpoint="vae.pt", factory="net.py:build", model_args=("latent=50",))
        >>> ModelSource.of(source.to_dict()) == source
        True
    """

    checkpoint: str | Path = ""
    decoder: str | Path | None = None
    factory: str | None = None
    model_args: tuple[str, ...] = ()
    state_keys: tuple[str, ...] = ()
    ignore_keys: tuple[str, ...] = ()
    trust_pickle: Trust = False
    allow_globals: tuple[str, ...] = ()
    likelihood: str | None = None
    likelihood_param: str | None = None
    encoder_output: str | None = None
    latent_shape: str | None = None
    folder: str | Path = field(default_factory=os.getcwd)
    sha256: str | None = None
    recorded: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        words = ("model_args", "state_keys", "ignore_keys", "allow_globals")
        as_plain(self, texts=("checkpoint", "decoder"), words=words)

    def check(self) -> None:
        """Refuse what can be told without reading anything but the user's own file.

        Raises:
            InputError: a mistake in that file, or options that do not go together.

        Example:
            >>> ModelSource(latent_shape="2x", likelihood="bernoulli").check()
            Traceback (most recent call last):
            ...
            gapkit.core.errors.InputError: asked: --latent-shape 2x
            ...
        """
        if self.factory is not None:
            require_spec(resolved_spec(self.factory, str(self.folder)))
        for name in _OF_LIKELIHOOD:
            value = getattr(self, name)
            if value is not None and self.likelihood is None:
                do = "add --likelihood NAME, or drop it: encode and decode of this model then return distributions"
                asked = f"--{name.replace('_', '-')} {value}"
                raise InputError(asked, "no --likelihood, without which it means nothing", do)
        self._latent_event()
        checked_trust(self.trust_pickle)

    def at(self, checkpoint: str | Path) -> "ModelSource":
        """The same way to read another file.

        Example:
            >>> ModelSource(checkpoint="1.pt", likelihood="bernoulli").at("2.pt").checkpoint
            '2.pt'
        """
        return replace(self, checkpoint=str(checkpoint), sha256=None)

    def of_encoder(self, checkpoint: str | Path) -> "ModelSource":
        """The same for a further encoder's file, which has gapkit's layout.

        Example:
            >>> ModelSource(checkpoint="1.pt", state_keys=("ema",)).of_encoder("refit.pt").state_keys
            ()
        """
        return replace(self.at(checkpoint), state_keys=(), ignore_keys=())

    def open(self, *, trust: bool = False, shared: "Tensor | None" = None) -> "Loaded":
        """Load the checkpoint; one of plain tensors becomes a model of distributions.

        Args:
            trust: run the factory, or the pickle's code, although a file such as ``run.json`` names it.
            shared: value of the likelihood's shared parameter, in the place of the one that is named.

        Raises:
            InputError: the file, the factory or the likelihood cannot be used; the file is another than was recorded;
                or code to run is recorded, and ``trust`` is not given.

        Example:
            >>> ModelSource(checkpoint="absent.pt").open()
            Traceback (most recent call last):
            ...
            gapkit.core.errors.InputError: asked: read the checkpoint absent.pt
            ...
        """
        from gapkit import checkpoints
        from gapkit.sources.pairs import with_likelihood

        code = self.code()
        require_trust(f"open the model {self.checkpoint}", code, recorded=self.recorded, trust=trust)
        path, decoder = self._paths()
        factory = None if self.factory is None else resolved_spec(self.factory, str(self.folder))
        number = _number(self.likelihood_param)
        entry = self.likelihood_param if number is None and shared is None else None
        self._require_unchanged(path, decoder)
        with working_in(str(self.folder), code):
            loaded = checkpoints.load(
                path,
                model=factory,
                model_args=self.model_args,
                state_key=self.state_keys,
                ignore_keys=self.ignore_keys,
                entry=entry,
                trust_pickle=self.trust_pickle,
                allow_globals=self.allow_globals,
                methods=("encode", "decode") if self.likelihood else ("encode", "decode", "prior"),
                decoder=decoder,
            )
            likelihood = self.likelihood or loaded.likelihood
            if likelihood is None:
                return loaded
            parameter = shared if shared is not None else loaded.entry if entry is not None else number
            event, output = self._latent_event(), self.encoder_output or loaded.encoder_output
            pair = with_likelihood(loaded.model, likelihood, parameter, output, event)
            return replace(loaded, model=pair.eval())

    def found(self, loaded: "Loaded") -> "ModelSource":
        """The same with the file that was found: its sha256, also in the place of an answer on the terminal.

        Args:
            loaded: what :meth:`open` gave.

        Example:
            >>> from gapkit.checkpoints import Loaded
            >>> ModelSource(checkpoint="1.pt", trust_pickle="ask").found(Loaded(None, "ab12", "1.pt", "")).trust_pickle
            'ab12'
        """
        trust = loaded.sha256 if isinstance(self.trust_pickle, str) else self.trust_pickle
        return replace(self, sha256=loaded.sha256, trust_pickle=trust)

    def code(self) -> list[str]:
        """What runs when the model is opened, in words: nothing for a file that says itself how its model is built.

        Example:
            >>> ModelSource(checkpoint="vae.pt", allow_globals=("argparse.Namespace",)).code()
            []
        """
        code = [f"the factory {self.factory}"] if self.factory is not None else []
        code += ["the pickle, which is to be trusted"] if self.trust_pickle else []
        if self.allow_globals:
            from gapkit.inputs.admitted import HARMLESS

            code += [f"the class {name}, which is to be let in" for name in self.allow_globals if name not in HARMLESS]
        return code

    def _latent_event(self) -> tuple[int, ...] | None:
        if self.latent_shape is None:
            return None
        sizes = self.latent_shape.split(",")
        if not all(size.strip().isdecimal() and int(size) for size in sizes):
            raise InputError(f"--latent-shape {self.latent_shape}", "no shape", "write whole numbers: 50, or 4,8,8")
        return tuple(int(size) for size in sizes)

    def _paths(self) -> tuple[str, str | None]:
        folder = str(self.folder)
        decoder = None if self.decoder is None else resolved(str(self.decoder), folder)
        return resolved(str(self.checkpoint), folder), decoder

    def _require_unchanged(self, path: str, decoder: str | None) -> None:
        """Compare the checkpoint with the one that was recorded, before anything of it is used."""
        if self.sha256 is None:
            return
        from gapkit.core.files import require_file
        from gapkit.inputs.programs import Pair
        from gapkit.inputs.read import sha256_of

        asked = f"open the checkpoint {path} again"
        for name in (path, *([decoder] if decoder else [])):
            if not os.path.isdir(name):
                require_file(Path(name), asked)
        found = sha256_of(path) if decoder is None else Pair(Path(path), Path(decoder)).sha256
        if found != self.sha256:
            do = "give the file that was analysed; or, to open this one instead, take model.at(checkpoint)"
            words = f"another file than was analysed: its sha256 begins {found[:8]}, not {self.sha256[:8]}"
            raise InputError(asked, words, do)

    def facts(self) -> dict[str, Any]:
        """How the model was read, for results: ``model`` (the factory), ``likelihood``, and further options if given.

        Example:
            >>> ModelSource(checkpoint="1.pt", likelihood="bernoulli", latent_shape="2").facts()
            {'model': None, 'likelihood': 'bernoulli', 'model_options': {'latent_shape': '2'}}
        """
        values = {name: value for name, value in self.to_dict().items() if name in (*_READING, *_OF_LIKELIHOOD)}
        options = {name: value for name, value in values.items() if value}
        return {"model": self.factory, "likelihood": self.likelihood, "model_options": options}

    def to_dict(self) -> dict[str, Any]:
        """All as plain values, for ``run.json``; :meth:`of` reads them back.

        Example:
            >>> ModelSource(checkpoint="vae.pt", folder="/home").to_dict()["folder"]
            '/home'
        """
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        del values["recorded"]
        return values

    @staticmethod
    def of(values: Mapping[str, Any], folder: str | Path | None = None) -> "ModelSource":
        """Read back what :meth:`to_dict` gave; code that it names runs only with ``open(trust=True)``.

        Args:
            values: plain values.
            folder: where relative names are looked up now; None for where they were.

        Raises:
            InputError: values of another kind.

        Example:
            >>> ModelSource.of({"checkpoint": "vae.pt", "folder": "/home"}).recorded
            True
        """
        where = None if folder is None else str(folder)
        return ModelSource(**taken(values, _KINDS, "read the source of a model", where), recorded=True)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
