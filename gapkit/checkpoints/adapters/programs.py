"""Pairs of programs: an encoder and a decoder that were exported by ``torch.export``, or compiled by TorchScript.

A program has one function, so the two methods come in two files. p(x|z) and what the encoder returns must be said, as
for any model of plain tensors; p(z) is the standard normal.

What an exported file may hold is checked before torch loads it (:mod:`gapkit.inputs.exported` says what was found).
``torch.jit.load`` reads its pickles in C++, which knows tensors and TorchScript's own types alone, and compiles the
program in a language without imports; of its operations, those that read or write files are refused by their names.
"""

import io
import logging
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.checkpoints.adapters.protocol import Adapted, Reads, Request
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.inputs.exported import Outline, exported
from gapkit.inputs.programs import EXPORTED, SCRIPTED, Pair, records_of
from gapkit.inputs.read import file_sha256

__all__ = ["Exported", "Scripted"]

_AGAIN = (
    "torch.export.save(torch.export.export(module.eval(), (example,), "
    'dynamic_shapes=({0: torch.export.Dim("batch")},)), "file.pt2"), with an example of two rows'
)
_TOUCHES_FILES = re.compile(rb"\b(?:torch|aten|ops\.aten)\.(?:save|from_file|load)\b")
_FOREIGN = re.compile(rb"\bops\.(?!aten\.|prim\.|prims\.|quantized\.)\w+|\btorch\.classes\b")


class Exported:
    """Two files of ``torch.export.save``, each with a batch of any size."""

    reads: Reads = "pair"

    def claims(self, found: Pair) -> bool:
        """Whether both are such programs."""
        return found.kinds == (EXPORTED, EXPORTED)

    def open(self, found: Pair, request: Request) -> Adapted:
        """Load both programs.

        Raises:
            InputError: one is damaged, holds more than tensor operations and numbers, takes a batch of one size only,
                or has no gradient; or no likelihood is named.
        """
        asked = _require_likelihood(found, request)
        encoder, decoder = (_loaded(path) for path in found.paths)
        _require_gradient(decoder, f"{asked}: the decoder {found.decoder}")
        how = f"exported programs of {encoder.outline.operations} and {decoder.outline.operations} operations"
        return Adapted(_Programs(encoder, decoder), how, _digests(found))


class Scripted:
    """Two files of ``torch.jit.save``, which torch calls deprecated."""

    reads: Reads = "pair"

    def claims(self, found: Pair) -> bool:
        """Whether both are such programs."""
        return found.kinds == (SCRIPTED, SCRIPTED)

    def open(self, found: Pair, request: Request) -> Adapted:
        """Load both programs.

        Raises:
            InputError: one is damaged, or reads or writes files; or no likelihood is named.
        """
        _require_likelihood(found, request)
        encoder, decoder = (_compiled(path) for path in found.paths)
        text = f"TorchScript, which torch calls deprecated: export the two modules instead, {_AGAIN}"
        warnings.warn(text, GapkitWarning, stacklevel=2)
        return Adapted(_Programs(encoder, decoder), "TorchScript programs", _digests(found))


class _Programs(nn.Module):
    """Two programs as the two methods."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor) -> Any:
        """What the encoder's program returns."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Any:
        """What the decoder's program returns."""
        return self.decoder(z)


class _Program(nn.Module):
    """One program. It travels to other processes as its file's content, and was traced in one mode.

    Args:
        make: from the content to the module that runs.
        content: of the file, as it was checked.
        outline: what an exported program takes; None for TorchScript.
    """

    def __init__(self, make: Callable[[bytes], Any], content: bytes, outline: Outline | None = None) -> None:
        super().__init__()
        self.graph, self.make, self.content, self.outline = make(content), make, content, outline
        self.train(False)

    def train(self, mode: bool = True) -> "_Program":
        """Set the flags alone: a graph of torch.export refuses the call."""
        for part in (self, *self.graph.modules()):
            part.training = mode
        return self

    def forward(self, value: Tensor) -> Any:
        """Run the graph."""
        return self.graph(value)

    def __reduce__(self) -> tuple[Any, ...]:
        first = next((t for t in self.parameters() if t.dtype.is_floating_point), None)
        where = (None, None) if first is None else (first.dtype, first.device)
        return _made_again, (self.make, self.content, self.outline, *where)


