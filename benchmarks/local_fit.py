"""``python -m benchmarks.local_fit --json FILE``: work, quality and speed of the local fits.

How far below very long fits gapkit's own end for a given work, what its certificates say of it, and how long the
published rule of local optimisation takes for the same datapoints in the same run.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks import adam_rule, budgets
from benchmarks.adam_rule import Outcome, Rule
from benchmarks.arguments import parser
from benchmarks.budgets import Optimum
from benchmarks.output import machine, timed, told
from benchmarks.problem import Unfitted, images, trained, unfitted
from gapkit import checkpoints
from gapkit.core.files import write_json
from gapkit.core.randomness import Key
from gapkit.engine import spec_for
from gapkit.estimators import Elbo
from gapkit.local import LocalFits, fit_batch
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel
from gapkit.target import Target, recognise

_FAMILIES = ("mean_field", "full_rank")
# What counts as fitted, in nats below the optimum, mean over datapoints.
_SHORTFALLS = {"mean_field": 0.005, "full_rank": 0.02}
_PARTS = ("budgets", "speed")
_UNIT = 100


def main() -> None:
    """Run both parts, or the one asked for, and write one JSON file."""
    arguments = _arguments()
    folder = arguments.json.parent
    folder.mkdir(parents=True, exist_ok=True)
    path = trained(arguments.model, arguments.data, folder / "model")
    model = checkpoints.load(path).model
    results: dict[str, Any] = json.loads(arguments.json.read_text("utf-8")) if arguments.json.exists() else {}
    results |= {"machine": machine(), "arguments": told(arguments)}
    judge = Elbo(num_samples=arguments.judge_samples, antithetic=True, stage="benchmark")
    with frozen(model):
        others = images(arguments.data, 10_000, "train")
        batch = unfitted(model, images(arguments.data, arguments.images), others)
        golds = timed("gold", lambda: {name: _gold(batch, name, arguments, judge) for name in _FAMILIES})
        results["gold"] = {name: gold.told() for name, gold in golds.items()}
        results["judge_gradients"] = 0.5 * spec_for("standard").elbo.num_samples
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "budgets": lambda: work_for_quality(batch, golds),
            "speed": lambda: speed(model, batch, golds, others, arguments),
        }
        for name in arguments.parts:
            results |= timed(name, parts[name])
            write_json(arguments.json, results)
    print(json.dumps({k: v for k, v in results.items() if isinstance(v, float)}, indent=2))


def work_for_quality(batch: Unfitted, golds: dict[str, Optimum]) -> dict[str, Any]:
    """The ladder of budgets, the cheapest ones that are good enough, and the certificates of the standard effort."""
    rows = budgets.ladder(batch, golds)
    found: dict[str, Any] = {}
    starts = spec_for("standard").fit.num_starts
    for family, shortfall in _SHORTFALLS.items():
        for name, least in (("", 0), ("_with_further_starts", starts)):
            row = budgets.cheapest(rows, family, shortfall, least)
            found[f"{family}_gradients_to_{shortfall}{name}"] = row["gradients"] if row else None
        standard = next(row for row in rows if row["family"] == family and row["name"] == "standard")
        for figure in ("certificate_minus_shortfall", "certificate_rms_in_errors"):
            found[f"{family}_{figure}"] = standard[figure]
    return found | {"budgets": rows}


def speed(
    model: LatentModel, batch: Unfitted, golds: dict[str, Optimum], others: Tensor, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Wall times and quality of the published rule, of the same in one batch, and of gapkit's standard fits."""
    rule = Rule(num_samples=arguments.reference_samples, max_steps=arguments.reference_cap)
    rows = torch.linspace(0, arguments.images - 1, arguments.reference_datapoints).long().unique()
    reference = {family: by_the_rule(model, batch, golds[family], family, rows, rule) for family in _FAMILIES}
    few = replace(rule, max_steps=min(arguments.batched_steps, arguments.reference_cap))
    batched = adam_rule.run(model, batch.target.x, batch.target.dim, "mean_field", few)
    ours = own_fits(model, batch, golds, others, rows, arguments)
    found: dict[str, Any] = {}
    each, steps = reference["mean_field"]["seconds_each"], reference["mean_field"]["steps_each"]
    if each is not None:
        for number, times in ours["seconds"].items():
            found[f"speedup_vs_reference_rule_{number}"] = number * each / times["mean_field"]
            found[f"speedup_of_whole_fit_vs_reference_rule_{number}"] = number * each / times["whole"]
        found |= against_batched(batched, steps, ours["seconds"][arguments.images]["mean_field"], arguments.images)
    for family in _FAMILIES:
        gradients = reference[family]["gradients_each"]
        if gradients is not None:
            found[f"gradient_ratio_vs_reference_rule_{family}"] = gradients / ours[family]["gradients"]
    return found | {"reference_rule": reference, "own_fits": ours}


def against_batched(batched: Outcome, steps: float, seconds: float, count: int) -> dict[str, Any]:
    """The rule for a whole batch: where the cap ended it, taken to the mean number of steps that the rule needs.

    That is as if each datapoint left the batch as soon as the rule ends for it.
    """
    whole = batched.seconds if batched.stopped else batched.seconds / batched.steps * steps
    words = "it ran to the end" if batched.stopped else f"the mean of {steps:,.0f} steps that datapoints alone needed"
    row = {"ran": batched.steps, "seconds": batched.seconds, "whole": whole, "words": words}
    return {f"speedup_vs_batched_adam_{count}": whole / seconds, "batched_adam": row}


