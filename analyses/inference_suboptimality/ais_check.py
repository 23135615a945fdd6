"""``python -m analyses.inference_suboptimality.ais_check``: is AIS near log p(x)? Bounds from both sides (BDMC)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analyses.inference_suboptimality.settings import KINDS
from analyses.inference_suboptimality.study import Study, experiment
from analyses.lab import Analysed
from analyses.page import Part
from gapkit import Result
from gapkit.comparison import Claim, Measured, judge, level
from gapkit.comparison.trainings import mean_over_trainings
from gapkit.report.blocks import PlusMinus

__all__ = ["jobs", "part"]

SHARE = 0.1


def jobs(study: Study) -> list[Analysed]:
    """Every kind's runs of the other tables, which simulate datapoints too."""
    return [run for kind in KINDS for run in study.runs(kind)]


def sandwich(result: Result) -> pd.Series:
    """Upper bound minus lower bound on the data simulated from the model, in nats."""
    return pd.Series(result.details["simulated_upper"] - result.details["simulated_lower"])


def part(study: Study) -> Part:
    """The table and a claim for each kind."""
    rows, judged = [], []
    for kind in KINDS:
        results = study.of(kind)
        text = f"AIS is tight: the sandwich is below {SHARE:.0%} of the inference gap ({kind})"
        claim = Claim(text, f"{SHARE:g} times the inference gap on training data, minus the sandwich on simulated data")
        measured = [
            level(result, "total_gap", "train").times(SHARE).apart(Measured(sandwich(result))) for result in results
        ]
        judged.append(judge(claim, measured))
        widths = mean_over_trainings(np.stack([sandwich(result) for result in results]))
        rows.append({"Model": kind, "Sandwich": PlusMinus(widths.mean, widths.se), **_agreement(results)})
    counts = {verdict: sum(one.verdict == verdict for one in judged) for verdict in ("holds", "does not hold")}
    words = (
        "That AIS bounds from below and from above, on data simulated from the model, are apart by less than "
        f"{SHARE:.0%} of the inference gap is shown for {counts['holds']} of {len(judged)} kinds of model, refuted "
        f"for {counts['does not hold']}.",
    )
    count = study.budget.spec["certificate"]
    caption = f"Bidirectional Monte Carlo on {count} datapoints simulated from each model, in nats"
    notes = (
        "The numbers of the other tables come from importance sampling where that can be trusted; the last column "
        "tells by how much they are above AIS where both were run.",
    )
    title = "AIS checked from both sides"
    return Part("ais_check", title, words, {caption: pd.DataFrame(rows)}, judged=tuple(judged), notes=notes)


def _agreement(results: Sequence[Result]) -> dict[str, object]:
    """Where AIS was run: how many datapoints, and log p(x) of the tables minus AIS."""
    table = pd.concat([result.datapoints for result in results])
    apart = (table["log_px"] - table["ais"])[np.isfinite(table["ais"].to_numpy(float))]
    error = float(apart.std(ddof=1) / len(apart) ** 0.5) if len(apart) > 1 else None
    mean = PlusMinus(float(apart.mean()), error) if len(apart) else PlusMinus(None, None)
    return {"Run with AIS": len(apart), "log p(x) minus AIS": mean}


if __name__ == "__main__":
    experiment(jobs, part)
