"""``python -m benchmarks.routes --json FILE``: a published checkpoint against two long independent routes to log p(x).

Route 1 is AIS from the prior, route 2 AIS from the fitted modes, both long. Where an analysis at default settings lies
more than a nat below the better of the two, the datapoint's status must say so.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.problem import images
from gapkit import analyze, checkpoints
from gapkit.core.randomness import Key
from gapkit.doctor.contract import fit_to_model
from gapkit.engine import spec_for
from gapkit.estimators import Ais
from gapkit.local import build_bank, fit_batch
from gapkit.models.freeze import frozen
from gapkit.target import PriorProposal, Target, recognise


def main() -> None:
    """Analyse, run both routes, compare, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routes", description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--checkpoint", required=True, help="the published file")
    parser.add_argument("--model", required=True, help="file.py:factory")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--precision", default="bfloat16", help="of the gradients of both routes")
    parser.add_argument("--prior-run", type=int, nargs=3, default=(16, 2000, 5), help="chains, temperatures, leapfrogs")
    parser.add_argument("--modes-run", type=int, nargs=3, default=(64, 500, 2), help="chains, temperatures, leapfrogs")
    arguments = parser.parse_args()
    model = checkpoints.load(arguments.checkpoint, model=arguments.model).model
    x, others = images(arguments.data, arguments.images), images(arguments.data, 10_000, "train")
    found = analyze(model, x, other_x=others)
    frame = found.to_frame()
    values = torch.tensor(frame["log_px"].to_numpy())
    with frozen(model), torch.no_grad():
        target, key = Target(model, fit_to_model(model, x)), Key(1, tuple(range(len(x))))
        encoded = recognise(model.encode(fit_to_model(model, others)))
        bank = build_bank(target, encoded.loc, 4096, 1)
        thorough = spec_for("thorough").fit
        modes = fit_batch(target, recognise(model.encode(target.x)), bank, key, thorough).mixture
        prior = PriorProposal(target.prior, len(x))
        long = Ais(precision=arguments.precision, pilot_chains=8)
        routes = {
            "prior": (replace(long, **_shape(arguments.prior_run), stage="route/prior"), prior),
            "modes": (replace(long, **_shape(arguments.modes_run), stage="route/modes"), modes),
        }
        levels = {name: ais.on(target, start, key).value for name, (ais, start) in routes.items()}
    better = torch.maximum(levels["prior"], levels["modes"])
    below = better - values
    flagged = torch.tensor((frame["status"] != "ok").to_numpy())
    summary = {
        "images": len(x),
        "share_flagged": float(flagged.double().mean()),
        "unflagged_more_than_a_nat_below": int(((below > 1.0) & ~flagged).sum()),
        "flagged_more_than_a_nat_below": int(((below > 1.0) & flagged).sum()),
        "furthest_below": float(below.max()),
        "mean_below": float(below.mean()),
        "mean_log_px": float(values.mean()),
        "mean_prior_route": float(levels["prior"].mean()),
        "mean_modes_route": float(levels["modes"].mean()),
        "prior_route_higher_by_a_nat": int((levels["prior"] - levels["modes"] > 1.0).sum()),
    }
    arguments.json.write_text(json.dumps(summary, indent=2) + "\n", "utf-8")
    print(json.dumps(summary, indent=2))


def _shape(run: tuple[int, int, int]) -> dict[str, int]:
    return dict(zip(("num_chains", "num_temperatures", "num_leapfrogs"), run, strict=True))


if __name__ == "__main__":
    main()
