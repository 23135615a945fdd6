"""``python -m analyses.inference_suboptimality.capacity``: the amortization gap against the size of the encoder.

One trained decoder stays; encoders without to with three hidden layers, and of 50 to 1,000 units, are trained on it. So
log p(x) and L[q*] are the same for all, and only L[q] differs.
"""

import pandas as pd
from matplotlib.axes import Axes

from analyses.inference_suboptimality.settings import analysed, trained
from analyses.inference_suboptimality.study import Study, experiment, over_seeds
from analyses.lab import Analysed, Refitted
from analyses.page import Drawn, Part
from gapkit import Result
from gapkit.comparison import Claim, Judged, difference, judge
from gapkit.plots.style import COLORS, new_axes, style

__all__ = ["jobs", "part", "refitted"]

EPOCHS = 0.25  # of the model's training


def refitted(study: Study, seed: int, **settings: object) -> Refitted:
    """Another encoder for the FFG model of a seed."""
    of = trained(study.budget, study.main, "FFG", seed)
    epochs = max(1, int(EPOCHS * study.budget.epochs[study.main.name]))
    whole = {"start": "fresh", "epochs": epochs, "seed": seed, **settings}
    return Refitted(of, tuple(sorted(whole.items())))


def sizes(study: Study) -> list[tuple[int, ...]]:
    """Widths of the hidden layers."""
    width = study.budget.width
    if study.budget.name == "smoke":
        return [(), (width,)]
    return [(), (50, 50), (width,), (width, width), (width,) * 3, (1000, 1000)]


def runs(study: Study, hidden: tuple[int, ...]) -> list[Analysed]:
    """Of each seed."""
    of = [refitted(study, seed, hidden=hidden) for seed in range(study.budget.seeds)]
    return [analysed(study.budget, one, "mean_field", certificate=0) for one in of]


def jobs(study: Study) -> list[Analysed]:
    """Of every size."""
    return [run for hidden in sizes(study) for run in runs(study, hidden)]


def part(study: Study) -> Part:
    """A curve, and whether hidden layers help."""
    found = {hidden: study.results(runs(study, hidden)) for hidden in sizes(study)}
    names = {hidden: " × ".join(map(str, hidden)) or "none" for hidden in found}
    rows = [
        {
            "Hidden layers": names[hidden],
            **{f"Amortization, {split}": over_seeds(results, "amortization_gap", split) for split in ("train", "test")},
        }
        for hidden, results in found.items()
    ]
    judged = [_claim(found, split) for split in ("train", "test")]
    table = pd.DataFrame(rows)
    worst, best = (function(table["Amortization, train"], key=lambda cell: cell.value) for function in (max, min))
    words = (
        f"On one decoder, the amortization gap on training data goes from {worst.value:.2f} (±{worst.error:.2f}) to "
        f"{best.value:.2f} (±{best.error:.2f}) nats with the size of the encoder alone.",
    )
    drawn = Drawn(
        lambda: _draw(table),
        "Amortization gap against the encoder's hidden layers; bars are two standard errors.",
        "A point for each size of the encoder, for training and for test data.",
    )
    caption = f"Encoders trained on the decoder of an FFG model of {study.main.name}, in nats"
    return Part("capacity", "How large must the encoder be?", words, {caption: table}, {"curve": drawn}, tuple(judged))


def _claim(found: dict[tuple[int, ...], list[Result]], split: str) -> Judged:
    every = list(found.values())
    pairs = zip(every[0], every[-1], strict=True)
    text = f"A large encoder has a smaller amortization gap than one without ({split} data)"
    contrast = "amortization gap on one decoder, no hidden layer minus the largest encoder"
    measured = [difference(none, some, "amortization_gap", split) for none, some in pairs]
    return judge(Claim(text, contrast, source="encoder capacity"), measured)


def _draw(table: pd.DataFrame) -> Axes:
    with style():
        ax = new_axes(5.6, 3.0)
        for shift, split in ((-0.06, "train"), (0.06, "test")):
            cells = table[f"Amortization, {split}"]
            color = COLORS["encoder" if split == "train" else "family"]
            places = [place + shift for place in range(len(table))]
            values, errors = [cell.value for cell in cells], [2 * (cell.error or 0.0) for cell in cells]
            ax.errorbar(places, values, errors, fmt="o", ms=4, lw=1.2, color=color, label=f"{split} data")
        ax.set_xticks(range(len(table)), table["Hidden layers"])
        ax.set_xlabel("hidden layers of the encoder")
        ax.set_ylabel("amortization gap (nats)")
        ax.set_ylim(bottom=0.0)
        ax.legend()
        return ax


if __name__ == "__main__":
    experiment(jobs, part)
