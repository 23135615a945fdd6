"""``python -m analyses.meta_amortization.plane``: compiled inference of the friction on an inclined plane.

z is the friction, x the measured time of a descent, a plane (length and angle) is a data set. The encoder q(z|D, x) is
trained by the forward KL with D of twenty pairs (time, friction), and without D. The posterior is known on a grid, so
that what q loses is known too.
Refuted if the pairs do not lower the error and the loss on planes that were trained on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.axes import Axes
from torch import Tensor

from analyses.meta_amortization.settings import Seeded, Study, experiment, over_seeds
from analyses.page import Drawn, Part
from gapkit.comparison import Claim, judge
from gapkit.meta import InclinedPlane, MetaTrainConfig, compiled, descend
from gapkit.models.reference import build
from gapkit.plots.style import new_axes

__all__ = ["jobs", "part"]

PLANE, CONTEXT, QUERIES = InclinedPlane(), 20, 8
TRAIN = torch.cartesian_prod(torch.arange(2.0, 11.0, 2.0), torch.arange(20.0, 61.0, 10.0))
LENGTHS, ANGLES = torch.arange(1.0, 20.0), torch.arange(10.0, 81.0, 5.0)
TEST = torch.cartesian_prod(LENGTHS, ANGLES)


@dataclass(frozen=True)
class Inferred(Seeded):
    """An encoder, its squared error on every plane, and what it loses on those it was trained on."""

    def found(self, path: Path) -> dict[str, Any]:
        """Errors by plane, and the mean of log p(z|x) - log q(z|D, x)."""
        own, context = self.values, self.values["context"]
        torch.manual_seed(own["seed"])
        model = build(
            "meta_vae",
            x_shape=(1,),
            element_shape=(2,),
            num_datasets=1,
            latent=1,
            hidden=(64, 64),
            decoder_hidden=(),
            summary=32,
            set_hidden=(64,),
            likelihood="gaussian:sigma=1",
        )
        config = MetaTrainConfig(steps=2 * own["steps"], seed=own["seed"])
        generator = torch.Generator().manual_seed(own["seed"])

        def steps() -> Iterator[tuple[Tensor, ...]]:
            for _ in range(config.steps):
                yield _drawn(TRAIN, context, generator)

        def loss(step: tuple[Tensor, ...]) -> Tensor:
            x, z, support = step
            return -compiled(model, x, z, {"support": support}).mean()

        descend([*model.encoder.parameters()], steps(), loss, config)
        with torch.no_grad():
            errors = torch.zeros(len(TEST))
            for _ in range(10):
                x, z, support = _drawn(TEST, context, generator)
                q = model.encode(x, {"support": support})
                errors += (q.mean - z).square().reshape(len(TEST), QUERIES).mean(1) / 10
            x, z, support = _drawn(TRAIN, context, generator)
            log_q = compiled(model, x, z, {"support": support}).double()
        planes = TRAIN.repeat_interleave(QUERIES, 0)
        grid, log_p = PLANE.log_posterior(x[:, 0], planes[:, 0], planes[:, 1])
        nearest = (grid - z.double()).abs().argmin(1, keepdim=True)
        lost = log_p.gather(1, nearest)[:, 0] - log_q
        return {"errors": errors.tolist(), "lost": float(lost.mean())}


def _drawn(planes: Tensor, context: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Times and frictions (G * Q, 1) of each plane, and its support set of pairs."""
    z, t = PLANE.draw(planes[:, 0], planes[:, 1], QUERIES + context, generator)
    pairs = torch.stack([t[:, QUERIES:], z[:, QUERIES:]], 2).repeat_interleave(QUERIES, 0)
    return t[:, :QUERIES].reshape(-1, 1), z[:, :QUERIES].reshape(-1, 1), pairs


def made(study: Study, context: int) -> list[Seeded]:
    """One training for each seed."""
    return study.jobs(Inferred, context=context, steps=study.budget.steps)


def jobs(study: Study) -> list[Seeded]:
    """With and without pairs."""
    return [*made(study, CONTEXT), *made(study, 0)]


def part(study: Study) -> Part:
    """Errors on planes like those of training, and on others."""
    found = {context: [study.read(job) for job in made(study, context)] for context in (CONTEXT, 0)}
    near = (TEST[:, 0] >= 2) & (TEST[:, 0] <= 10) & (TEST[:, 1] >= 20) & (TEST[:, 1] <= 60)
    rows = [
        {
            "Pairs of context": context,
            "Squared error, within the trained ranges": over_seeds([_over(run, near) for run in runs]),
            "Squared error, outside": over_seeds([_over(run, ~near) for run in runs]),
            "E log p(z|x) - log q on trained planes (nats)": over_seeds([run["lost"] for run in runs]),
        }
        for context, runs in found.items()
    ]
    pairs = [*zip(found[0], found[CONTEXT], strict=True)]
    error = Claim(
        "Pairs of context lower the error in the trained ranges",
        "mean squared error of the friction, without minus with",
        unit="squared friction",
        source="paper's heat map",
    )
    lost = Claim("Pairs of context lower the loss", "E log p(z|x)/q, without minus with", source="paper's claim")
    judged = (
        judge(error, [_over(a, near) - _over(b, near) for a, b in pairs]),
        judge(lost, [a["lost"] - b["lost"] for a, b in pairs]),
    )
    words = (
        f"With {CONTEXT} pairs of context the squared error of the friction within the trained ranges is "
        f"{rows[0]['Squared error, within the trained ranges'].value:.4f}, without them "
        f"{rows[1]['Squared error, within the trained ranges'].value:.4f}.",
    )
    figure = Drawn(
        lambda: _draw(found[CONTEXT][0]["errors"]),
        f"Squared error of the friction by plane, with {CONTEXT} pairs of context (first training); a box marks the "
        "trained ranges.",
        "A heat map that is dark inside the box",
    )
    notes = ("Frictions are drawn up to where the block still slides: 0.9 of the tangent of the angle, at most 1.",)
    caption = "Friction on an inclined plane; errors are over trainings"
    return Part(
        "plane",
        "Compiled inference on an inclined plane",
        words,
        {caption: pd.DataFrame(rows)},
        {"map": figure},
        judged,
        notes,
    )


def _over(run: dict[str, Any], where: Tensor) -> float:
    return float(torch.tensor(run["errors"])[where].mean())


def _draw(errors: list[float]) -> Axes:
    axes = new_axes(6.0, 3.0)
    grid = torch.tensor(errors).reshape(len(LENGTHS), len(ANGLES)).T
    shown = axes.pcolormesh(LENGTHS.numpy(), ANGLES.numpy(), grid.numpy(), shading="nearest", vmin=0, vmax=0.05)
    axes.plot([2, 10, 10, 2, 2], [20, 20, 60, 60, 20], color="white")
    axes.set(xlabel="length", ylabel="angle (degrees)")
    axes.figure.colorbar(shown, ax=axes, label="squared error")
    return axes


if __name__ == "__main__":
    experiment(jobs, part)
