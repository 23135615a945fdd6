"""The section on models of other kinds."""

from typing import Any

__all__ = ["kinds"]


def kinds(found: dict[str, Any]) -> str:
    """From the file that ``benchmarks.kinds`` writes to a section."""
    one = next(iter(found["kinds"].values()))
    lines = [
        "## Models of other kinds",
        "",
        "`python -m benchmarks.kinds --json benchmarks/results/kinds.json`",
        "",
        f"Trained on MNIST for {found['epochs']} epochs (200-200 hidden units, 20 latents), {one['images']} binarised "
        f"test images at `{found['effort']}`, each in its encoder's own family; nats, with errors over datapoints. On "
        f"{one['held']} of the images log p(x) is held against AIS from the prior (16 chains, 3000 temperatures), a "
        "lower bound that owes nothing to encoder and fits: positive numbers are above it. `flagged` have a status.",
        "",
        "| model | family | log p(x) | approximation gap | amortization gap | above long AIS | least | flagged |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found["kinds"].items():
        values = [_with_error(row[part]) for part in ("log_px", "approximation_gap", "amortization_gap")]
        above = f"{row['above_long_ais']:+.2f} ± {row['above_long_ais_se']:.2f} | {row['least_above']:+.2f}"
        lines.append(
            f"| {name} | {row['family'].replace('_', ' ')} | {' | '.join(values)} | {above} | "
            f"{100 * row['flagged']:.0f}% |"
        )
    return "\n".join([*lines, ""])


def _with_error(part: dict[str, float]) -> str:
    return f"{part['mean']:.2f} ± {part['se']:.2f}"
