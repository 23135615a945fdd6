"""The question as one call: the answer on models where it is known, its words, its ladder and its report."""

import json

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from gapkit.comparison import compare
from gapkit.core.errors import InputError
from gapkit.joint import AMORTIZED, HierarchicalModel, Mlp, Settings, Window, analyze
from gapkit.joint.models import BayesianVae, Linear, Nonlinear, Saw
from gapkit.ladder import Ladder
from gapkit.plots import amortization
from gapkit.report import build, build_amortization, render, render_pdf
from gapkit.results import Result
from gapkit.results.amortization import Study
from tests.joint.data import CHAIN, hidden_chain
from tests.report.pages import Page, pages_of

QUICK = Settings(steps=150, polish=60, starts=3, seeds=(0,))


@pytest.fixture(scope="module")
def saw():
    return analyze(Saw(), Saw().simulate(100, 0), more=[Saw().simulate(100, seed) for seed in range(1, 12)])


def test_the_saw_model_wants_two_inputs(saw):
    study = saw.study
    assert (study.answer, study.best.window, study.ideal) == ("amortize", "x[n-1..n]", "x[n-1..n]")
    assert study.best.gap < 1e-6
    first, second, third, *_ = saw.verdict()
    assert first.startswith("Amortize: a polynomial of degree 1 in x[n-1..n] loses 0.000 nats over 100 datapoints")
    assert second.startswith("A function of x[n] alone is not enough: the best of them loses")
    assert "x[n-1] and x[n], so that an ideal inference function of x[n-1..n] exists" in third
    assert saw.table["gap"].iloc[0] > 30


def test_a_hidden_markov_model_wants_a_wide_window_and_is_promised_none():
    found = analyze(CHAIN, hidden_chain())
    assert (found.study.best.window, found.study.ideal, found.study.answer) == ("x[n-2..n+2]", None, "amortize")
    said = " ".join(found.verdict())
    assert "no function of a window short of all of x is ideal in general" in said
    assert "recover 0.748 nats" in said
    narrow = analyze(CHAIN, hidden_chain(), half_widths=(0, 1))
    assert narrow.study.answer == "factorize"
    assert narrow.verdict()[0].startswith("Do not amortize with these windows")


def test_a_network_that_is_too_small_is_told():
    found = analyze(Nonlinear(), Nonlinear().simulate(30, 0), widths=(), settings=QUICK)
    assert found.study.answer == "wider"
    assert found.verdict()[0].startswith("Give the inference function more")
    enough = analyze(Nonlinear(), Nonlinear().simulate(30, 0), widths=(8,), settings=QUICK)
    assert enough.study.chosen == "network of width 8 on x[n]"
    assert enough.study.polish.gain == pytest.approx(enough.study.best.gap, abs=0.01)


def test_families_of_the_users_choice_are_tried_too():
    mine = Mlp(3, Window((-1, 0)))
    found = analyze(Saw(), Saw().simulate(40, 0), families=[mine], settings=QUICK)
    assert [one.label for one in found.study.candidates][-1] == mine.label


def test_repeats_are_told():
    x = hidden_chain(40)
    x[7] = x[30]
    said = " ".join(analyze(CHAIN, x, half_widths=(0,)).verdict())
    assert "Of 1 group of datapoints with equal inputs, 1 has optimal factors that differ" in said


class Locations(HierarchicalModel):
    """Draws alone can judge it: three numbers of theta. It is Gaussian, so that the truth is known."""

    global_size = 3

    def log_prior(self, theta):
        return Normal(0.0, 1.0).log_prob(theta).sum(-1)

    def log_local(self, theta, z, x):
        z = z[..., 0]
        return Normal(0.0, 1.0).log_prob(z) + Normal(theta.sum(-1, keepdim=True) + z, 1.0).log_prob(x[:, 0])


@pytest.mark.slow
def test_bounds_by_draws_agree_with_the_exact_ones_within_their_errors():
    x = Linear().simulate(15, 0)
    truth = analyze(Locations(), x)
    found = analyze(Locations(), x, objective="monte carlo", widths=(), settings=Settings(steps=800, rate=0.02))
    assert (truth.study.objective, found.study.objective) == ("exact", "monte carlo")
    left = float(found.result.datapoints["optimality_gap"].iloc[0])
    for name in ("elbo_fvi", "elbo_constant", "log_px"):
        row, true = found.result.datapoints.iloc[0], truth.result.datapoints.iloc[0]
        assert row[name] == pytest.approx(true[name], abs=4 * row[f"{name}_se"] + left + 0.1)
    assert "AIS estimate" in found.verdict()[-1]


