"""An estimator of one's own is a column: with its error, in summary, report, comparison and files, also elsewhere."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch

import gapkit
from gapkit import Bound, Estimate, Estimator, GapkitWarning, InputError, Iwae
from gapkit.core.numerics import log_mean_exp, log_mean_exp_influence
from gapkit.engine import spec_for
from gapkit.estimators import ReciprocalIs
from gapkit.ladder import in_order, quantity
from gapkit.report import build
from gapkit.trackers.values import metrics
from tests.processes import TABLES, python
from tests.yardsticks import ppca

QUICK = spec_for("quick", seed=2, unit_size=6, details=0)
SPEC = replace(QUICK, fit=replace(QUICK.fit, num_starts=0))  # posteriors of one mode


@dataclass(frozen=True, kw_only=True)
class Renyi(Estimator):
    """A Rényi bound.

    More words.
    """

    alpha: float = 0.5
    stage: str = "iwae"
    label: str = "Rényi bound"

    def on(self, target, q, key):
        z, log_q = q.draw(key.streams(self.stage, target.dtype, target.device), 256)
        log_w, power = target.log_joint(z) - log_q, 1.0 - self.alpha
        value, draws = log_mean_exp(power * log_w) / power, log_mean_exp_influence(power * log_w) / power
        return Estimate.from_draws(value, draws, Bound.LOWER)


class Failing(Renyi):
    """Fails where a unit has datapoint 8 in it."""

    def on(self, target, q, key):
        if 8 in key.indices:
            raise ValueError("no such thing\nat all")
        return super().on(target, q, key)


@pytest.fixture(scope="module")
def model():
    return ppca("scaled", 0.8)


@pytest.fixture(scope="module")
def x(model):
    return model.sample(10, 0)


@pytest.fixture(scope="module")
def result(model, x):
    bounds = {"renyi": Renyi(), "as_iwae": Renyi(alpha=0.0), "above": ReciprocalIs(num_draws=20)}
    return gapkit.analyze(model, x, SPEC, bounds=bounds)


def test_it_is_a_column_with_its_error(result, model, x):
    """On the noise of IWAE the Rényi bound of order 0 is IWAE."""
    frame = result.to_frame()
    np.testing.assert_allclose(frame["as_iwae"], frame["iwae"], atol=1e-10)
    np.testing.assert_allclose(frame["as_iwae_se"], frame["iwae_se"], atol=1e-10)
    columns = list(frame)
    assert columns.index("khat") < columns.index("renyi") < columns.index("above_se") < columns.index("pooled")
    log_px = model.log_px(x).numpy()
    assert (frame["above"] > log_px - 4 * frame["above_se"]).all()
    assert (frame["renyi"] < log_px + 4 * frame["renyi_se"]).all()
    assert np.isfinite(frame["above_rhat"]).all()  # what says whether its chains carry it


def test_nothing_else_changes(result, model, x):
    plain = gapkit.analyze(model, x, SPEC)
    frame = result.to_frame()
    own = [name for name in frame if name.startswith(("renyi", "as_iwae", "above"))]
    pd.testing.assert_frame_equal(frame.drop(columns=own), plain.to_frame())
    assert plain.summary_values.ladder.further == ()
    assert "bounds" not in plain.run


@pytest.mark.usefixtures("no_pictures")
def test_it_stands_in_summary_report_and_tracker(result):
    means = result.summary_values.quantities
    assert means["renyi"].mean == pytest.approx(result.datapoints["renyi"].mean())
    assert quantity("renyi", result.ladder).label == "Rényi bound"
    assert quantity("renyi", result.ladder).kind == "estimate"
    assert quantity("renyi", result.ladder).meaning.startswith("A Rényi bound. A lower bound")
    assert quantity("above", result.ladder).label == "Reciprocal importance sampling (upper bound)"
    assert "on average not below log p(x)" in quantity("above", result.ladder).meaning
    assert in_order(["ais", "above", "renyi", "iwae"], result.ladder) == ["iwae", "renyi", "above", "ais"]
    table = build(result).table("gaps-1")
    labels = [row.cells[0] for row in table.rows]
    assert labels.index("IWAE") + 1 == labels.index("Rényi bound")
    assert "gapkit/test/renyi" in metrics(result.summary_values)
    assert result.run["bounds"]["renyi"] == {
        "estimator": "Renyi",
        "settings": {"alpha": 0.5, "stage": "iwae", "label": "Rényi bound"},
    }


@pytest.mark.slow
def test_a_stored_run_knows_it_where_nobody_else_does(result, tmp_path):
    result.save(tmp_path / "run")
    code = (
        "import sys; from gapkit.results import Result; from gapkit.ladder import quantity\n"
        "from gapkit.report import build\n"
        "run = Result.load(sys.argv[1]); told = quantity('renyi', run.ladder)\n"
        "assert (told.kind, told.label) == ('estimate', 'R\\u00e9nyi bound'), told\n"
        "assert run.run['bounds']['above']['estimator'] == 'ReciprocalIs'\n"
        "build(run)\n"
    )
    done = python(code, tmp_path / "run", after=TABLES)
    assert done.returncode == 0, done.stderr
    read = pd.read_csv(result.to_csv(tmp_path / "table.csv"), keep_default_na=False, na_values=["nan"])
    np.testing.assert_array_equal(read["renyi"], result.datapoints["renyi"])


def test_runs_that_share_it_are_compared(result, model, x):
    other = gapkit.analyze(ppca("scaled", 0.9), x, SPEC, bounds={"renyi": Renyi(alpha=0.3)})
    compared = gapkit.compare({"a": result, "b": other})
    rows = compared.summary.loc[("test", "b")]
    lead = (other.datapoints["renyi"] - result.datapoints["renyi"]).mean()
    assert rows.loc["renyi", "mean"] == pytest.approx(lead)
    assert "above" not in rows.index  # one of them has no such column
    plain = gapkit.analyze(model, x, SPEC)
    assert "renyi" not in gapkit.compare({"a": plain, "b": other}).summary.index.get_level_values("quantity")


@pytest.mark.usefixtures("no_pictures")
def test_one_that_fails_is_left_out_alone(model, x):
    with pytest.warns(GapkitWarning, match="the bound broken has no value .*: ValueError: no such thing"):
        found = gapkit.analyze(model, x, SPEC, bounds={"broken": Failing(), "renyi": Renyi()})
    frame = found.to_frame()
    assert frame["broken"].isna().tolist() == [False] * 6 + [True] * 4
    assert frame["broken_se"].isna().tolist() == [False] * 6 + [True] * 4
    assert frame["renyi"].notna().all()
    assert (frame["status"] == "ok").all()
    assert found.summary_values.splits["test"].skipped == {"broken": "ValueError: no such thing"}
    assert found.summary_values.quantities["broken"].count == 6
    assert found.summary_values.quantities["elbo"].count == 10
    table = build(found).table("gaps-1")
    assert any("no such thing" in row.note for row in table.rows)


@pytest.mark.parametrize("given", [torch.zeros(3), "words", Estimate(torch.zeros(2), torch.zeros(2), Bound.LOWER)])
def test_what_is_no_estimate_is_left_out(given, model, x):
    class Odd(Estimator):
        def on(self, target, q, key):
            return given

    with pytest.warns(GapkitWarning, match="odd has no value"):
        found = gapkit.analyze(model, x[:4], SPEC, bounds={"odd": Odd()})
    assert found.to_frame()["odd"].isna().all()
    assert found.ladder.own("estimate", "odd").side == ""


@pytest.mark.parametrize(
    "name",
    [
        "elbo",
        "elbo_star_flow",
        "elbo_refit",
        "gain_x",
        "iwae",
        "ess",
        "a b",
        "",
        "x_se",
        "label",
        "mode_gap",
        "ais_upper",
    ],
)
def test_names_that_would_clash_are_refused(name, model, x):
    with pytest.raises(InputError, match="a bound named"):
        gapkit.analyze(model, x, SPEC, bounds={name: Renyi()})


@pytest.mark.parametrize("given", [Iwae, 3, lambda model, x, q, seed: None])
def test_what_is_no_estimator_is_refused(given, model, x):
    with pytest.raises(InputError, match=r"gapkit\.Estimator"):
        gapkit.analyze(model, x, SPEC, bounds={"mine": given})


def test_every_column_of_a_table_is_refused_as_a_name(result, model, x):
    own = ("renyi", "as_iwae", "above")
    for name in (name for name in result.datapoints if not name.startswith(own)):
        with pytest.raises(InputError, match="a bound named"):
            gapkit.analyze(model, x, SPEC, bounds={name: Renyi()})
