"""``python -m analyses.aevb.pictures``: the manifold of two latents, and draws of the models (figures 4 and 5).

A grid on the unit square goes through the inverse of the normal distribution function and the decoder; means of the
pixels are shown. Draws from the prior with 2, 5, 10 and 20 latents, models of the first seed. Frey Face, which the
paper has too, has no licence for its use here and is left out.
"""

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from torch import Tensor

from analyses.aevb.curves import curve
from analyses.aevb.settings import Study, experiment
from analyses.page import Drawn, Part
from analyses.seeded import Seeded
from gapkit.plots.style import new_axes, style

__all__ = ["jobs", "part"]

MANIFOLD, SIDE, DRAWN = 2, 16, 8


def _sizes(study: Study) -> list[int]:
    return [MANIFOLD, *(latent for latent in study.budget.latents if 3 < latent < 100)]


def jobs(study: Study) -> list[Seeded]:
    """AEVB models of the first seed."""
    return [curve(study, latent)[0] for latent in _sizes(study)]


def part(study: Study) -> Part:
    """Two figures."""
    models = {latent: study.lab.folder(curve(study, latent)[0]) / "model.pt" for latent in _sizes(study)}
    rows = [{"Latents": latent, "L[q], test": study.read(curve(study, latent)[0])["test"][-1]} for latent in models]
    figures = {
        "manifold": Drawn(
            lambda: _show({"": _manifold(str(models[MANIFOLD]))}),
            f"Means of the pixels on a grid of {SIDE} by {SIDE} quantiles of the two latents.",
            "A sheet of digits that turn into one another",
            photographic=True,
        ),
        "draws": Drawn(
            lambda: _show({f"{latent} latents": _draws(str(place)) for latent, place in models.items()}),
            "Means of the pixels at draws from the prior.",
            "Sheets of digits drawn by models of several sizes",
            photographic=True,
        ),
    }
    words = ("Pictures of AEVB models of MNIST: the manifold of two latents, and draws.",)
    tables = {"The test lower bound of the models that are shown, in nats": pd.DataFrame(rows)}
    return Part("pictures", "The manifold of two latents, and draws", words, tables, figures)


@torch.no_grad()
def _pixels(path: str, z: Tensor) -> np.ndarray:
    from gapkit import load_model

    model = load_model(path)
    return torch.sigmoid(model.decoder(z)).flatten(0, 1).squeeze(1).reshape(len(z), *model.x_shape[-2:]).numpy()  # type: ignore[index,no-any-return]


def _manifold(path: str) -> np.ndarray:
    share = (torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE
    along = torch.special.ndtri(share).float()
    return _sheet(_pixels(path, torch.cartesian_prod(along.flip(0), along).flip(1)), SIDE)


def _draws(path: str) -> np.ndarray:
    from gapkit import load_model

    latent = load_model(path).latent_shape[0]  # type: ignore[index]
    return _sheet(_pixels(path, torch.randn(DRAWN**2, latent, generator=torch.Generator().manual_seed(0))), DRAWN)


def _sheet(pixels: np.ndarray, side: int) -> np.ndarray:
    """Images (side^2, H, W) side by side."""
    height, width = pixels.shape[1:]
    return pixels.reshape(side, side, height, width).swapaxes(1, 2).reshape(side * height, side * width)


def _show(sheets: dict[str, np.ndarray]) -> Axes:
    with style():
        count = len(sheets)
        axes = new_axes(5.0 if count == 1 else 1.9 * count, 5.0 if count == 1 else 2.2)
        axes.set_axis_off()
        for number, (title, sheet) in enumerate(sheets.items()):
            panel = axes.inset_axes((number / count, 0.0, 0.96 / count, 0.94))
            panel.imshow(sheet, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            panel.set(title=title, xticks=[], yticks=[])
    return axes


if __name__ == "__main__":
    experiment(jobs, part)
