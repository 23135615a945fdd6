"""Results with importance weights, AIS from both sides and certificates, for pictures of them."""

from dataclasses import replace

import numpy as np

from gapkit.core.means import Mean
from gapkit.report.figures.evidence import EVIDENCE
from gapkit.results import Result
from gapkit.results.records import AisCertificate, MeanAndMedian, Summary
from gapkit.results.summary import summarise
from tests.plots.tables import make

RUN = {
    "settings": {
        "iwae": {"num_samples": 1000},
        "fit": {"tolerance": 0.02},
        "evidence": {"pooled": {"num_samples": 100}, "ais": {"acceptance": 0.75}},
    }
}
_LEVEL = Mean(-90.0, 0.01, 0.1, (-90.2, -89.8), (-95.0, -85.0), 50, 0)
_GAP = MeanAndMedian(0.0123, 0.001, 0.005, (-0.001, 0.02), None, 50, 0, median=None)
SIMULATED = AisCertificate(_LEVEL, _LEVEL, _GAP)
REASONS = ["", "control", "khat", "control", "", "forced", "rising", "control"]


def frame(count=8, seed=0, split="test", **changes):
    """A table with everything that the diagnosis of log p(x) and of the fits rests on."""
    rng = np.random.default_rng(seed)
    star = np.full(count, -90.0)
    rows = make(star - rng.lognormal(0.0, 1.0, count), star, star + rng.gamma(2.0, 0.5, count), split=split)
    reason = np.resize(np.array(REASONS, object), count)
    ran = reason != ""
    ais = np.where(ran, rows["log_px"] + rng.normal(0.0, 0.05, count), np.nan)
    left = rng.gamma(0.5, 0.01, count) - 0.002
    columns = {
        "pooled_khat": rng.normal(0.4, 0.3, count),
        "pooled_samples": 1000,
        "khat": rng.normal(0.7, 0.3, count),
        "ess": rng.uniform(1.0, 900.0, count),
        "ais": ais,
        "ais_se": 0.03,
        "ais_upper": ais + rng.gamma(1.0, 0.05, count),
        "ais_upper_se": 0.02,
        "ais_reason": reason,
        "ais_acceptance": np.where(ran, rng.uniform(0.5, 0.9, count), np.nan),
        "optimality_gap": left,
        "optimality_gap_se": 0.002,
        "fit": np.where(left > 0.02, "budget", "converged"),
        "fit_steps": rng.choice([50, 100, 200], count),
    }
    return rows.assign(**{**columns, **changes})


def result(rows, run=RUN, **more):
    # These pictures take no means from the summary, and intervals of many datapoints take seconds.
    few = {name: {"datapoints": len(part), "other_start": 0} for name, part in rows.groupby("split", sort=False)}
    summary = summarise(rows) if len(rows) < 10 else Summary.of({"splits": few})
    return Result(rows, replace(summary, **more), run)


WATCHED = [drawing for drawing in EVIDENCE if drawing.name in ("simulated", "ais-convergence", "fit-convergence")]
