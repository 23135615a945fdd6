"""Options that several commands share, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Checkpoint", "Device", "Effort", "Likelihood", "Model", "ModelArgs", "Seed", "StateKey", "TrustPickle"]

Checkpoint = Annotated[Path, typer.Argument(help="The trained model's file.")]
Model = Annotated[
    str | None, typer.Option(help="path/to/file.py:factory or package.module:factory that builds your model.")
]
ModelArgs = Annotated[list[str] | None, typer.Option(help="Argument of the factory, name=value; repeat.")]
StateKey = Annotated[str | None, typer.Option(help="Where the weights lie in the file, dots for nesting.")]
Likelihood = Annotated[str | None, typer.Option(help="p(x|z) of a model whose encode and decode return plain tensors.")]
Effort = Annotated[str, typer.Option(help="quick, standard or thorough.")]
Seed = Annotated[int, typer.Option(help="Decides everything random.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")]
TrustPickle = Annotated[bool, typer.Option(help="Allow the checkpoint to run code: only your own files.")]
