"""The analysis of Auto-Encoding Variational Bayes: what is exact in it, and its smallest budget."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch

from analyses.aevb import closed
from analyses.aevb.__main__ import EXPERIMENTS, main
from analyses.aevb.exact import Ppca, quadrature
from analyses.aevb.settings import BUDGETS, Study, training
from analyses.lab import Lab
from gapkit.cli import main as gapkit
from gapkit.estimators import Iwae
from gapkit.models.reference import build
from tests.yardsticks import ppca


def test_probabilistic_pca_has_the_gaps_of_the_references():
    assert Ppca().approximation_gap() == pytest.approx(0.43846, abs=5e-6)
    assert Ppca(rotated=True).approximation_gap() == pytest.approx(0.0, abs=1e-12)
    assert Ppca("scaled").mean_amortization_gap() == pytest.approx(0.41350, abs=5e-6)


def test_its_divergence_is_that_of_two_gaussians():
    model, x = Ppca(), ppca().sample(5, 0)
    loc, scale = torch.randn(5, 3, dtype=torch.float64), torch.rand(5, 3, dtype=torch.float64) + 0.1
    q = torch.distributions.MultivariateNormal(loc, torch.diag_embed(scale.square()))
    p = torch.distributions.MultivariateNormal(model.mean(x), precision_matrix=model.precision)
    torch.testing.assert_close(model.divergence(loc, scale, x), torch.distributions.kl_divergence(q, p))


@pytest.mark.parametrize("latent", [2, 3])
def test_quadrature_is_what_importance_sampling_comes_to(latent):
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(1, 3, 3), latent=latent, hidden=(6,), activation="tanh")
    x = torch.bernoulli(torch.full((4, 1, 3, 3), 0.5))
    value = quadrature(model, x, 40)
    assert float((value - quadrature(model, x, 40, shift=0.5)).abs().max()) < 1e-4
    sampled = Iwae(num_samples=20_000)(model, x, model.encode(x))
    assert float(((sampled.value - value) / sampled.std_error).abs().max()) < 4


def test_equal_samples_are_equal_updates():
    aevb, em = (training(objective, 200_000, 1000) for objective in ("elbo", "mcem"))
    assert aevb["epochs"] == 200 == 5 * em["epochs"]


@pytest.mark.slow
def test_what_is_known_in_closed_form_holds(tmp_path):
    part = closed.part(Study(Lab(tmp_path, 1), BUDGETS["cpu"]))
    assert {one.claim.text: one.verdict for one in part.judged if one.verdict != "holds"} == {}


@pytest.mark.slow
def test_the_smallest_budget_makes_the_whole_report(tmp_path, monkeypatch, capsys):
    words = ["--budget", "smoke", "--mnist", "digits", "--work", tmp_path / "work", "--out", tmp_path / "out"]
    monkeypatch.setattr(sys, "argv", ["aevb", *map(str, words), "--workers", "1"])
    main()
    assert "report.html" in capsys.readouterr().out
    assert (tmp_path / "out" / "report.pdf").stat().st_size > 10_000
    names = [each.__name__.rpartition(".")[2] for each in EXPERIMENTS]
    assert all(list((tmp_path / "out").glob(f"{name}*.csv")) for name in names)
    claims = json.loads((tmp_path / "out" / "claims.json").read_text())
    assert len(claims["judged"]) >= 25
    assert {len(one["trainings"]) for one in claims["judged"]} == {BUDGETS["smoke"].seeds}
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "The gap split of each trained model" in page


@pytest.mark.slow
def test_the_page_about_trainers_works(tmp_path, monkeypatch, capsys):
    page = (Path(__file__).parents[1] / "docs" / "trainers.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (commands,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("epochs=50", "epochs=2"), "trainers.md", "exec"), {})
    for line in commands.strip().splitlines():
        words = shlex.split(re.sub(r"--epochs \d+", "--epochs 2", line))
        further = ["--limit", "5", "--effort", "quick", "--format", "none", "--out", "run"]
        monkeypatch.setattr(sys, "argv", words + (further if words[1] == "analyze" else []))
        with pytest.raises(SystemExit) as ended:
            gapkit()
        assert not ended.value.code
    assert "upper bound" in capsys.readouterr().out
