"""Results with details made by hand: latents, a curve, pictures and maps."""

from dataclasses import replace

import numpy as np

from gapkit.core.regions import mass_inside, points_inside
from gapkit.report.figures.details import DETAILS
from gapkit.results import Result
from gapkit.results.iwae_curve import grouped_bounds, summarise_iwae_curve
from gapkit.results.latent_use import summarise_latents
from tests.results.by_hand import make
from tests.results.edited import with_parts


def used(variances=(1.0, 0.5, 0.001), count=40, **changes):
    """What a summary says of the latents, by the variances of the posterior means."""
    rng = np.random.default_rng(0)
    loc = rng.normal(size=(count, len(variances))) * np.sqrt(variances)
    scale = np.sqrt(np.clip(1 - np.array(variances), 0.05, 1)) * np.ones_like(loc)
    noise = rng.normal(size=(4, count, len(variances)))
    return replace(summarise_latents(loc, scale, np.log(scale).sum(1), noise), **changes)


def curve(draws=256, count=12, spread=2.0):
    log_w = np.random.default_rng(1).normal(-91.0, spread, (draws, count))
    return summarise_iwae_curve(grouped_bounds(log_w), draws, np.full(count, -88.0), np.full(count, 0.1))


def pictures(shape=(8, 8), count=3, seed=0):
    rng = np.random.default_rng(seed)
    rows = ("x", "under_q", "under_q_star", "posterior_sample")
    images = {f"worst_{row}": rng.random((count, *shape)).astype(np.float32) for row in rows}
    return {"worst_index": np.arange(count)[::-1].copy(), **images}


def maps(dimensions=2, rows=2, seed=0):
    """Normal posteriors at the origin; q is a standard normal one displaced to the right."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(-6, 6, 96)
    x, y = np.meshgrid(axis, axis)

    def normal(mean, scale):
        return -0.5 * (((x - mean) / scale) ** 2 + (y / scale) ** 2) - np.log(2 * np.pi * scale**2)

    density = np.stack([normal(0.0, 1.0), normal(1.5, 1.0), normal(0.0, 0.7)])
    points = rng.normal(size=(300, 2))
    if dimensions == 2:
        inside = [mass_inside(density[0], part, 0.95) for part in density]
    else:
        inside = [np.nan, *(points_inside(points, axis, axis, part, 0.95) for part in density[1:])]
        density[0] = np.nan
    parts = {"x": axis, "y": axis, "log_density": density, "inside": np.array(inside), "points": points}
    parts |= {"plane": rng.normal(size=(3, dimensions)), "effective": np.array(250.0)}
    stacked = {f"contours_{name}": np.stack([part] * rows).astype(np.float32) for name, part in parts.items()}
    return {
        "contours_index": np.arange(rows),
        "contours_columns": np.array(["true posterior", "q", "q* mean field"]),
        **stacked,
    }


def result(details=None, split="test", **parts):
    """Three datapoints and whatever parts a test wants."""
    whole = make([-95.0, -92.0, -99.0], [-90.0, -91.0, -93.0], [-89.0, -90.5, -90.0], split=split)
    parts = parts or {"latents": used(), "iwae_curve": curve()}
    summary = with_parts(whole.summary_values, split, **parts)
    details = {**pictures(), **maps()} if details is None else details
    return Result(whole.datapoints, summary, {"details": {"split": split}}, details)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def names(whole, split="test"):
    return [drawing.name for drawing in DETAILS if drawing.applies(whole, split)]
