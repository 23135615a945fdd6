"""``python -m benchmarks.ais --json FILE``: cost and speed of log p(x), everything side by side in one run.

gapkit, the textbook configuration as settings of the same code, the matrix products alone, and peers that install
(``pip install -r benchmarks/requirements.txt``; a peer that is missing is left out and named).
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch

from benchmarks import curves, peers
from benchmarks.arguments import parser
from benchmarks.convolution import convolution
from benchmarks.output import machine, timed, told
from benchmarks.problem import Gold, Problem, gold, images, make_problem, rms, trained
from benchmarks.speed import shares_of_the_limit
from gapkit import analyze, checkpoints
from gapkit.core.files import write_json
from gapkit.engine import spec_for
from gapkit.models.freeze import frozen

_PARTS = ("speed", "convolution", "analyses", "peers", "gradients")


def main() -> None:
    """Run all parts, or those asked for, and write one JSON file."""
    arguments = _arguments()
    folder = arguments.json.parent
    folder.mkdir(parents=True, exist_ok=True)
    path = trained(arguments.model, arguments.data, folder / "model")
    model = checkpoints.load(path).model
    results: dict[str, Any] = json.loads(arguments.json.read_text("utf-8")) if arguments.json.exists() else {}
    results |= {"machine": machine(), "arguments": told(arguments)}
    with frozen(model):
        problem = timed("fits", lambda: make_problem(model, arguments.data, arguments.images))
        best = timed("gold", lambda: gold(problem, arguments.gold_temperatures))
        results["gold"] = {"mean_log_px": float(best.log_px.mean()), "two_runs_apart_rms": best.apart}
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "speed": lambda: speed(make_problem(model, arguments.data, 2 * arguments.images)),
            "convolution": lambda: {"convolution": convolution()},
            "analyses": lambda: whole(problem, best, arguments),
            "peers": lambda: {"peers": against_peers(problem, best)},
            "gradients": lambda: gradients(problem, best, arguments),
        }
        for name in arguments.parts:
            results |= timed(name, parts[name])
            write_json(arguments.json, results)
    print(json.dumps({k: v for k, v in results.items() if isinstance(v, float)}, indent=2))


def gradients(problem: Problem, best: Gold, arguments: argparse.Namespace) -> dict[str, Any]:
    """Work per datapoint for a given error, gapkit against the textbook."""
    runs = [(16, 1000), (arguments.textbook_chains, arguments.textbook_temperatures)]
    points = {
        "textbook": curves.textbook(problem, best, runs, arguments.textbook_precision),
        "ais_from_optimum": curves.ais_from_optimum(problem, best),
        "policy": curves.policy(problem, best),
        "end_to_end": curves.end_to_end(problem, best),
    }
    needs = {(name, rmse): curves.work_at(part, rmse) for name, part in points.items() for rmse in (0.1, 0.2)}
    return {
        "ais_gradient_ratio_at_rmse_0.2": needs["textbook", 0.2] / needs["ais_from_optimum", 0.2],
        "gradient_ratio_at_rmse_0.1": needs["textbook", 0.1] / needs["policy", 0.1],
        "end_to_end_ratio": needs["textbook", 0.1] / needs["end_to_end", 0.1],
        "gradients_needed": {f"{name} at rmse {rmse}": work for (name, rmse), work in needs.items()},
        "points": {name: [asdict(point) for point in part] for name, part in points.items()},
    }


def speed(problem: Problem) -> dict[str, Any]:
    """Shares of the limit that matrix products set; the headline numbers are the best of the numbers of leapfrogs."""
    rates = shares_of_the_limit(problem)
    shares = {name: value for name, value in rates.items() if "share" in name}
    full = [value for name, value in shares.items() if name.startswith("full")]
    low = [value for name, value in shares.items() if name.startswith("bfloat16")]
    found: dict[str, Any] = {"share_of_limit_cpu": max(full), "speed": rates}
    return found | ({"bf16_over_fp32_limit_cpu": max(low)} if low else {})


def whole(problem: Problem, best: Gold, arguments: argparse.Namespace) -> dict[str, Any]:
    """Analyses of many images: seconds, and error on those with a gold value."""
    x, others = images(arguments.data, arguments.analysed), images(arguments.data, 10_000, "train")
    found: dict[str, Any] = {}
    for effort in ("quick", "standard"):
        start = time.perf_counter()
        result = analyze(problem.model, x, spec_for(effort), other_x=others)
        found[f"seconds_{arguments.analysed}_{effort}"] = time.perf_counter() - start
        frame = result.to_frame()
        known = torch.tensor(frame["log_px"].to_numpy()[: len(best.log_px)])
        found[f"rmse_{effort}"] = rms(known - best.log_px)
        found[f"flagged_{effort}"] = float((frame["status"] != "ok").mean())
        summary = result.summary_values.splits["test"].to_dict()
        found[f"analysis_{effort}"] = {"run": dict(result.run), "summary": summary}
    return found


def against_peers(problem: Problem, best: Gold) -> dict[str, Any]:
    """Each peer on the same model and images; its absence is an entry, not an end."""
    x = problem.target.x
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "pythae": lambda: peers.pythae_against_gapkit(problem.model, x, num_threads=None),
        "pythae_by_samples": lambda: peers.pythae_by_samples(problem.model, x),
        "pythae_exact_model": lambda: peers.pythae_on_the_exact_model(num_datapoints=1000),
        "blackjax": lambda: peers.blackjax_smc(problem.model, x[:5], best.log_px[:5]),
    }
    found: dict[str, Any] = {}
    for name, part in parts.items():
        try:
            found[name] = part()
        except ImportError as error:
            found[name] = {"missing": str(error)}
    return found


def _arguments() -> argparse.Namespace:
    options = parser("ais", __doc__, _PARTS)
    options.add_argument("--images", type=int, default=100, help="test images with gold values")
    options.add_argument("--analysed", type=int, default=1000, help="test images of the whole analyses")
    options.add_argument("--gold-temperatures", type=int, default=1000)
    options.add_argument("--textbook-chains", type=int, default=48)
    options.add_argument("--textbook-temperatures", type=int, default=5000)
    options.add_argument("--textbook-precision", default="bfloat16", help="of gradients: counts are the same")
    return options.parse_args()


if __name__ == "__main__":
    main()
