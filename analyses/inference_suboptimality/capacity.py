"""``python -m analyses.inference_suboptimality.capacity``: the amortization gap against the size of the encoder.

One trained decoder stays; encoders without to with three hidden layers, and of 50 to 1,000 units, are trained on it. So
log p(x) and L[q*] are the same for all, and only L[q] differs.
"""

import pandas as pd
from matplotlib.axes import Axes

from analyses.inference_suboptimality.settings import FFG, analysed, refitted
from analyses.inference_suboptimality.study import LABELS, Study, experiment, more, said, table
from analyses.lab import Analysed
from analyses.page import Drawn, Part
from gapkit import Result
from gapkit.comparison import Claim, Judged, difference, judge
from gapkit.plots.style import COLORS, new_axes, style

__all__ = ["jobs", "part"]


def sizes(study: Study) -> list[tuple[int, ...]]:
    """Widths of the hidden layers, from the smallest encoder to the largest."""
    width = study.budget.width
    if study.budget.name == "smoke":
        return [(), (width,)]
    return [(), (50, 50), (width,), (width, width), (width,) * 3, (1000, 1000)]


def runs(study: Study, hidden: tuple[int, ...]) -> list[Analysed]:
    """Of each seed."""
    of = [refitted(study.budget, study.main, seed, hidden=hidden) for seed in range(study.budget.seeds)]
    return [analysed(study.budget, one, FFG, certificate=0) for one in of]


def jobs(study: Study) -> list[Analysed]:
    """A run of every size and seed."""
    return [run for hidden in sizes(study) for run in runs(study, hidden)]


def part(study: Study) -> Part:
    """A curve, and whether the largest encoder is better than one without hidden layers."""
    found = {hidden: study.results(runs(study, hidden)) for hidden in sizes(study)}
    named = {" × ".join(map(str, hidden)) or "none": results for hidden, results in found.items()}
    judged = [_claim(named, split) for split in ("train", "test")]
    words = (
        f"On one decoder, an encoder of {list(named)[-1]} hidden units has an L[q] {more(judged[0], 'above', 'below')} "
        f"that of one without hidden layers on training data, and {more(judged[1], 'above', 'below')} on test data; "
        f"that capacity lowers the amortization gap is {said(judged[0])} there and {said(judged[1])} here.",
    )
    shown = table(named, {name: LABELS[name] for name in ("elbo", "amortization_gap")}, "Hidden layers")
    drawn = Drawn(
        lambda: _draw(shown),
        "Amortization gap against the encoder's hidden layers; bars are two standard errors.",
        "A point for each size of the encoder, for training and for test data.",
    )
    caption = f"Encoders trained on the decoders of FFG models of {study.main.name}, in nats"
    notes = ("All sizes are trained for the same number of steps, so that a large one may be farther from its end.",)
    title = "How large must the encoder be?"
    return Part("capacity", title, words, {caption: shown}, {"curve": drawn}, tuple(judged), notes)


def _claim(named: dict[str, list[Result]], split: str) -> Judged:
    """As only L[q] differs, its difference is that of the amortization gaps, without the noise of fits."""
    every = list(named.values())
    text = f"The largest encoder has a smaller amortization gap than one without hidden layers ({split} data)"
    claim = Claim(text, "L[q] on one decoder, the largest encoder minus none", source="encoder capacity")
    pairs = zip(every[-1], every[0], strict=True)
    return judge(claim, [difference(large, none, "elbo", split) for large, none in pairs])


def _draw(shown: pd.DataFrame) -> Axes:
    with style():
        ax = new_axes(5.6, 3.0)
        color = COLORS["encoder"]
        for shift, split, mark in ((-0.06, "train", "o"), (0.06, "test", "s")):
            rows = shown[shown["Split"] == split]
            places = [place + shift for place in range(len(rows))]
            values = [cell.value for cell in rows["Amortization"]]
            errors = [2 * (cell.error or 0.0) for cell in rows["Amortization"]]
            filled = color if split == "train" else "white"
            look = {"fmt": mark, "ms": 4, "lw": 1.2, "color": color, "mfc": filled}
            ax.errorbar(places, values, errors, label=f"{split} data", **look)
        ax.set_xticks(range(len(rows)), rows["Hidden layers"])
        ax.set_xlabel("hidden layers of the encoder")
        ax.set_ylabel("amortization gap (nats)")
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        ax.legend()
        return ax


if __name__ == "__main__":
    experiment(jobs, part)
