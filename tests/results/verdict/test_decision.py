"""An advice appears if and only if fits and evidence carry it: constructed summaries with any faults together."""

import itertools
import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from gapkit.results.verdict import CONDITIONAL, Decision
from tests.fast import only
from tests.results.verdict.builder import finished, sandwich, sound, table
from tests.results.verdict.faults import (
    ADVICE,
    FAULTS,
    FITS,
    advises,
    not_converged,
    overridden,
    said,
    split,
    weak_evidence,
)
from tests.results.verdict.stored import decide, verdict

CASES = {"encoder": (3.0, 1.0), "family": (1.0, 3.0), "nothing": (0.005, 0.004)}


@pytest.mark.parametrize("case", CASES)
def test_a_sound_summary_gives_its_advice(case):
    summary = sound(**dict(zip(("encoder", "family"), CASES[case], strict=True)))
    decision = decide(summary)
    assert (decision.action, decision.confidence, decision.missing) == (case, "95%", ())
    assert advises(summary) == {case}
    assert "In numbers: of the gap" in said(summary)
    assert verdict(summary)[0].startswith(ADVICE[case])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_one_fault_takes_the_advice_away(case, fault):
    assert_silent_if(case, (fault,))


@pytest.mark.parametrize("case", only(CASES, "encoder"))
@pytest.mark.slow
def test_so_do_any_two_and_three_and_all(case):
    for number in (2, 3, len(FAULTS)):
        for faults in itertools.combinations(FAULTS, number):
            assert_silent_if(case, faults)


def assert_silent_if(case, faults):
    """The total gap does not depend on q*: only where it is nobody's are faults of the fits of no matter."""
    summary = sound(**dict(zip(("encoder", "family"), CASES[case], strict=True)))
    for fault in faults:
        fault(summary)
    decision = decide(summary)
    carried = case == "nothing" and set(faults) <= set(FITS)
    names = [fault.__name__ for fault in faults]
    assert (decision.action == case) == carried, names
    assert (decision.action == "unknown") == (not carried), names
    assert advises(summary) == ({case} if carried else set()), names
    if decision.action == "unknown":
        assert decision.confidence == "none"
        lead = verdict(summary)[0]
        assert "No advice" in " ".join(verdict(summary)[:2]), names
        assert overridden in faults or "Try next: " in lead, names
        assert "that close to the truth" not in said(summary)


def test_what_does_not_depend_on_q_star_may_be_said_where_fits_are_unfinished():
    summary = sound()
    not_converged(summary)
    lead = verdict(summary)[0]
    assert lead.startswith("No advice yet: the total gap is 3.86 ± 0.11 nats")
    assert "whose it is, the encoder's or the posterior family's, cannot be said" in lead
    assert "none of the 100 fits of q* converged" in lead
    assert "`gapkit analyze ... --effort thorough`" in lead
    assert verdict(summary)[1].startswith("In numbers that cannot be relied on yet: of the gap of 3.86 ± 0.11 nats")
    weak_evidence(summary)
    assert "log p(x) and so the gap may be larger" in verdict(summary)[0]


def test_a_remedy_is_never_what_was_done_already():
    summary = sound()
    not_converged(summary)
    weak_evidence(summary)
    assert "--effort thorough`" in verdict(summary)[0]
    summary["effort"] = "thorough"
    assert "`gapkit analyze ... --effort thorough`" not in verdict(summary)[0]
    assert "polish_steps" in verdict(summary)[0]
    assert "--log-px ais" in verdict(summary)[0]


@pytest.mark.parametrize(("converged", "rest", "advised"), [(90, None, True), (89, None, False), (89, 0.1, True)])
def test_nine_in_ten_fits_converge_or_the_others_are_of_no_matter(converged, rest, advised):
    summary = sound()
    split(summary)["fit"] = {"converged": converged, "budget": 100 - converged}
    split(summary)["unfinished"] = {"datapoints": 100 - converged, "mean": rest, "se_monte_carlo": 0.01}
    assert (decide(summary).action == "encoder") == advised
    split(summary)["fit"] = {"converged": 49, "budget": 51}
    assert decide(summary).action == "unknown"  # a certificate of most fits that did not converge is no certificate


