"""TensorBoard: event files in a folder."""

import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gapkit.core.errors import InputError
from gapkit.trackers.extra import load_extra
from gapkit.trackers.picture import png

__all__ = ["TensorBoardTracker"]


class TensorBoardTracker:
    """Writes scalars, images and one text, with PyTorch's writer.

    TensorBoard keeps no files, so those of a run are copied into the folder of the event files.

    Args:
        folder: of the event files; made if it is not there. Each folder is one run in TensorBoard.

    Raises:
        InputError: no folder is named or it cannot be written, or tensorboard is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        if not str(folder):
            raise InputError("a TensorBoard tracker", "no folder", "write tensorboard:FOLDER, such as runs/vae")
        load_extra("tensorboard", "tensorboard")
        writer = load_extra("torch.utils.tensorboard", "tensorboard")
        self.folder = Path(folder)
        try:
            # A thread of the writer opens the file again and again: a change of directory must not move it.
            self._writer = writer.SummaryWriter(str(self.folder.absolute()))
        except OSError as error:
            raise InputError(f"write event files to {folder}", str(error), "choose another folder") from error

    def log_params(self, params: Mapping[str, str | int | float]) -> None:
        """Write the settings as one text of JSON, where numbers keep their digits."""
        text = json.dumps(dict(params), indent=2)
        self._writer.add_text("gapkit/parameters", "\n".join(f"    {line}" for line in text.splitlines()))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write scalars in double precision; TensorBoard's own are single."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, float(value), step, new_style=True, double_precision=True)

    def log_figure(self, name: str, figure: Figure, step: int | None = None) -> None:
        """Write an image."""
        with Image.open(io.BytesIO(png(figure))) as image:
            self._writer.add_image(name, np.asarray(image.convert("RGB")), step, dataformats="HWC")

    def log_artifact(self, path: Path, under: str = "") -> None:
        """Copy a file beside the event files."""
        place = self.folder / under
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)

    def close(self) -> None:
        """Write what is still in memory."""
        self._writer.close()
