"""Scores of results and how they separate two sets: numbers, odd inputs, sentences, files."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from gapkit.core.errors import InputError
from gapkit.ood import SCORES, Scored, describe, scores, separate
from gapkit.results import Result
from tests.ood.samples import pair, sample
from tests.results.by_hand import join, make, nothing, three


def test_scores_are_the_columns_of_the_result():
    result = sample(3.0)
    table = scores(result, name="digits", complexity=np.full(60, 7.0))
    rows = result.datapoints
    assert table["data"].unique().tolist() == ["digits"]
    for ours, theirs in {
        "regret": rows["amortization_gap"],
        "total_gap": rows["total_gap"],
        "negative_elbo": -rows["elbo"],
        "negative_log_px": -rows["log_px"],
        "input_complexity": -rows["log_px"] - 7.0,
        "elbo": rows["elbo"],
        "log_px": rows["log_px"],
    }.items():
        np.testing.assert_array_equal(table[ours], theirs)
        np.testing.assert_array_equal(table[f"{ours}_se"], 0.05)
    assert (table["compressed"] == 7.0).all()
    assert table["index"].tolist() == list(range(60))
    assert "input_complexity" not in scores(result)


def test_a_split_is_chosen_by_name():
    result = join(three(), sample(3.0, count=5, split="train"))
    assert scores(result)["data"].tolist() == ["test"] * 3
    assert len(scores(result, "train")) == 5
    with pytest.raises(InputError, match="test, train"):
        scores(result, "validation")
    with pytest.raises(InputError, match="2 lengths for 3"):
        scores(result, complexity=np.zeros(2))


def test_areas_are_those_of_the_table():
    found = pair()
    values = found.summary_values.separation.scores
    labels = (found.table["data"] == "letters").astype(int)
    for name in ("regret", "total_gap", "negative_elbo", "negative_log_px"):
        assert values[name].auc == pytest.approx(roc_auc_score(labels, found.table[name]))
    summary = found.summary
    assert summary.index[0] == found.summary_values.separation.best == found.summary_values.separation.order[0]
    assert summary["auc"].is_monotonic_decreasing
    assert summary.loc["regret", "ci95_low"] == values["regret"].ci95[0]
    curve = found.roc("regret")
    assert np.trapezoid(curve["true_positives"], curve["false_positives"]) == pytest.approx(values["regret"].auc)


def test_summary_and_table_show_their_errors():
    found = pair()
    values = found.summary_values.separation.scores["regret"]
    summary = found.summary
    assert summary.index.name == "score"
    assert summary.loc["regret", "auc_se"] == values.se
    assert summary.loc["regret", ["fpr95_ci95_low", "fpr95_ci95_high"]].tolist() == [*values.fpr95_ci95]
    assert f"{values.auc:.3f} ± {values.se:.3f}" in repr(summary)
    assert len(describe(sample(3.0)).summary) == 0
    table = found.table
    assert f"{table['regret'][0]:.3f} ± 0.050" in repr(table[["regret", "regret_se"]].pipe(type(table)))
    table["regret"] = 0.0
    assert (found.to_frame()["regret"] != 0).all()
    assert type(found.to_frame()) is pd.DataFrame
    assert repr(found) == "<gapkit.ood.Scored mnist: 60 datapoints, letters: 60 datapoints>"


def test_the_quantiles_of_each_set():
    found = pair()
    for role, name in (("reference", "mnist"), ("other", "letters")):
        values = found.summary_values.sets[role]
        rows = found.table[found.table["data"] == name]
        assert (values.name, values.datapoints, values.status) == (name, 60, {"ok": 60})
        assert values.scores["regret"].median == pytest.approx(rows["regret"].median())
        assert values.scores["regret"].q95 == pytest.approx(rows["regret"].quantile(0.95))
        assert values.scores["regret"].median_se == 0.05


def test_differences_are_of_the_best_from_each_other_score():
    values = pair().summary_values.separation
    for name, difference in values.differences.items():
        lead = values.scores[values.best].auc - values.scores[name].auc
        assert difference.difference == pytest.approx(lead)
    assert set(values.differences) == set(values.order[1:])


def test_the_verdict_names_the_winner_and_those_that_point_the_wrong_way():
    found = pair()
    values = found.summary_values.separation.scores
    text = " ".join(found.verdict())
    assert text.startswith("Likelihood regret separates letters from mnist with AUC 0.9")
    assert values["negative_elbo"].ci95[1] < 0.5
    assert "takes mnist for the more unusual data: so does negative" in text
    assert "finds 95% of letters" in text


def test_a_clear_winner_is_called_the_best_and_a_close_one_is_not():
    reference, other = scores(sample(3.0), name="a"), scores(sample(8.0, elbo=-85.0, seed=1), name="b")
    noise = np.random.default_rng(3)
    clear = [table.assign(total_gap=noise.normal(size=len(table))) for table in (reference, other)]
    assert "Likelihood regret separates them best: the 95% interval of its lead" in " ".join(separate(*clear).verdict())
    close = [t.assign(total_gap=t["regret"] + noise.normal(0, 0.2, len(t))) for t in (reference, other)]
    text = " ".join(separate(*close).verdict())
    assert "not enough evidence to call it better than" in text
    assert "separates them best" not in text


def test_equal_sets_are_not_told_apart():
    found = separate(sample(3.0), sample(3.0), names=("one", "two"))
    assert all(values.auc == pytest.approx(0.5) for values in found.summary_values.separation.scores.values())
    text = found.verdict()
    assert text[0].startswith("Not enough evidence that likelihood regret separates two from one: AUC 0.50")
    assert "No score separates the two sets clearly, so none is called the best." in text


def test_equal_values_are_not_certain():
    flat = make([-90.0] * 12, [-89.0] * 12, [-88.0] * 12)
    low, high = separate(flat, flat).summary_values.separation.scores["regret"].ci95
    assert low < 0.4
    assert high > 0.6


def test_separate_sets_tie():
    text = " ".join(separate(sample(1.0), sample(500.0, elbo=-9000.0, seed=1)).verdict())
    assert "AUC 1 (95%: 0.9" in text
    assert "they all have the same area" in text


def test_a_score_that_fails_says_so():
    found = separate(sample(8.0), sample(3.0, seed=1), names=("mnist", "letters"))
    assert found.verdict()[0].startswith("Likelihood regret fails to find letters: with AUC 0.1")


def test_one_datapoint():
    found = separate(sample(3.0), make([-200.0], [-100.0], [-90.0]), names=("a", "b"))
    text = found.verdict()
    assert text[0].startswith("Not enough evidence")
    assert text[1] == "One datapoint cannot say what holds for others."
    assert (
        describe(make([-200.0], [-100.0], [-90.0]), "b").verdict()[0].startswith("The likelihood regret of 1 datapoint")
    )


@pytest.mark.parametrize("empty", ["reference", "other", "both"])
def test_nothing_finite(empty):
    reference = nothing() if empty in ("reference", "both") else sample(3.0)
    other = nothing() if empty in ("other", "both") else sample(3.0)
    found = separate(reference, other, names=("a", "b"))
    assert found.summary_values.separation.scores["regret"].auc is None
    assert found.verdict()[0].startswith(f"No datapoint of {'b' if empty == 'other' else 'a'} has a likelihood regret")
    assert found.summary["auc"].isna().all()
    assert len(found.roc()) == 0
    assert describe(nothing(), "b").verdict()[0] == "No datapoint of b has a finite likelihood regret."


def test_infinite_scores_count_and_missing_ones_are_left_out():
    reference = scores(make([-95.0, -96.0, -97.0], [-94.0] * 3, [-93.0] * 3), name="a")
    other = scores(make([-np.inf, np.nan, -94.5], [-94.0, np.nan, -94.0], [-93.0] * 3), name="b")
    values = separate(reference, other).summary_values
    regret = values.separation.scores["regret"]
    assert (regret.reference, regret.other) == (3, 2)
    assert regret.auc == 0.5  # the infinite one above all three, the other one below all
    assert values.sets["other"].scores["regret"].left_out == 2
    assert values.separation.scores["negative_log_px"].other == 3


def test_an_infinite_threshold_is_not_given_as_a_number():
    other = make([-np.inf] * 30, [-94.0] * 30, [-93.0] * 30)
    found = separate(sample(3.0), other, names=("a", "b"))
    regret = found.summary_values.separation.scores["regret"]
    assert (regret.auc, regret.fpr95, regret.threshold95) == (1.0, 0.0, None)
    assert "finds 95% of b also finds 0% of a" in " ".join(found.verdict())


def test_sets_of_one_name_are_kept_apart():
    found = separate(scores(sample(3.0)), scores(sample(4.0, seed=1)))
    assert found.table["data"].unique().tolist() == ["test (reference)", "test (other)"]
    assert len(found.known("regret", "reference")) == 60
    with pytest.raises(InputError, match="reference, other"):
        found.known("regret", "third")
    with pytest.raises(InputError, match="regret, total_gap"):
        found.known("charm", "other")


def test_a_score_that_only_one_set_has_is_not_compared():
    found = separate(scores(sample(3.0), name="a", complexity=np.zeros(60)), scores(sample(3.0), name="b"))
    assert "input_complexity" not in found.summary_values.separation.scores
    both = separate(*(scores(sample(3.0), name=name, complexity=np.zeros(60)) for name in "ab"))
    assert set(both.summary_values.separation.scores) == set(SCORES)


def test_empty_tables_are_refused():
    with pytest.raises(InputError, match="without rows"):
        separate(scores(sample(3.0)).head(0), scores(sample(3.0)))
    with pytest.raises(InputError, match="without rows"):
        describe(scores(sample(3.0)).head(0))


def test_doubtful_datapoints_are_counted():
    status = ["ok", "fit_budget,evidence_weak", "ok"]
    text = separate(three(), three(status=status), names=("a", "b")).verdict()
    assert "Datapoints of b with a status (fit_budget: 1, evidence_weak: 1, of 3); a higher --effort may help." in text
    assert not any("Datapoints of a to mind" in sentence for sentence in text)


def test_saved_scores_are_loaded_as_they_were(tmp_path):
    found = separate(sample(3.0, run={"seed": 4}), make([-np.inf, -95.0], [-94.0] * 2, [-93.0] * 2))
    found.save(tmp_path / "scores")
    again = Scored.load(tmp_path / "scores")
    pd.testing.assert_frame_equal(again.table, found.table, check_exact=True)
    assert again.verdict() == found.verdict()
    assert again.run == {"reference": {"seed": 4}}
    written = json.loads((tmp_path / "scores" / "score.json").read_text())
    assert written["verdict"] == found.verdict()
    assert again.summary_values == found.summary_values
    csv = pd.read_csv(tmp_path / "scores" / "scores.csv")
    np.testing.assert_array_equal(csv["regret"], found.table["regret"])


def test_damaged_and_foreign_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"scores\.parquet"):
        Scored.load(tmp_path)
    pair().save(tmp_path / "scores")
    with pytest.raises(InputError, match="not empty"):
        pair().save(tmp_path / "scores")
    (tmp_path / "scores" / "score.json").write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        Scored.load(tmp_path / "scores")


def test_two_results_need_no_files():
    results = [
        Result(part.datapoints, part.summary_values, {"checkpoint": {"name": "m"}}) for part in (three(), three())
    ]
    assert separate(*results).run == {role: {"checkpoint": {"name": "m"}} for role in ("reference", "other")}
