"""The section on the local fits in ``benchmarks/README.md``."""

from typing import Any

from benchmarks.output import number

__all__ = ["local_fit"]


def local_fit(found: dict[str, Any]) -> str:
    """From the JSON of ``benchmarks.local_fit``."""
    arguments, gold = found["arguments"], found["gold"]
    agree = " and ".join(
        f"{gold[family]['second_minus_first_mean']:+.5f} +- {gold[family]['second_minus_first_std_error']:.5f} nats "
        f"({words})"
        for family, words in (("mean_field", "mean-field"), ("full_rank", "full-rank"))
    )
    lines = [
        "## Work and quality of the local fits",
        "",
        "`python -m benchmarks.local_fit --json benchmarks/results/local_fit.json`",
        "",
        f"{arguments['images']} binarised MNIST test images, decoder 50-200-200-784. Shortfalls are below gold optima, "
        f"in nats, on noise that no fit has seen: thorough fits, polished for {arguments['gold_steps']} more steps of "
        f"{arguments['gold_samples']} samples. A second one of each, from other noise throughout, differs in mean L by "
        f"{agree}. Work is counted in gradient equivalents per datapoint for one family alone: modes, choice among "
        "them, polish, and the bank of starts divided over the datapoints where it is used; certificates where they "
        f"decide on further steps, else not. The last look at L[q*] costs {found['judge_gradients']:,.0f} more at "
        "standard effort.",
        "",
    ]
    lines += _key_table(found, _LOCAL_FIT_KEYS)
    if "budgets" in found:
        lines += ["", *_budgets(found["budgets"])]
    if "reference_rule" in found:
        lines += ["", *_reference_rule(found)]
    return "\n".join([*lines, ""])


_LOCAL_FIT_KEYS = {
    "mean_field_gradients_to_0.005": "gradients of the cheapest mean-field budget at most 0.005 nats short, mean",
    "mean_field_gradients_to_0.005_with_further_starts": "the same among budgets with the standard further starts",
    "full_rank_gradients_to_0.02": "gradients of the cheapest full-rank budget at most 0.02 nats short, mean",
    "full_rank_gradients_to_0.02_with_further_starts": "the same among budgets with the standard further starts",
    "mean_field_certificate_minus_shortfall": "standard effort: mean certificate minus mean true shortfall, nats",
    "mean_field_certificate_rms_in_errors": "rms of that difference in combined standard errors, per datapoint",
    "full_rank_certificate_minus_shortfall": "the same, full-rank",
    "full_rank_certificate_rms_in_errors": "the same, full-rank",
    "gradient_ratio_vs_reference_rule_mean_field": "gradients of the published rule over those of the standard fit",
    "gradient_ratio_vs_reference_rule_full_rank": "the same, full-rank",
    "speedup_vs_reference_rule_1": "wall time of the published rule over modes and mean-field fit, 1 datapoint",
    "speedup_vs_reference_rule_10": "10 datapoints",
    "speedup_vs_reference_rule_100": "100 datapoints",
    "speedup_vs_reference_rule_1000": "1000 datapoints",
    "speedup_of_whole_fit_vs_reference_rule_1": "the same over the whole fit: both families and L[q], L[q*]",
    "speedup_of_whole_fit_vs_reference_rule_10": "10 datapoints",
    "speedup_of_whole_fit_vs_reference_rule_100": "100 datapoints",
    "speedup_of_whole_fit_vs_reference_rule_1000": "1000 datapoints",
    "speedup_vs_batched_adam_100": "the published rule for 100 datapoints at once, over modes and mean-field fit",
}


def _key_table(found: dict[str, Any], keys: dict[str, str]) -> list[str]:
    rows = [
        f"| `{key}` | {'not reached' if found[key] is None else number(found[key])} | {words} |"
        for key, words in keys.items()
        if key in found
    ]
    return ["| key | value | what it is |", "|---|---|---|", *rows]


def _budgets(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "Budgets that are better than every cheaper one, and the efforts by name. Certificates are compared with true "
        "shortfalls where the fit is in the gold optimum's mode; the last column is the rms of the difference over its "
        "standard error.",
        "",
        "| family | budget | gradients | shortfall | worst | other mode | certificate - shortfall | rms / error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in _frontier(rows):
        cells = [
            row["family"].replace("_", " "),
            row["name"],
            f"{row['gradients']:,.0f}",
            _short(row),
            f"{row['worst']:.3f}",
            f"{100 * row['elsewhere']:.0f}%",
            f"{row['certificate_minus_shortfall']:+.4f} +- {row['certificate_std_error']:.4f}",
            f"{row['certificate_rms_in_errors']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _frontier(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By family and work: rows that are better than every cheaper one, and those named after an effort."""
    kept, best = [], {"mean_field": float("inf"), "full_rank": float("inf")}
    for row in sorted(rows, key=lambda row: (row["family"] != "mean_field", row["gradients"])):
        better = row["mean_shortfall"] < best[row["family"]]
        if better or row["name"] in ("quick", "standard"):
            kept.append(row)
        if better:
            best[row["family"]] = row["mean_shortfall"]
    return kept


def _reference_rule(found: dict[str, Any]) -> list[str]:
    arguments, ours = found["arguments"], found["own_fits"]
    lines = [
        "The published rule (Cremer et al. 2018) as a plain loop over datapoints: Adam at 1e-3 from a standard normal, "
        f"{arguments['reference_samples']} samples a step (one published code has 50 and one datapoint at a time, "
        "another 100 and batches), until 11 windows of 100 steps bring no new best mean. Its times for many datapoints "
        "are those of the datapoints that ran to the end, times their number; gapkit's are of standard fits that "
        f"really ran, medians of {arguments['repeats']} up to 100 datapoints and one run beyond, the bank of starts "
        f"included; same process and threads ({found['machine']['threads']}).",
        "",
        "| family | ran to the end | steps | seconds each | gradients | shortfall | gapkit's there | gapkit's of all |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for family, row in found["reference_rule"].items():
        own = ours[family]
        name, count = family.replace("_", " "), f"{row['ran_to_the_end']} of {len(row['datapoints'])}"
        there, everywhere = own["at_the_rules_datapoints"], own
        steps, seconds = (f"{min(row[key]):{form}} to {max(row[key]):{form}}" for key, form in _RANGES.items())
        gradients = "" if row["gradients_each"] is None else f"{row['gradients_each']:,.0f}"
        shortfalls = [_short(row), _short(there), _short(everywhere)]
        lines.append(f"| {name} | {count} | {steps} | {seconds} | {gradients} | {' | '.join(shortfalls)} |")
    lines += ["", "| datapoints | gapkit, modes and mean-field, s | gapkit, whole fit, s |", "|---|---|---|"]
    lines += [f"| {n} | {row['mean_field']:.2f} | {row['whole']:.2f} |" for n, row in ours["seconds"].items()]
    if "batched_adam" in found:
        row = found["batched_adam"]
        lines += [
            "",
            f"The same rule for {arguments['images']} datapoints at once: {row['ran']:,.0f} steps took "
            f"{row['seconds']:.1f} s, {row['whole']:,.0f} s for all of them: {row['words']}.",
        ]
    return lines


_RANGES = {"steps": ",.0f", "seconds": ".1f"}


def _short(row: dict[str, Any]) -> str:
    return f"{row['mean_shortfall']:.4f} +- {row['std_error']:.4f}" if "mean_shortfall" in row else "not known"