def by_the_rule(
    model: LatentModel, batch: Unfitted, gold: Optimum, family: str, rows: Tensor, rule: Rule
) -> dict[str, Any]:
    """One datapoint at a time, as the published code does; means are over those that ran until the rule ended."""
    target = batch.target
    runs = [adam_rule.run(model, target.x[row : row + 1], target.dim, family, rule) for row in rows.tolist()]
    done = [number for number, outcome in enumerate(runs) if outcome.stopped]
    found: dict[str, Any] = {
        "datapoints": rows.tolist(),
        "ran_to_the_end": len(done),
        "steps": [outcome.steps for outcome in runs],
        "seconds": [outcome.seconds for outcome in runs],
        "steps_each": _mean([runs[number].steps for number in done]),
        "seconds_each": _mean([runs[number].seconds for number in done]),
        "gradients_each": _mean([rule.num_samples * runs[number].steps for number in done]),
    }
    if done:
        ended = rows[torch.tensor(done)]
        q = _joined([runs[number] for number in done])
        found |= asdict(gold.against(target, q, batch.key, ended))
    return found


def own_fits(
    model: LatentModel,
    batch: Unfitted,
    golds: dict[str, Optimum],
    others: Tensor,
    rows: Tensor,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Standard fits of several numbers of datapoints: medians of wall times, the bank's included; and their quality."""
    numbers = sorted({*arguments.datapoints, arguments.images})
    x = images(arguments.data, max(numbers))
    _mean_field_alone(unfitted(model, x[:1], others))
    seconds: dict[int, dict[str, float]] = {}
    for number in numbers:
        repeats = arguments.repeats if number <= _UNIT else 1
        ways: dict[str, Callable[[Unfitted], Any]] = {"mean_field": _mean_field_alone, "whole": _whole}
        seconds[number] = {
            name: statistics.median(_seconds(model, x[:number], others, way) for _ in range(repeats))
            for name, way in ways.items()
        }
    found: dict[str, Any] = {"seconds": seconds}
    for family, gold in golds.items():
        job, modes_gradients = budgets.begun(batch, spec_for("standard").fit)
        fitted, gradients, _ = budgets.counted(batch, job, family)
        there = gold.against(batch.target, fitted.q.select(rows), batch.key, rows)
        found[family] = {
            "gradients": budgets.bank_gradients(batch) + modes_gradients + gradients,
            **asdict(gold.against(batch.target, fitted.q, batch.key)),
            "at_the_rules_datapoints": asdict(there),
        }
    return found


def _seconds(model: LatentModel, x: Tensor, others: Tensor, way: Callable[[Unfitted], Any]) -> float:
    """From images to fits, in units of 100 as an analysis has them; the bank is built once."""
    start = time.perf_counter()
    for unit in _units(model, x, others):
        way(unit)
    return time.perf_counter() - start


def _mean_field_alone(batch: Unfitted) -> budgets.Fitted:
    job, _ = budgets.begun(batch, spec_for("standard").fit)
    return budgets.fit_one(job, "mean_field")


def _whole(batch: Unfitted) -> LocalFits:
    spec = spec_for("standard")
    return fit_batch(batch.target, batch.q, batch.bank, batch.key, spec.fit, spec.elbo)


def _units(model: LatentModel, x: Tensor, others: Tensor) -> Iterator[Unfitted]:
    first = unfitted(model, x[:_UNIT], others)
    yield first
    for begin in range(_UNIT, len(x), _UNIT):
        part = x[begin : begin + _UNIT]
        with torch.no_grad():
            q = recognise(model.encode(part))
        key = Key(first.key.seed, tuple(range(begin, begin + len(part))))
        yield Unfitted(Target(model, part, like=first.target), q, first.bank, key)


def _gold(batch: Unfitted, family: str, arguments: argparse.Namespace, judge: Elbo) -> Optimum:
    return budgets.optimum(batch, family, arguments.gold_steps, arguments.gold_samples, judge)


def _joined(runs: Sequence[Outcome]) -> Any:
    tensors = [run.q.tensors() for run in runs]
    return type(runs[0].q).of(**{name: torch.cat([part[name] for part in tensors]) for name in tensors[0]})


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _arguments() -> argparse.Namespace:
    options = parser("local_fit", __doc__, _PARTS)
    options.add_argument("--images", type=int, default=100, help="test images with gold optima, at most 100")
    options.add_argument("--gold-steps", type=int, default=1000, help="steps of the long polish")
    options.add_argument("--gold-samples", type=int, default=64, help="samples of each, even")
    options.add_argument("--judge-samples", type=int, default=2000, help="shared noise of all comparisons, even")
    options.add_argument("--datapoints", type=int, nargs="+", default=(1, 10, 100, 1000), help="numbers that are timed")
    options.add_argument("--repeats", type=int, default=3, help="of timed fits of up to 100 datapoints")
    options.add_argument("--reference-datapoints", type=int, default=3, help="fitted by the published rule, one by one")
    options.add_argument("--reference-samples", type=int, default=100, help="of each step; one published code has 50")
    options.add_argument("--reference-cap", type=int, default=100_000, help="most steps of the published rule")
    options.add_argument("--batched-steps", type=int, default=100, help="steps of the same rule for all images at once")
    return options.parse_args()


if __name__ == "__main__":
    main()