def test_a_certificate_is_narrow_or_wide_against_the_gap():
    for encoder, advised in ((3.0, True), (0.9, False)):
        summary = sound(encoder=encoder, family=0.1)
        summary["certificate"] = sandwich(0.01, 0.5)
        assert (decide(summary).action == "encoder") == advised


def test_without_a_certificate_an_advice_says_so():
    summary = sound()
    del summary["certificate"]
    assert decide(summary).action == "encoder"
    assert "AIS was not certified on simulated data (`gapkit certify` does it)" in said(summary)


def test_what_the_fits_may_have_left_counts_in_the_order_of_the_gaps():
    summary = sound(encoder=1.2, family=1.0, spread=0.05)
    assert decide(summary).action == "encoder"
    left = summary["quantities"]["amortization_minus_approximation"]
    left["left_to_gain"] = 0.3
    decision = decide(summary)
    assert decision.action == "unknown"
    assert "could turn the order of the two gaps" in verdict(summary)[0]


def test_neither_gap_is_named_where_they_are_alike():
    decision = decide(sound(encoder=2.0, family=2.0))
    assert (decision.action, decision.why) == ("unknown", "equal")
    text = verdict(sound(encoder=2.0, family=2.0))[0]
    assert "a perfect encoder would bring" in text
    assert "neither is clearly the larger part" in text


def test_whether_there_is_a_gap_may_be_open():
    summary = sound()
    summary["quantities"]["total_gap"]["ci95"] = [-0.3, 0.4]
    decision = decide(summary)
    assert (decision.action, decision.why) == ("unknown", "open")


def test_of_discrete_data_a_thousandth_of_log_px_is_too_small_to_act_on():
    summary = sound(encoder=0.08, family=0.01, log_px=-900.0)
    split(summary)["baselines"] = {"skipped": "there is none"}
    assert decide(summary).action == "nothing"
    assert "less than 0.90 nats, a thousandth of −log p(x)" in verdict(summary)[0]
    summary["certificate"] = sandwich(0.0, 0.01)
    split(summary)["data"]["discrete"] = False  # a density has no scale of its own
    assert decide(summary).action == "encoder"


# Findings before the work.


def finding(check, level):
    return {"check": check, "level": level, "asked": "x", "found": "found this", "do": "do that"}


def test_an_overridden_check_comes_first_and_leaves_no_advice():
    summary = sound() | {"findings": [finding("gradients", "allowed")]}
    sentences = verdict(summary)
    assert sentences[0].startswith("The check 'gradients' was overridden: found this.")
    assert sentences[1].startswith("No advice on encoder or family")
    assert decide(summary).why == "refused"


@pytest.mark.parametrize("check", sorted(CONDITIONAL))
def test_a_warning_is_said_first_and_makes_the_advice_conditional(check):
    summary = sound() | {"findings": [finding(check, "warning"), finding("time", "warning"), finding("speed", "note")]}
    decision = decide(summary)
    assert (decision.action, decision.confidence, decision.conditions) == ("encoder", "conditional", (check,))
    sentences = verdict(summary)
    assert [sentence.split(":")[0] for sentence in sentences[:2]] == [f"Warning ({check})", "Warning (time)"]
    assert sentences[2].startswith(f"If the warning about '{check}' is of no matter here: fix the encoder: with")
    assert sentences[-1] == "Note (speed): found this."


def test_other_warnings_leave_the_advice_as_it_is():
    summary = sound() | {"findings": [finding("time", "warning")]}
    assert decide(summary).confidence == "95%"
    assert verdict(summary)[1].startswith("Fix the encoder")


# Datapoints without finite numbers, by the table.


