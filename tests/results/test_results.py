"""Saving, loading and showing results."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import gapkit
from gapkit.core.errors import InputError
from gapkit.ladder import STANDARD
from gapkit.models.reference import build
from gapkit.results import Result
from gapkit.results.summary import summarise, summarise_values


@pytest.fixture(scope="module")
def result():
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(8,), latent=2, hidden=(8,))
    return gapkit.analyze(model, torch.eye(8), effort="quick")


def test_round_trip(result, tmp_path):
    folder = result.save(tmp_path / "run")
    written = ["datapoints.parquet", "run.json", "summary.json", *(["details.npz"] if result.details else [])]
    assert sorted(p.name for p in folder.iterdir()) == sorted(written)
    again = Result.load(folder)
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())
    assert json.loads((folder / "summary.json").read_text())["quantities"].keys() >= {"log_px", "total_gap"}
    assert json.loads((folder / "run.json").read_text())["settings"]["seed"] == 0
    assert again.verdict() == result.verdict()
    assert again.details.keys() == result.details.keys()
    for name, values in result.details.items():
        np.testing.assert_array_equal(again.details[name], values)


def test_another_run_is_never_overwritten(result, tmp_path):
    result.save(tmp_path / "run")
    with pytest.raises(InputError, match="another run"):
        result.save(tmp_path / "run")
    with pytest.raises(InputError, match="no datapoints"):
        Result.load(tmp_path)


def test_summary_and_card(result):
    summary = result.summary
    frame = result.to_frame()
    assert summary.loc["total_gap", "mean"] == pytest.approx(frame["total_gap"].mean())
    assert "amortization" in result._repr_html_()  # more in test_card.py
    frame["elbo"] = 0.0
    assert (result.to_frame()["elbo"] != 0).all()  # a copy


def test_the_table_shows_its_errors_and_is_a_copy(result):
    frame, table = result.to_frame(), result.table
    pd.testing.assert_frame_equal(pd.DataFrame(table), frame, check_exact=True)
    assert type(frame) is type(table.head()) is pd.DataFrame
    value, error = frame.loc[0, ["elbo", "elbo_se"]]
    with pd.option_context("display.max_columns", None):
        printed = repr(table)
    assert "±" in printed
    assert f"{value:.1f}" in printed
    assert "elbo_se" not in printed
    assert error > 0
    table["elbo"] = 0.0
    assert (result.datapoints["elbo"] != 0).all()


def test_the_summary_shows_its_errors(result):
    quantities = result.summary_values.quantities
    summary = result.summary
    assert summary.index.tolist() == list(quantities)
    assert summary.index.name == "quantity"
    for name, values in quantities.items():
        expected = [values.mean, values.se_monte_carlo, values.count]
        np.testing.assert_array_equal(summary.loc[name, ["mean", "se_monte_carlo", "count"]], np.array(expected, float))
    assert repr(summary).count("±") > len(STANDARD.names)
    assert "nats" in repr(summary)
    assert "±" in summary._repr_html_()
    assert type(summary.round(2)) is pd.DataFrame


def test_parts_of_the_mean_gap_sum_to_the_total(result):
    means = result.summary["mean"]
    assert means["amortization_gap"] + means["approximation_gap"] == pytest.approx(means["total_gap"])


def test_csv_holds_every_digit_of_every_column(result, tmp_path):
    frame = result.to_frame()
    frame.loc[0, "elbo"], frame.loc[1, "elbo"], frame.loc[2, "elbo"] = 0.1 + 0.2, np.inf, -np.inf
    frame["split"] = ["test", 'a "quoted", name', "two\nlines", "<script>", "é 😀", "'", " ", ""]
    odd = Result(frame, result.summary_values, result.run)
    path = odd.to_csv(tmp_path / "table.csv")
    again = pd.read_csv(path, keep_default_na=False, na_values=["nan"])
    pd.testing.assert_frame_equal(again, frame, check_exact=True)
    assert frame.isna().to_numpy().any()  # AIS was not run everywhere
    assert "ais_reason" in frame


@pytest.mark.parametrize(
    "labels",
    [
        list(range(8)),
        [0.5, np.nan, *range(6)],
        ["é 😀", '"a", b', "<script>", "", "two\nlines", " ", "7", None],
        pd.array([1, None, *range(6)], dtype="Int64"),
    ],
    ids=["integers", "targets", "words", "some missing"],
)
def test_labels_come_back_from_their_files(result, labels, tmp_path):
    frame = result.to_frame()
    frame.insert(2, "label", labels)
    labelled = Result(frame, summarise(frame), result.run)
    loaded = Result.load(labelled.save(tmp_path / "run"))
    pd.testing.assert_frame_equal(loaded.to_frame(), frame, check_exact=True)
    assert loaded.summary_values == labelled.summary_values
    again = pd.read_csv(labelled.to_csv(tmp_path / "table.csv"), keep_default_na=False, na_values=["nan"])
    pd.testing.assert_frame_equal(again, frame, check_exact=True, check_dtype=frame["label"].dtype != "Int64")
    assert again["label"].isna().tolist() == frame["label"].isna().tolist()


def test_words_that_look_like_numbers_come_back_from_csv_as_words_if_one_says_so(result, tmp_path):
    frame = result.to_frame().assign(label=["007", "01", "1"] * 2 + ["2", "10"])
    path = Result(frame, result.summary_values, result.run).to_csv(tmp_path / "table.csv")
    again = pd.read_csv(path, keep_default_na=False, na_values=["nan"], dtype={"label": str})
    assert again["label"].tolist() == frame["label"].tolist()


def test_csv_is_written_wholly_or_not_at_all(result, tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text("before")

    def fails(self, name, **options):
        Path(name).write_text("half")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", fails)
        with pytest.raises(InputError, match="disk full"):
            result.to_csv(path)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]
    with pytest.raises(InputError, match="nowhere"):
        result.to_csv(tmp_path / "nowhere" / "table.csv")
    result.to_csv(path)
    assert len(pd.read_csv(path)) == len(result.to_frame())


def test_one_datapoint_has_only_monte_carlo_error_and_a_range():
    one = summarise_values(np.array([2.0]), np.array([0.1]))
    assert (one.se_datapoints, one.se_monte_carlo) == (None, 0.1)
    assert (one.ci95, one.range) == (None, (2.0, 2.0))
    none = summarise_values(np.array([np.nan]), np.array([0.1]))
    assert (none.mean, none.ci95, none.range) == (None, None, None)
    assert none.left_out == 1
