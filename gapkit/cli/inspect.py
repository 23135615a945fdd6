"""``gapkit inspect``: what is in a checkpoint; and ``gapkit init``: a model file to begin with."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gapkit.cli.options import AllowGlobal
from gapkit.cli.places import require_places
from gapkit.cli.streams import console
from gapkit.core.errors import InputError, printable

if TYPE_CHECKING:
    from gapkit.checkpoints.contents import Contents

__all__ = ["init", "inspect"]

_SHOWN = 40


def inspect(
    file: Annotated[
        Path,
        typer.Argument(
            help="A checkpoint: torch.save, safetensors, an exported program, or the folder that a library saved."
        ),
    ],
    allow_global: AllowGlobal = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Tell what is in a checkpoint: kind, weights and layers, what it would import, and what to run next.

    Nothing in the file is executed.
    """
    require_places({"file": file})
    from gapkit.checkpoints.contents import contents

    found = contents(file, allow_global or ())
    if as_json:
        typer.echo(json.dumps(_plain(found), indent=1))
        return
    out = console()

    def say(text: str) -> None:
        out.print(printable(text), highlight=False, markup=False)

    say(f"{found.path.name}: {found.kind}, {found.size:,} bytes, sha256 {found.sha256[:16]}...")
    if found.wants:
        say(f"would run code when it is opened: it asks for {', '.join(found.wants[:_SHOWN])} (nothing was executed)")
    else:
        say(f"holds {found.told}")
    for place in found.found:
        numbers = sum(tensor.numel() for tensor in place.state.values())
        kinds = ", ".join(sorted({str(tensor.dtype).removeprefix("torch.") for tensor in place.state.values()}))
        say(f"weights at {place}: {numbers:,} numbers, {kinds}")
    for name, value in list(found.small.items())[:_SHOWN]:
        say(f"  {name} = {value!r:.80}")
    guess = found.guess
    for role, layers in (("encoder", guess.encoder), ("decoder", guess.decoder), ("other layers", guess.others)):
        if layers:
            say(f"{role}{'' if role == 'other layers' else ', as it seems'}:")
            for layer in layers[:_SHOWN]:
                say(f"  {layer}{'  <- mean and spread' if layer.name in guess.heads else ''}")
            if len(layers) > _SHOWN:
                say(f"  and {len(layers) - _SHOWN} more")
    if guess.latent:
        beside = f"; a condition of {guess.condition} numbers goes into both" if guess.condition else ""
        say(f"latents, as it seems: {guess.latent}{beside}")
    say(f"next: {found.next}")


def init(
    file: Annotated[Path, typer.Argument(help="A checkpoint that holds weights.")],
    allow_global: AllowGlobal = None,
) -> None:
    """Print a model file to begin with: layers as the checkpoint names them, and the three methods of the contract.

    Write it to a file (gapkit init weights.pt > my_model.py), mend the lines that are marked CHECK, and go on with
    gapkit doctor.
    """
    require_places({"file": file})
    from gapkit.checkpoints.contents import contents
    from gapkit.checkpoints.template import model_file
    from gapkit.inputs.refusal import remedy

    found = contents(file, allow_global or ())
    asked = f"write a model file for {file}"
    if found.native:
        raise InputError(asked, "gapkit wrote it, and it says itself how its model is built", found.next)
    if found.wants:
        words = f"it would run code when it is opened: it asks for {', '.join(found.wants[:8])}"
        weights = "save the weights alone: torch.save(model.state_dict(), 'model.pt')"
        options = remedy(found.path, found.wants)
        raise InputError(
            asked, words, f"pass {options}; or {weights}" if options.startswith("--allow-global") else weights
        )
    if found.command is not None and not found.layers:
        raise InputError(asked, f"{found.kind}, which needs none", found.next)
    if not found.layers:
        raise InputError(asked, f"no layers in it: {found.told}", "pass a file of weights")
    command = f"gapkit doctor {file} --model my_model.py:Model --data DATA"
    typer.echo(model_file(found.path.name, found.weights, command), nl=False)


def _json(value: Any) -> Any:
    """Numbers that JSON does not have, as words."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _plain(found: "Contents") -> dict[str, Any]:
    guess = found.guess
    return {
        "file": str(found.path),
        "kind": found.kind,
        "bytes": found.size,
        "sha256": found.sha256,
        "wants": list(found.wants),
        "native": found.native,
        "payload": found.told,
        "entries": {name: _json(value) for name, value in found.small.items()},
        "places": [
            {
                "place": place.name,
                "tensors": {
                    name: {"shape": list(tensor.shape), "dtype": str(tensor.dtype).removeprefix("torch.")}
                    for name, tensor in place.state.items()
                },
            }
            for place in found.found
        ],
        "encoder": [str(layer) for layer in guess.encoder],
        "decoder": [str(layer) for layer in guess.decoder],
        "latents": guess.latent,
        "heads": list(guess.heads),
        "condition": guess.condition,
        "next": found.next,
    }
