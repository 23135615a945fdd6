"""Options that several commands share, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Allow",
    "AllowGlobal",
    "Checkpoint",
    "Condition",
    "DataKey",
    "Device",
    "Effort",
    "LabelColumn",
    "Overwrite",
    "OverwriteFile",
    "ScaleOption",
    "Seed",
]

Allow = Annotated[
    list[str] | None,
    typer.Option(help="Go on whatever this check finds, and say so first; its name stands in the refusal; repeat."),
]
AllowGlobal = Annotated[
    list[str] | None,
    typer.Option(help="Name that the file's pickle may ask for beyond weights, such as argparse.Namespace; repeat."),
]
Checkpoint = Annotated[Path, typer.Argument(help="The trained model's file or folder.")]
Condition = Annotated[
    str | None,
    typer.Option(
        help="What encode and decode are given beside x and z: labels, or the name of an array beside x in the file "
        "(several with commas)."
    ),
]
DataKey = Annotated[str | None, typer.Option(help="Array to take from a .npz or .pt file.")]
LabelColumn = Annotated[
    str | None,
    typer.Option(help="Column of a table that holds labels; none for none.", show_default="label, class, target or y"),
]
ScaleOption = Annotated[
    str | None,
    typer.Option(
        help="Range of pixels in training: unit, LOW,HIGH such as -1,1, or none to leave them as stored.",
        show_default="8-bit pixels are divided by 255",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace earlier results of gapkit in the folder; anything else is refused.")
]
OverwriteFile = Annotated[
    bool, typer.Option("--overwrite", help="Replace an earlier file of this command; anything else is refused.")
]
Effort = Annotated[str, typer.Option(help="quick, standard or thorough.")]
Seed = Annotated[int, typer.Option(help="Decides everything random.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")]