@pytest.mark.parametrize(("lost", "first"), [(1, False), (3, True)])
def test_rows_without_a_finite_elbo_are_left_out_of_every_mean(lost, first):
    frame = table(40)
    frame.loc[: lost - 1, ["elbo", "total_gap", "amortization_gap", "amortization_minus_approximation"]] = np.nan
    frame.loc[: lost - 1, "log_px"] -= 300.0
    frame.loc[: lost - 1, "status"] = "nonfinite"
    summary = finished(frame)
    quantities, rest = summary["quantities"], frame[lost:]
    for name in ("log_px", "elbo_star", "elbo", "iwae", "total_gap", "approximation_gap"):
        assert quantities[name]["mean"] == pytest.approx(rest[name].mean())
        assert (quantities[name]["count"], quantities[name]["left_out"]) == (40 - lost, lost)
    text = said(summary)
    if first:
        assert verdict(summary)[0].startswith("The encoder fails on 3 of 40 datapoints")
        assert "3 of 40 datapoints have no finite L[q] and are left out of every mean." in text
    else:
        assert "1 of 40 datapoints has no finite L[q] and is left out of every mean." in text
    assert decide(summary).action == "encoder"


def test_too_many_rows_without_finite_numbers_leave_no_advice():
    frame = table(40)
    frame.loc[:9, ["elbo", "total_gap", "amortization_gap", "amortization_minus_approximation"]] = np.nan
    frame.loc[:9, "status"] = "nonfinite"
    assert decide(finished(frame)).action == "unknown"
    text = said(finished(frame))  # no effort mends an encoder
    assert "on 10 of 40 datapoints the encoder gives no q with a finite L[q]. Try next: mend it there" in text
    assert "--effort" not in text
    frame.loc[10:19, "status"] = "evidence_weak"
    assert "--effort thorough" in said(finished(frame))


def test_a_further_rung_leaves_its_rows_out_unless_it_fails_nearly_everywhere():
    frame = table(40).assign(elbo_star_flow=lambda f: f["elbo_star"] + 0.1, elbo_star_flow_se=0.02)
    frame.loc[:3, "elbo_star_flow"] = np.nan
    quantities = finished(frame)["quantities"]
    assert {quantities[name]["count"] for name in ("log_px", "elbo", "elbo_star", "elbo_star_flow")} == {36}
    frame.loc[4:, "elbo_star_flow"] = np.nan
    quantities = finished(frame)["quantities"]
    assert quantities["elbo"]["count"] == 40
    assert quantities["elbo_star_flow"]["mean"] is None


def test_classes_are_over_the_same_rows():
    frame = table(40).assign(label=np.arange(40) % 2)
    frame.loc[:4, ["elbo", "total_gap", "amortization_gap"]] = np.nan
    for part in finished(frame)["splits"]["test"]["classes"]:
        rows = frame[5:][frame[5:]["label"] == part["label"]]
        assert part["quantities"]["approximation_gap"]["mean"] == pytest.approx(rows["approximation_gap"].mean())
        assert part["quantities"]["approximation_gap"]["count"] == len(rows)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_few_datapoints_give_no_advice_whatever_their_interval(count):
    summary = finished(table(count))
    assert decide(summary).action == "unknown"
    assert ("one datapoint cannot say" in said(summary)) == (count == 1)


def test_unfinished_fits_are_counted_from_the_table():
    frame = table(20)
    frame.loc[:4, "fit"] = ["budget", "budget", "diverged", "budget", "budget"]
    frame.loc[:4, "optimality_gap"] = [0.5, -0.1, 0.3, 0.2, 0.1]
    found = finished(frame)["splits"]["test"]["unfinished"]
    assert (found["datapoints"], found["mean"]) == (5, pytest.approx(1.1 / 20))
    assert found["se_monte_carlo"] == pytest.approx(0.002 * 5**0.5 / 20)
    frame.loc[2, "optimality_gap"] = np.nan
    assert finished(frame)["splits"]["test"]["unfinished"]["mean"] is None


def test_a_decision_is_frozen_and_the_summary_stays_as_it_was():
    summary = sound()
    before = json.dumps(summary)
    decision = decide(summary)
    verdict(summary)
    assert json.dumps(summary) == before
    with pytest.raises(FrozenInstanceError):
        decision.action = "family"
    assert isinstance(decision, Decision)
