"""``python -m benchmarks.truth [NAME ...]``: log p(x) of models whose truth is known, easy and hard ones.

Analyses every case of :mod:`benchmarks.exact` (or those named) at the efforts asked for, and writes after each one what
came out: bias, rmse, the error beside the claimed one, how many datapoints are flagged, how many are off and not
flagged, gradients, and what the verdict says. ``--keep`` replaces the cases named in a file and keeps its others.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.exact import CASES, Case, build
from benchmarks.exact.measure import Measured, measure
from benchmarks.output import machine
from benchmarks.readme import RESULTS

_EFFORTS = ("quick", "standard")


def main() -> None:
    """Analyse, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases; all where none is named")
    parser.add_argument("--effort", action="append", choices=("quick", "standard", "thorough"), help="may be repeated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=RESULTS / "truth.json")
    parser.add_argument("--keep", action="store_true", help="keep what the file holds of other cases and efforts")
    parser.add_argument("--list", action="store_true", help="print the names and leave")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(CASES))
        return
    unknown = [name for name in arguments.names if name not in CASES]
    if unknown:
        parser.error(f"no case named {', '.join(unknown)}; --list prints the names")
    kept = arguments.keep and arguments.json.exists()
    found = json.loads(arguments.json.read_text("utf-8")) if kept else {"cases": {}}
    found |= {"machine": machine(), "seed": arguments.seed}
    for name in arguments.names or CASES:
        case = build(name)
        row = found["cases"].setdefault(name, {"efforts": {}})
        row |= _described(case)
        for effort in arguments.effort or _EFFORTS:
            measured = measure(case, effort, arguments.seed)
            row["efforts"][effort] = _rounded(measured)
            print(_line(name, effort, measured), flush=True)
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            arguments.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _described(case: Case) -> dict[str, Any]:
    return {"kind": case.kind, "facts": case.facts, "fault": case.fault, "strict": case.strict}


def _rounded(found: Measured) -> dict[str, Any]:
    values = {**asdict(found), "verdict": found.verdict}
    return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in values.items()}


def _line(name: str, effort: str, found: Measured) -> str:
    if found.error or found.flagged is None:
        return f"{name:30s} {effort:8s} {found.verdict:8s} {found.refused} {found.error}"
    z = "  none" if found.z_rms is None else f"{found.z_rms:6.2f}"
    bias, worst = (float("nan") if value is None else value for value in (found.bias, found.worst))
    advice = f"{found.action}/{found.why}" + (" CONTRADICTED" if found.contradicted else "")
    return (
        f"{name:30s} {effort:8s} {found.verdict:8s} bias {bias:+9.4f} worst {worst:+9.3f} z {z} flagged "
        f"{found.flagged:4.0%} missed {found.missed:4.0%} gradients {found.gradients or 0:9,.0f} "
        f"{found.seconds:5.1f} s {advice} {found.refused}"
    )


if __name__ == "__main__":
    main()
