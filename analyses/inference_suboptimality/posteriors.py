"""``python -m analyses.inference_suboptimality.posteriors``: true, amortized and optimal posteriors of two latents."""

from matplotlib.axes import Axes

from analyses.inference_suboptimality.settings import AF, FFG, analysed, trained
from analyses.inference_suboptimality.study import Study, experiment
from analyses.lab import Analysed
from analyses.page import Drawn, Part
from gapkit import Result
from gapkit.plots import contours

__all__ = ["jobs", "part"]


def job(study: Study) -> Analysed:
    """A model of two latents, with q* of both families, and maps of some posteriors."""
    width = (study.budget.width // 2,)
    of = trained(study.budget, study.main, "FFG", latent=2, hidden=width, decoder_hidden=width)
    points = min(100, study.budget.points)
    return analysed(study.budget, of, FFG, AF, points=points, certificate=0, details=4)


def jobs(study: Study) -> list[Analysed]:
    """The one run."""
    return [job(study)]


def part(study: Study) -> Part:
    """The maps."""
    result = study.lab.result(job(study))
    gaps = {name: result.summary.loc[name, "mean"] for name in ("approximation_gap", "amortization_gap")}
    family, encoder = gaps.values()
    words = (
        f"With two latents the true posterior can be seen: the best factorised Gaussian loses {family:z.2f} nats on "
        f"average over training data, and the encoder {encoder:z.2f} more.",
    )
    drawn = Drawn(
        lambda: _draw(result),
        "Training images: the true posterior in grey, q of the encoder, the best FFG and the best AF.",
        "Rows of panels with the contours of each q over the true posterior.",
    )
    return Part("posteriors", "True and approximate posteriors in two dimensions", words, figures={"maps": drawn})


def _draw(result: Result) -> Axes:
    return contours(result, split="train")


if __name__ == "__main__":
    experiment(jobs, part)
