"""``python -m analyses.inference_suboptimality.ais_check``: is AIS near log p(x)? Bounds from both sides (BDMC)."""

from collections.abc import Sequence

import pandas as pd

from analyses.inference_suboptimality.settings import KINDS
from analyses.inference_suboptimality.study import Study, experiment
from analyses.lab import Analysed
from analyses.page import Part
from gapkit import Result
from gapkit.comparison import Claim, Judged, judge
from gapkit.report.blocks import PlusMinus

__all__ = ["jobs", "part"]

SHARE = 0.1


def jobs(study: Study) -> list[Analysed]:
    """Every kind's runs of the other tables, which simulate datapoints too."""
    return [run for kind in KINDS for run in study.runs(kind)]


def sandwich(result: Result) -> float:
    """Mean upper bound minus mean lower bound on simulated data, in nats."""
    upper, lower = result.details["simulated_upper"], result.details["simulated_lower"]
    return float((upper - lower).mean())


def part(study: Study) -> Part:
    """The table and a claim for each kind."""
    rows, judged = [], []
    for kind in KINDS:
        results = study.of(kind)
        widths = pd.Series([sandwich(result) for result in results])
        gap = pd.Series([result.summary.loc["total_gap", "mean"] for result in results])
        error = widths.std(ddof=1) / len(widths) ** 0.5
        rows.append({"Model": kind, "Sandwich": PlusMinus(widths.mean(), error), "Inference gap": gap.mean()})
        judged.append(_claim(kind, results))
    held = sum(one.verdict == "holds" for one in judged)
    words = (
        f"On data simulated from the models, AIS bounds from below and above are apart by less than {SHARE:.0%} of "
        f"the inference gap for {held} of {len(judged)} kinds of model.",
    )
    count = study.budget.spec["certificate"]
    caption = f"Bidirectional Monte Carlo on {count} datapoints simulated from each model, in nats"
    return Part("ais_check", "AIS checked from both sides", words, {caption: pd.DataFrame(rows)}, judged=tuple(judged))


def _claim(kind: str, results: Sequence[Result]) -> Judged:
    text = f"AIS is tight: the sandwich is below {SHARE:.0%} of the inference gap ({kind})"
    claim = Claim(text, f"{SHARE:g} times the inference gap, minus the sandwich", source="BDMC check")
    return judge(claim, [SHARE * result.summary.loc["total_gap", "mean"] - sandwich(result) for result in results])


if __name__ == "__main__":
    experiment(jobs, part)
