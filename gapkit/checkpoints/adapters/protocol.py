"""What a kind of checkpoint, or of model, must give so that gapkit can analyse it.

An adapter reads one of four things: a *file* (its payload, read weights-only), a *folder*
(:class:`gapkit.inputs.folder.Folder`: names and JSON, nothing loaded), a *pair*
(:class:`gapkit.inputs.programs.Pair`: an encoder's and a decoder's program, nothing loaded), or an *object* that the
user's factory returned.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

__all__ = ["Adapted", "Adapter", "Into", "Reads", "Request"]

Reads = Literal["file", "folder", "pair", "object"]
# Loads weights into a module, or into the modules of an object, strictly; returns what must be said about it.
Into = Callable[[Any, Any], tuple[str, ...]]


@dataclass(frozen=True)
class Request:
    """How a checkpoint is to be read.

    Attributes:
        path: of the file or folder, for messages.
        methods: what the model must have.
        factory: the user's code that builds the model, ``path/to/file.py:name``; None for none.
        arguments: of the factory.
        trust_pickle: whether the checkpoint may run code; pass it on to :func:`gapkit.inputs.read.read`, or to
            :func:`gapkit.inputs.consent.require_consent`, which know what its texts mean.
        allow_globals: names that a pickle may ask for beyond weights; for :func:`gapkit.inputs.read.read` too.
    """

    path: Path
    methods: Sequence[str]
    factory: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    trust_pickle: bool | str = False
    allow_globals: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """The beginning of a refusal."""
        return f"load {self.path}"

    @property
    def has_likelihood(self) -> bool:
        """Whether the user names p(x|z), so that decode may return plain tensors."""
        return "prior" not in self.methods


@dataclass(frozen=True)
class Adapted:
    """A model that an adapter made.

    Attributes:
        model: has ``encode``, ``decode`` and ``prior``, or, where ``likelihood`` or the user names one, ``encode`` and
            ``decode`` that return plain tensors.
        how: half a line for the report: how it was built.
        extra: what the checkpoint says besides (epoch, training configuration, ...).
        likelihood: p(x|z) that the checkpoint names, if decode returns plain tensors; the user's goes before it.
        encoder_output: what encode returns, with a likelihood; the user's goes before it.
        payload: what holds the weights, where they are still to be found in it and loaded; None where the model has
            them.
        holder: what the weights are loaded into; None for the model itself.
        notes: what the user should be warned of, one sentence each.
        told: which arguments the checkpoint gave to the user's factory; empty for none.
        fill: of an object: takes the payload of the weights' file, and the function that loads a state dict into a
            module; None loads it into what the factory returned.
    """

    model: Any
    how: str
    extra: dict[str, Any] = field(default_factory=dict)
    likelihood: str | None = None
    encoder_output: str | None = None
    payload: Any = None
    holder: Any = None
    notes: tuple[str, ...] = ()
    told: str = ""
    fill: Callable[[Any, Into], tuple[str, ...]] | None = None


class Adapter(Protocol):
    """A kind of checkpoint or model; ``reads`` says of what.

    One of folders or pairs may have a method ``told(found)`` too: the kind in words, and the options that are needed to
    open it, for ``gapkit inspect``.
    """

    reads: Reads

    def claims(self, found: Any) -> bool:
        """Whether what was found is of this kind; nothing is imported or run for that."""
        ...

    def open(self, found: Any, request: Request) -> Adapted:
        """Build the model; one of a file or a folder has its weights then, one of an object gets them afterwards.

        Args:
            found: the payload of a file, a folder, a pair, or an object.
            request: how the user wants it.

        Raises:
            InputError: it is of this kind, and damaged, incomplete, or of a version that is not known; or the library
                that it is of is not installed.
        """
        ...
