"""``python -m analyses.meta_amortization.recovery``: parameters of exponential families.

An encoder g(D, x) is trained by the forward KL on sets of Gaussian, log-normal and exponential numbers, and asked for
mean and log standard deviation of the set; within the trained range of parameters, beyond it, and in unseen families.
Refuted if the error is not larger outside the range than inside, or context does not help.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from analyses.meta_amortization.settings import Seeded, Study, experiment, over_seeds
from analyses.page import Part
from gapkit.comparison import Claim, judge
from gapkit.meta import FAMILIES, MetaTrainConfig, compiled, descend, draw_sets
from gapkit.models.reference import build

__all__ = ["jobs", "part"]

CONTEXT, GROUPS, POINTS = 20, 64, 21
SEEN = [name for name, family in FAMILIES.items() if family.seen]


@dataclass(frozen=True)
class Recovered(Seeded):
    """Errors of an encoder by family and parameter."""

    def found(self, path: Path) -> dict[str, Any]:
        """Mean squared errors of the mean, by family: parameters, errors, and whether they are in the range."""
        own, context = self.values, self.values["context"]
        torch.manual_seed(own["seed"])
        model = build(
            "meta_vae",
            x_shape=(2,),
            num_datasets=1,
            latent=2,
            hidden=(64, 64),
            decoder_hidden=(),
            summary=32,
            set_hidden=(64,),
            likelihood="gaussian:sigma=1",
        )
        config = MetaTrainConfig(steps=2 * own["steps"], context_size=context, seed=own["seed"])
        generator = torch.Generator().manual_seed(own["seed"])

        def steps() -> Iterator[tuple[Tensor, Tensor]]:
            for number in range(config.steps):
                name = SEEN[number % len(SEEN)]
                low, high = FAMILIES[name].trained
                parameter = low + (high - low) * torch.rand(GROUPS, generator=generator)
                yield draw_sets(name, parameter, 1 + context, generator)

        def loss(step: tuple[Tensor, Tensor]) -> Tensor:
            x, z = step
            return -compiled(model, x[:, 0], z, {"support": x[:, 1:]}).mean()

        descend([*model.encoder.parameters()], steps(), loss, config)
        found = {}
        for name, family in FAMILIES.items():
            parameter = torch.linspace(*family.wider, POINTS)
            errors = torch.stack([_errors(model, name, parameter, context, generator) for _ in range(50)]).mean(0)
            inside = (parameter >= family.trained[0]) & (parameter <= family.trained[1])
            found[name] = {"errors": errors.tolist(), "inside": inside.tolist(), "parameter": parameter.tolist()}
        return found


@torch.no_grad()
def _errors(model: Any, name: str, parameter: Tensor, context: int, generator: torch.Generator) -> Tensor:
    x, z = draw_sets(name, parameter, 1 + context, generator)
    return (model.encode(x[:, 0], {"support": x[:, 1:]}).mean - z)[:, 0].square()


def made(study: Study, context: int) -> list[Seeded]:
    """One training for each seed."""
    return study.jobs(Recovered, context=context, steps=study.budget.steps)


def jobs(study: Study) -> list[Seeded]:
    """With and without a support set."""
    return [*made(study, CONTEXT), *made(study, 0)]


def part(study: Study) -> Part:
    """Errors inside and outside of what was trained."""
    found = {context: [study.read(job) for job in made(study, context)] for context in (CONTEXT, 0)}
    rows, judged = [], []
    for name, family in FAMILIES.items():
        row: dict[str, Any] = {"Family": name, "Trained on": "yes" if family.seen else "no"}
        for inside in (True, False):
            for context, runs in found.items():
                label = f"{'Inside' if inside else 'Outside'}, {context} datapoints"
                row[label] = over_seeds([_mean(run[name], inside) for run in runs])
        rows.append(row)
        if family.seen:
            claim = Claim(
                f"Outside the trained range the error is larger ({name})",
                "mean squared error of the mean, outside minus inside",
                unit="squared units of x",
                source="paper's figure",
            )
            judged.append(judge(claim, [_mean(run[name], False) - _mean(run[name], True) for run in found[CONTEXT]]))
    claim = Claim(
        "A support set lowers the error in the trained range",
        "mean squared error over the three families, without context minus with it",
        unit="squared units of x",
        source="paper's claim",
    )
    pairs = zip(found[0], found[CONTEXT], strict=True)
    judged.append(
        judge(claim, [sum(_mean(a[n], True) - _mean(b[n], True) for n in SEEN) / len(SEEN) for a, b in pairs])
    )
    with_it, without = (over_seeds([_mean(run["gaussian"], True) for run in found[c]]).value for c in (CONTEXT, 0))
    words = (
        f"In the trained range of Gaussian means the squared error is {with_it:.3f} with {CONTEXT} datapoints of "
        f"context and {without:.3f} without; outside it, and in unseen families, see the table.",
    )
    caption = "Mean squared error of the inferred mean, by family and range of the parameter; errors are over trainings"
    return Part(
        "recovery",
        "Parameters in and out of the trained range",
        words,
        {caption: pd.DataFrame(rows)},
        {},
        tuple(judged),
    )


def _mean(found: dict[str, Any], inside: bool) -> float:
    errors = [e for e, there in zip(found["errors"], found["inside"], strict=True) if there == inside]
    return sum(errors) / len(errors)


if __name__ == "__main__":
    experiment(jobs, part)