def _made_again(make: Callable[[bytes], Any], content: bytes, outline: Outline | None, *where: Any) -> _Program:
    made = _Program(make, content, outline)
    dtype, device = where
    return made if dtype is None else made.to(device, dtype)


def _graph_of(content: bytes) -> Any:
    logger = logging.getLogger("torch.export")
    level = logger.level
    try:
        logger.setLevel(logging.CRITICAL)  # torch reports what it tried; what failed is told by who called
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(io.BytesIO(content)).module()
    finally:
        logger.setLevel(level)


def _script_of(content: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that TorchScript is deprecated, and so does Scripted
        return torch.jit.load(io.BytesIO(content), map_location="cpu").eval()


def _require_likelihood(found: Pair, request: Request) -> str:
    asked = f"load the encoder {found.encoder}"
    if not request.has_likelihood:
        do = "say p(x|z), and what the encoder returns: --likelihood bernoulli --encoder-output mean_logvar, say"
        raise InputError(f"{asked} and the decoder {found.decoder}", "programs, which return plain tensors", do)
    return asked


def _digests(found: Pair) -> dict[str, Any]:
    return {"files": {name: file_sha256(path) for name, path in zip(("encoder", "decoder"), found.paths, strict=True)}}


def _loaded(path: Path) -> Any:
    """A program of torch.export with its outline.

    Raises:
        InputError: it takes a batch of one size, or several inputs; or torch cannot load it.
    """
    asked, outline = f"load the program {path}", exported(path)
    if not outline.dynamic:
        sizes = " and ".join(
            f"({', '.join('any' if n is None else str(n) for n in shape)})" for shape in outline.inputs
        )
        bound = len(outline.inputs) == 1 and outline.inputs[0][:1] == (None,)
        limits = f", with {outline.fewest} rows to {outline.most or 'any number'}" if bound else ""
        found = f"it takes {sizes or 'nothing'}{limits}: one input with a batch of any size is needed"
        raise InputError(asked, found, f"export it again, {_AGAIN}")
    try:
        return _Program(_graph_of, outline.content, outline)
    except Exception as error:  # from a graph in any state
        found = f"torch {torch.__version__} cannot load it ({type(error).__name__}: {error!s:.200})"
        raise InputError(asked, found, f"export it with the torch that is installed here, {_AGAIN}") from error


def _compiled(path: Path) -> Any:
    asked = f"load the program {path}"
    records = records_of(path, asked)
    for name, content in records.items():
        if not name.startswith("code/") or not name.endswith(".py"):
            continue
        touching = _TOUCHES_FILES.search(content) or _FOREIGN.search(content)
        if touching:
            found = f"the operation {touching[0].decode()!r}, which a decoder or encoder does not need; nothing was run"
            raise InputError(asked, found, "export the two modules alone, with torch.export")
    try:
        return _Program(_script_of, path.read_bytes())
    except Exception as error:  # from a program in any state
        found = f"torch {torch.__version__} cannot load it ({type(error).__name__}: {error!s:.200})"
        raise InputError(asked, found, f"export it again, {_AGAIN}") from error


def _require_gradient(decoder: Any, asked: str) -> None:
    """Refuse a decoder that was exported without gradients: every fit and every chain follows them in z.

    Raises:
        InputError: there is none, or the program fails at zeros.
    """
    sizes = decoder.outline.inputs[0][1:]
    if None in sizes:
        return
    z = torch.zeros(2, *sizes, requires_grad=True)
    do = f"export the decoder outside of torch.no_grad() and without detach(), {_AGAIN}"
    try:
        output = decoder(z)
        first = output[0] if isinstance(output, tuple | list) else output
        (gradient,) = torch.autograd.grad(first.sum(), z, allow_unused=True)
    except Exception as error:  # from a graph in any state
        found = f"no gradient in z ({type(error).__name__}: {error!s:.160})"
        raise InputError(asked, found, do) from error
    if gradient is None:
        raise InputError(asked, "no gradient in z: its output does not depend on z by a path with gradients", do)
