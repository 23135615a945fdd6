"""``python -m benchmarks.readme``: write ``README.md`` here and ``docs/scaling.md`` from ``benchmarks/results``."""

import json
from pathlib import Path
from typing import Any

from benchmarks.output import number
from benchmarks.readme_intervals import intervals
from benchmarks.readme_kinds import kinds
from benchmarks.readme_local_fit import local_fit
from benchmarks.readme_scaling import scaling
from benchmarks.readme_truth import truth

HERE = Path(__file__).parent
RESULTS = HERE / "results"

_HEAD = """# Benchmarks

Written by `python -m benchmarks.readme` from the JSON files in `benchmarks/results`; no number here is typed. Peers are
installed with `pip install -r benchmarks/requirements.txt`. All times are of one machine with 2 CPU cores and no GPU:
compare ratios, which come from one run each. `make bench` runs everything (about 40 minutes, and it trains its own
model); the figures below are from an MNIST file on disk, with `--data FILE.npz`, local
fits with `--gold-steps 500`.
"""


def main() -> None:
    """Put the sections of all results that are there together."""
    sections = {
        "ais.json": _ais,
        "local_fit.json": local_fit,
        "truth.json": lambda found: truth(found, _earlier("truth_before.json")),
        "two_latents.json": _two_latents,
        "kinds.json": kinds,
        "routes.json": _routes,
        "memory.json": _memory,
        "intervals.json": intervals,
        "preflight.json": _preflight,
    }
    parts = [_HEAD]
    for name, section in sections.items():
        path = RESULTS / name
        if path.exists():
            parts.append(section(json.loads(path.read_text("utf-8"))))
    (HERE / "README.md").write_text("\n".join(parts), "utf-8")
    found = _earlier("scaling.json")
    if found is not None:
        page = scaling(found, _earlier("workers.json"), _earlier("million.json"))
        (HERE.parent / "docs" / "scaling.md").write_text(page, "utf-8")


def _earlier(name: str) -> dict[str, Any] | None:
    """What is kept in the repository of that name, or None."""
    path = RESULTS / name
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def _preflight(found: dict[str, Any]) -> str:
    lines = [
        "## Checks before any work",
        "",
        "`python -m benchmarks.preflight --json benchmarks/results/preflight.json`",
        "",
        f"Seconds that the checks of model and data take before an analysis ({found['datapoints']} datapoints), in one "
        "process of two threads.",
        "",
        "| model | median of 5 | most |",
        "|---|---|---|",
    ]
    rows = [f"| {kind} | {part['median']:.2f} | {part['most']:.2f} |" for kind, part in found["models"].items()]
    return "\n".join([*lines, *rows, ""])


