"""Labelled arrays for ArviZ and xarray: every number of the table, with its unit and where it came from."""

import json

import numpy as np
import pandas as pd
import pytest

from gapkit.core.errors import InputError
from gapkit.integrations import arviz as export
from gapkit.integrations.arviz import to_arviz
from gapkit.results import Result
from gapkit.version import __version__
from tests.processes import TABLES, python
from tests.results.by_hand import ODD, join, make, three, with_labels

arviz_base = pytest.importorskip("arviz_base")


def with_diagnostics():
    result = join(three(), make([-50.0, -np.inf], [-49.0] * 2, [-48.0] * 2, status=["ok", "nonfinite"], split="train"))
    frame = result.datapoints.assign(khat=[0.1, 0.2, 0.9, np.nan, np.inf], ess=7.5, fit_steps=range(5), ais_reason="")
    run = {"settings": {"seed": 3, "effort": "quick"}, "versions": {"gapkit": "0.9"}, "nan": float("nan")}
    return Result(frame, result.summary_values, run)


def test_every_column_is_there_once_with_its_values():
    result = with_diagnostics()
    tree, frame = to_arviz(result), result.to_frame()
    assert sorted(tree.children) == ["bounds", "diagnostics", "gaps", "standard_errors"]
    seen = ["split", "index"]
    for group in ("bounds", "gaps", "diagnostics"):
        for name, values in tree[group].data_vars.items():
            seen.append(name)
            assert values.dims == ("datapoint",)
            np.testing.assert_array_equal(values.to_numpy(), frame[name].to_numpy())
    for name, values in tree["standard_errors"].data_vars.items():
        seen.append(f"{name}_se")
        np.testing.assert_array_equal(values.to_numpy(), frame[f"{name}_se"].to_numpy())
    assert sorted(seen) == sorted(frame.columns)
    assert {"log_px", "elbo", "elbo_star", "elbo_star_full_rank", "iwae"} <= set(tree["bounds"].data_vars)
    assert {"total_gap", "amortization_gap", "approximation_gap", "mode_gap"} <= set(tree["gaps"].data_vars)
    assert {"khat", "ess", "status", "fit_steps"} <= set(tree["diagnostics"].data_vars)


def test_datapoints_are_labelled_in_every_group():
    result = with_diagnostics()
    tree = to_arviz(result)
    for node in tree.children.values():
        assert node.sizes == {"datapoint": 5}
        assert node["split"].to_numpy().tolist() == ["test"] * 3 + ["train"] * 2
        assert node["index"].to_numpy().tolist() == [0, 1, 2, 0, 1]
    means = tree["gaps"].to_dataset().groupby("split").mean()["total_gap"]
    frame = result.to_frame()
    for split in ("test", "train"):
        assert float(means.sel(split=split)) == frame.loc[frame["split"] == split, "total_gap"].mean()


def test_units_and_provenance():
    tree = to_arviz(with_diagnostics())
    for group in ("bounds", "gaps", "standard_errors"):
        assert {values.attrs["units"] for values in tree[group].data_vars.values()} == {"nats"}
    assert "units" not in tree["diagnostics"]["khat"].attrs
    assert json.loads(tree.attrs["run"])["settings"] == {"seed": 3, "effort": "quick"}
    assert json.loads(tree.attrs["run"])["nan"] is None
    summary = json.loads(tree.attrs["summary"])
    assert summary["splits"]["test"]["quantities"]["total_gap"]["mean"] == 5.5
    assert tree["gaps"].attrs["inference_library"] == "gapkit"
    assert tree["gaps"].attrs["inference_library_version"] == __version__
    assert tree["gaps"].attrs["creation_library"] == "ArviZ"


@pytest.mark.parametrize("name", ODD)
def test_odd_results_are_exported_as_they_are(name):
    result = ODD[name]()
    np.testing.assert_array_equal(result.to_arviz()["gaps"]["total_gap"], result.to_frame()["total_gap"])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([7, 0, 7], [7, 0, 7]),
        (["b", "<b> 😀", None], ["b", "<b> 😀", ""]),
        (pd.array([7, None, 0], dtype="Int64"), [7.0, np.nan, 0.0]),
    ],
)
def test_labels_are_a_coordinate(labels, expected):
    tree = to_arviz(with_labels(three(), labels))
    for node in tree.children.values():
        np.testing.assert_array_equal(node.coords["label"], expected)
        assert "label" not in node.data_vars
        assert node.coords["label"].dtype.kind in "ifU"


def test_names_of_any_kind_are_kept_as_text_of_fixed_width():
    name = '<script>"x"</script> 😀'
    tree = to_arviz(three(split=name))
    assert set(tree["bounds"]["split"].to_numpy()) == {name}
    for node in tree.children.values():
        for values in (*node.data_vars.values(), *node.coords.values()):
            assert values.dtype.kind in "biufU"  # netCDF and zarr have no Python objects


def test_functions_of_arviz_take_a_group():
    result = three()
    gaps = arviz_base.extract(result.to_arviz(), group="gaps", sample_dims="datapoint", var_names="total_gap")
    np.testing.assert_array_equal(gaps, result.to_frame()["total_gap"])
    frame = result.to_arviz()["gaps"].to_dataset().to_dataframe()
    assert isinstance(frame, pd.DataFrame)
    assert frame["total_gap"].tolist() == result.to_frame()["total_gap"].tolist()


def test_without_the_extra_the_error_says_how_to_get_it():
    code = (
        "import sys; sys.modules['arviz_base'] = None\n"
        "from gapkit.core.errors import InputError\nfrom gapkit.integrations.arviz import to_arviz\n"
        "try:\n    to_arviz(None)\nexcept InputError as error:\n    print(error)"
    )
    done = python(code, after=TABLES)
    assert "pip install 'gapkit[arviz]'" in done.stdout
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "import_module", lambda name: __import__("no_module_of_this_name"))
        with pytest.raises(InputError, match="no_module_of_this_name"):
            three().to_arviz()
