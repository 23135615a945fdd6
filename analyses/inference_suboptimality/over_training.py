"""``python -m analyses.inference_suboptimality.over_training``: the gaps over a training, on training and test data."""

from matplotlib.axes import Axes

from analyses.inference_suboptimality.settings import OVER_TIME, analysed, trained
from analyses.inference_suboptimality.study import LABELS, Study, experiment, means, more, said, table
from analyses.lab import Analysed
from analyses.page import Drawn, Part
from gapkit import Result
from gapkit.comparison import Claim, difference, judge
from gapkit.plots.style import COLORS, new_axes, style

__all__ = ["jobs", "part"]

POINTS = 100
GAPS = {"approximation_gap": "family", "amortization_gap": "encoder"}
CLAIMS = (
    ("test", "amortization_gap", "The amortization gap on test data grows over training"),
    ("train", "amortization_gap", "The amortization gap on training data grows over training"),
    ("train", "approximation_gap", "The approximation gap on training data grows over training"),
)


def epochs(study: Study) -> list[int]:
    """When a training is looked at."""
    every = study.budget.epochs[study.main.name] // study.budget.checkpoints
    return [every * (number + 1) for number in range(study.budget.checkpoints)]


def runs(study: Study, kind: str, epoch: int) -> list[Analysed]:
    """Each seed's model of a kind, at an epoch, in its own family."""
    points, seeds = min(POINTS, study.budget.points), study.budget.seeds if kind == "FFG" else 1
    models = [trained(study.budget, study.main, kind, seed) for seed in range(seeds)]
    return [analysed(study.budget, model, points=points, checkpoint=epoch, certificate=0) for model in models]


def jobs(study: Study) -> list[Analysed]:
    """Of all kinds, at all times."""
    return [run for kind in OVER_TIME for epoch in epochs(study) for run in runs(study, kind, epoch)]


def part(study: Study) -> Part:
    """A curve for each kind, and what grows."""
    found = {kind: {epoch: study.results(runs(study, kind, epoch)) for epoch in epochs(study)} for kind in OVER_TIME}
    names = {(kind, epoch): runs for kind, times in found.items() for epoch, runs in times.items()}
    shown = table({f"{kind}, epoch {epoch}": runs for (kind, epoch), runs in names.items()}, LABELS, "Model")
    first, last = epochs(study)[0], epochs(study)[-1]
    judged = []
    for split, gap, text in CLAIMS:
        pairs = zip(found["FFG"][last], found["FFG"][first], strict=True)
        contrast = f"{gap.replace('_', ' ')} of FFG, epoch {last} minus epoch {first}"
        measured = [difference(late, early, gap, split) for late, early in pairs]
        judged.append(judge(Claim(text, contrast, source="gaps over training"), measured))
    words = (
        f"At epoch {last} the amortization gap of FFG on test data is {more(judged[0])} than at epoch {first}; that it "
        f"grows is {said(judged[0])}.",
    )
    drawn = Drawn(
        lambda: _draw(found),
        "Bands are one standard error: of FFG with that between trainings. Training data solid, test data dashed.",
        "Two curves of either gap for each of four kinds of model.",
    )
    caption = f"Gaps over training on {study.main.name}, in nats"
    tables = {caption: shown}
    notes = ("The learning rate falls as a cosine, so that early epochs are at a high one.",)
    return Part("over_training", "The gaps over training", words, tables, {"curves": drawn}, tuple(judged), notes)


def _draw(found: dict[str, dict[int, list[Result]]]) -> Axes:
    with style():
        whole = new_axes(8.0, 2.9)
        whole.set_axis_off()
        panels = [whole.inset_axes((number / len(found), 0.0, 0.92 / len(found), 1.0)) for number in range(len(found))]
        for ax, (kind, times) in zip(panels, found.items(), strict=True):
            for gap, color in GAPS.items():
                for split, line in (("train", "-"), ("test", "--")):
                    cells = [means(results, split, {gap: gap})[gap] for results in times.values()]
                    at, values = list(times), [cell.value for cell in cells]
                    errors = [cell.error or 0.0 for cell in cells]
                    label = f"{gap.split('_')[0]}, {split}"
                    ax.plot(at, values, line, color=COLORS[color], lw=1.4, label=label)
                    low, high = ([v + sign * e for v, e in zip(values, errors, strict=True)] for sign in (-1, 1))
                    ax.fill_between(at, low, high, color=COLORS[color], alpha=0.15, lw=0)
            ax.set_title(kind, fontsize=7.5)
            ax.set_xlabel("epoch")
        ends = [ax.get_ylim() for ax in panels]
        for ax in panels:
            ax.set_ylim(min(0.0, *(low for low, _ in ends)), max(high for _, high in ends))
        for ax in panels[1:]:
            ax.set_yticklabels([])
        panels[0].set_ylabel("gap (nats)")
        panels[0].legend(fontsize=6.5)
        return whole


if __name__ == "__main__":
    experiment(jobs, part)