def _ais(found: dict[str, Any]) -> str:
    arguments = found["arguments"]
    precision, images = arguments["textbook_precision"], arguments["images"]
    lines = [
        "## Cost and speed of log p(x)",
        "",
        "`python -m benchmarks.ais --json benchmarks/results/ais.json`",
        "",
        f"{images} binarised MNIST test images, decoder 50-200-200-784. Work is counted in decoder gradients per "
        "datapoint: a value, or a column of a Jacobian, is half a gradient. Gold log p(x): two AIS runs of 64 chains x "
        f"{arguments['gold_temperatures']} temperatures x 2 leapfrogs, from q* full-rank and from q* mean-field, which "
        f"agree to {found['gold']['two_runs_apart_rms']:.3f} nats rms. The textbook configuration (prior start, linear "
        f"schedule, unit mass, 10 leapfrogs) ran with {precision} gradients and full energies, which changes neither "
        "its counts nor its validity; its pilot is not counted, gapkit's is.",
        "",
        "| key | value | what it compares |",
        "|---|---|---|",
    ]
    keys = {
        "ais_gradient_ratio_at_rmse_0.2": "gradients of textbook AIS over those of AIS from the fitted full-rank q*",
        "gradient_ratio_at_rmse_0.1": "textbook AIS over the whole policy, proposals taken as given",
        "end_to_end_ratio": "textbook AIS over fits and policy together, at rmse 0.1",
        "share_of_limit_cpu": "float32 gradients per second of a whole AIS run over float32 matrix products alone, at "
        "the best number of leapfrogs (all are below)",
        "bf16_over_fp32_limit_cpu": "the same with bfloat16 gradients and float32 energies, over the float32 products",
    }
    lines += [f"| `{key}` | {number(found[key])} | {words} |" for key, words in keys.items() if key in found]
    lines += [
        "",
        "Error against work:",
        "",
        "| configuration | gradients | bias | rmse | worst |",
        "|---|---|---|---|---|",
    ]
    for part in found["points"].values():
        for point in part:
            lines.append(
                f"| {point['name']} | {point['gradients']:,.0f} | {point['bias']:+.3f} | {point['rmse']:.3f} | "
                f"{point['worst']:+.2f} |"
            )
    lines += ["", "Gradients per second of a whole AIS run (200 images x 64 chains, noise included), medians of 5:", ""]
    lines += ["| measure | median |", "|---|---|"]
    lines += [f"| {name} | {number(value)} |" for name, value in found["speed"].items() if "acceptance" not in name]
    if "convolution" in found:
        lines += ["", "A convolutional decoder of 3 x 32 x 32 values and 64 latents, likewise:", ""]
        lines += ["| measure | median |", "|---|---|"]
        lines += [f"| {name} | {number(value)} |" for name, value in found["convolution"].items()]
    analysed = arguments["analysed"]
    lines += [
        "",
        f"Whole analyses of {analysed} images in this process (imports, loading and report left out):",
        "",
        "| effort | seconds | rmse to gold | flagged |",
        "|---|---|---|---|",
    ]
    for effort in ("quick", "standard"):
        lines.append(
            f"| {effort} | {found[f'seconds_{analysed}_{effort}']:.1f} | {found[f'rmse_{effort}']:.3f} | "
            f"{100 * found[f'flagged_{effort}']:.1f}% |"
        )
    return "\n".join([*lines, "", *_peers(found["peers"]), ""])


def _peers(found: dict[str, Any]) -> list[str]:
    lines = ["### Peers", ""]
    for name, values in found.items():
        if "missing" in values:
            lines += [f"{name}: not measured ({values['missing']})", ""]
            continue
        lines += [f"{name}:", "", "| measure | value |", "|---|---|"]
        lines += [f"| {key.replace('_', ' ')} | {number(value)} |" for key, value in values.items()]
        lines.append("")
    return lines


def _two_latents(found: dict[str, Any]) -> str:
    lines = [
        "## Two latents against quadrature",
        "",
        "`python -m benchmarks.two_latents --json benchmarks/results/two_latents.json`",
        "",
        "200 MNIST test images under each of three VAEs with two latents, log p(x) at default settings minus grid "
        "quadrature, in nats; and the same without further starts, which loses modes.",
        "",
        "| model | bias | rmse | worst | flagged |",
        "|---|---|---|---|---|",
    ]
    for name, row in found.items():
        lines.append(
            f"| {name.replace('_', ' ')} | {row['bias']:+.4f} | {row['rmse']:.3f} | {row['worst']:+.2f} | "
            f"{100 * row['flagged']:.1f}% |"
        )
    return "\n".join([*lines, ""])


def _routes(found: dict[str, Any]) -> str:
    lines = [
        "## A published checkpoint against two long routes",
        "",
        "`python -m benchmarks.routes --json benchmarks/results/routes.json --checkpoint bdmc_mnist_vae.pth "
        "--model analyses/bring_your_own/bdmc_vae.py:VAE`",
        "",
        "Default settings against the better of AIS from the prior and AIS from the fitted modes, both long, in nats.",
        "",
        "| measure | value |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| {k.replace('_', ' ')} | {number(v)} |" for k, v in found.items()), ""])


def _memory(found: dict[str, Any]) -> str:
    lines = ["## Peak memory", "", "`python -m benchmarks.memory --json benchmarks/results/memory.json`", ""]
    lines += ["| what grows | MB | MB | ratio |", "|---|---|---|---|"]
    for name, row in found.items():
        lines.append(f"| {name} | {row['few_mb']:.0f} | {row['many_mb']:.0f} | {row['ratio']:.2f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
