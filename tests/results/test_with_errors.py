"""Tables that show their errors: what is printed, what stays in the columns, and odd values."""

import pickle
import time

import numpy as np
import pandas as pd
import pytest

from gapkit.results.summary import summarise_values
from gapkit.results.summary_frame import summary_frame
from gapkit.results.with_errors import WithErrors


def printed(**columns):
    return repr(WithErrors(pd.DataFrame(columns))).splitlines()


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-18.4372, 0.0213, "-18.437 ± 0.021"),
        (-1234.5678, 5.123, "-1234.6 ± 5.1"),
        (-1234.5678, 51.23, "-1235 ± 51"),
        (0.00001, 0.0000123, "0.000010 ± 0.000012"),
        (0.5, 0.0, "0.500 ± 0.000"),
        (-0.0001, 0.01, "0.000 ± 0.010"),
        (-2.5, np.nan, "-2.500"),
        (-2.5, np.inf, "-2.500 ± inf"),
        (np.inf, 0.1, "inf"),
        (-np.inf, np.nan, "-inf"),
        (np.nan, 0.1, "NaN"),
    ],
)
def test_a_value_has_the_decimals_of_its_error(value, error, text):
    assert printed(elbo=[value], elbo_se=[error])[1] == f"0  {text}"


def test_only_pairs_become_one_column():
    head, row = printed(index=[7], elbo=[1.0], elbo_se=[0.1], khat=[0.123456], word_se=["a"], status=["ok"])
    assert head.split() == ["index", "elbo", "khat", "word_se", "status"]
    assert row.split() == ["0", "7", "1.00", "±", "0.10", "0.123", "a", "ok"]
    assert printed(word=["b"], word_se=[0.1])[0].split() == ["word", "word_se"]
    assert printed(only_se=[0.1])[0].split() == ["only_se"]
    assert printed(x_low=[1.0])[0].split() == ["x_low"]
    assert printed(x_high=[1.0])[0].split() == ["x_high"]
    assert "Empty DataFrame" in "\n".join(printed())


def test_intervals_and_ranges():
    head, many, few, none = printed(
        ci95_low=[1.0, np.nan, np.nan],
        ci95_high=[1.41, np.nan, np.nan],
        min=[0.0, 0.5, np.nan],
        max=[9.0, 0.9, np.nan],
    )
    assert head.split() == ["ci95"]
    assert many.split()[1:] == ["1.00", "to", "1.41"]
    assert few.split()[1:] == ["0.50", "to", "0.90", "(range)"]
    assert none.split()[1:] == ["NaN"]
    assert printed(auc_low=[1.0], auc_high=[1.0])[1].split()[1:] == ["1.000", "to", "1.000"]
    assert printed(auc=[0.5], auc_low=[0.25], auc_high=[0.75])[0].split() == ["auc", "auc_low", "auc_high"]
    assert printed(min=[1.0], max=[2.0])[0].split() == ["min", "max"]


def test_the_columns_keep_all_digits_and_parts_are_ordinary():
    plain = pd.DataFrame({"elbo": [-18.43721, 1.0], "elbo_se": [0.0213, 0.1]})
    table = WithErrors(plain, "nats")
    pd.testing.assert_frame_equal(pd.DataFrame(table), plain, check_exact=True)
    for part in (table.head(1), table[["elbo"]], table.copy(), table[table["elbo"] > 0], table.round(2), table.T):
        assert type(part) is pd.DataFrame
    assert type(pd.concat([table, table])) is pd.DataFrame
    assert "±" not in repr(table.copy())
    table.loc[0, "elbo"] = 3.0
    assert plain.loc[0, "elbo"] == -18.43721
    assert "3.000 ± 0.021" in repr(table)
    again = pickle.loads(pickle.dumps(table))
    assert repr(again) == repr(table)
    assert "nats" in repr(again)


def test_columns_that_were_added_are_printed_too():
    table = WithErrors(pd.DataFrame({"elbo": [1.0], "elbo_se": [0.1]}))
    table[5], table["mine"] = 2.5, "<b>"
    assert repr(table).splitlines()[0].split() == ["elbo", "5", "mine"]
    assert "&lt;b&gt;" in table._repr_html_()
    assert "1.00 ± 0.10" in table._repr_html_()
    twice = WithErrors(pd.DataFrame([[1.0, 2.0, 0.1]], columns=["elbo", "elbo", "elbo_se"]))
    assert "elbo_se" in repr(twice)


def test_missing_numbers_of_any_type():
    table = WithErrors(pd.DataFrame({"n": pd.array([1, None], "Int64"), "n_se": pd.array([0.5, None], "Float64")}))
    assert repr(table).splitlines()[1:] == ["0  1.00 ± 0.50", "1          NaN"]


def test_long_tables_are_cut_short_quickly_and_tell_their_own_size():
    count = 200_000
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=count) for name in ("elbo", "elbo_se", "log_px", "log_px_se")}
    table = WithErrors(pd.DataFrame(columns))
    began = time.process_time()
    text, page = repr(table), table._repr_html_()
    assert time.process_time() - began < 1
    assert "[200000 rows x 4 columns]" in text
    assert "200000 rows × 4 columns" in page
    for row in (0, count - 1):
        assert f"{row}  " in text
        assert f"{abs(columns['elbo'][row]):.0f}" in text
    assert text.count("±") == 20
    with pd.option_context("display.max_rows", None):
        assert repr(table.head(100).pipe(WithErrors)).count("±") == 200


def test_the_summary_has_a_row_for_each_quantity_and_all_digits():
    rng = np.random.default_rng(0)
    values = summarise_values(rng.normal(-18, 4, 300), np.full(300, 0.02))
    few = summarise_values(np.array([2.0]), np.array([0.1]))
    none = summarise_values(np.array([np.nan]), np.array([0.1]))
    table = summary_frame({"elbo": values, "log_px": few, "ais": none})
    assert table.index.name == "quantity"
    assert table.columns.tolist() == [
        *("mean", "se_monte_carlo", "se_datapoints", "ci95_low", "ci95_high", "min", "max", "count")
    ]
    assert table.loc["elbo", "mean"] == values.mean
    assert table.loc["elbo", ["ci95_low", "ci95_high"]].tolist() == list(values.ci95)
    assert table.loc["log_px", ["min", "max"]].tolist() == [2.0, 2.0]
    assert table.loc["ais"].isna().sum() == 7
    assert table.dtypes.astype(str).tolist() == ["float64"] * 7 + ["int64"]
    text = repr(table)
    assert f"{values.mean:.2f} ± {values.se_datapoints:.2f}" in text
    assert "2.000 to 2.000 (range)" in text
    assert "\\" not in text  # no line is broken


def test_a_summary_of_several_levels():
    values = summarise_values(np.arange(20.0), np.full(20, 0.1))
    table = summary_frame({("test", "b", "elbo"): values}, ("split", "run", "quantity"), note="nats, minus a")
    assert table.loc[("test", "b", "elbo"), "mean"] == 9.5
    assert "9.5 ± 1.3" in repr(table)
    assert "minus a" in repr(table)