def test_the_ladder_goes_through_everything_that_shows_a_result(saw, tmp_path):
    result = saw.result
    assert result.ladder == AMORTIZED
    assert Ladder.of(json.loads(json.dumps(AMORTIZED.to_dict()))) == AMORTIZED
    table = result.to_frame()
    assert len(table) == 12
    for upper, lower in (("log_px", "elbo_fvi"), ("elbo_fvi", "elbo_avi"), ("elbo_avi", "elbo_constant")):
        assert (table[upper] >= table[lower] - 1e-9).all()
    parts = table[["approximation_gap", "amortization_gap", "sharing_gap"]].sum(axis=1)
    np.testing.assert_allclose(parts, table["total_gap"], atol=1e-9)
    assert result.decision().action == "other"
    assert "sharing gap" in " ".join(result.verdict())
    page = render(build(result))
    assert all(label in page for label in ("L[F-VI]", "L[A-VI]", "L[const]", "Sharing gap"))
    kept = Result.load(result.save(tmp_path / "kept"))
    assert kept.ladder == AMORTIZED
    other = analyze(CHAIN, hidden_chain(60), more=[hidden_chain(60)] * 11).result
    assert any("sharing gap" in sentence for sentence in compare({"saw": result, "chain": other}).sentences())


def test_one_data_set_has_no_interval_and_says_so():
    found = analyze(Saw(), Saw().simulate(40, 0))
    assert found.result.decision().why == "few"
    assert "log p(x) is" in " ".join(found.verdict())


def test_the_report_has_the_answer_the_functions_and_the_ladder(saw):
    document = build_amortization(saw)
    page = render(document)
    assert document.verdict[0] == saw.verdict()[0]
    assert {part.name for part in document.sections} >= {"functions", "checks", "ladder", "definitions"}
    rows = Page(page).tables[0]
    assert [row[1] for row in rows[1:]] == ["x[n]", "x[n-1..n]"]
    text = " ".join(" ".join(pages_of(render_pdf(document))).split())
    assert "Inference functions and what they lose" in text


def test_the_picture_has_a_line_for_each_class_and_marks_for_each_function(saw):
    ax = amortization(saw)
    assert ax.get_yscale() == "log"
    assert ax.get_xlabel() == "x that the function sees"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["polynomial of degree 1"]


def test_a_study_is_kept_and_read_back(saw, tmp_path):
    folder = saw.save(tmp_path / "run")
    stored = json.loads((folder / "amortization.json").read_text())
    assert Study.of(stored) == saw.study
    with pytest.raises(InputError):
        saw.save(folder)
    assert saw.report(tmp_path / "page.html").exists()


def test_a_seed_decides_everything():
    x = Nonlinear().simulate(6, 0)
    one, again = (analyze(Nonlinear(), x, widths=(3,), settings=QUICK, seed=4) for _ in range(2))
    assert one.study.candidates == again.study.candidates
    np.testing.assert_array_equal(one.result.datapoints["log_px"], again.result.datapoints["log_px"])


@pytest.mark.slow
def test_a_small_bayesian_vae_is_amortized_by_a_network():
    """Its weights have a posterior too; draws judge, and the network comes close to factorized inference."""
    stream = torch.Generator().manual_seed(0)
    model = BayesianVae(pixels=12, latent=2, width=8)
    theta = torch.randn(1, model.global_size, dtype=torch.float64, generator=stream)
    z = torch.randn(1, 150, 2, dtype=torch.float64, generator=stream)
    x = (
        torch.rand(150, 12, dtype=torch.float64, generator=stream) < model.decode(2.5 * theta, z)[0].sigmoid()
    ).double()
    found = analyze(model, x, widths=(16,), settings=Settings(steps=2000, rate=0.02, seeds=(0,)))
    print("\n" + "\n".join(found.verdict()))
    row = found.result.datapoints.iloc[0]
    assert found.study.objective == "monte carlo"
    assert row["elbo_constant"] < row["elbo_avi"] <= row["elbo_fvi"] + 4 * row["amortization_gap_se"]
    assert row["log_px"] > row["elbo_fvi"]
