"""Another encoder on a decoder that stays: against exact optima, for all kinds of models, with nothing else moved."""

import copy
import math

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from gapkit.core.errors import InputError
from gapkit.models import build, load_model, save_model
from gapkit.target.simulate import simulate
from gapkit.training import RefitConfig, refit
from tests.fast import only
from tests.training.affine import TRUTH, Affine, loss_of, losses_of


@pytest.fixture
def spoiled():
    """The best mean-field encoder there is, with noise on its weights."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = Affine()
        model.mean.weight.copy_(TRUTH.posterior_mean(torch.eye(10, dtype=torch.float64)).T)
        model.mean.bias.zero_()
        model.log_scale.copy_(-0.5 * TRUTH.precision.diagonal().log())
        assert loss_of(model, TRUTH.sample(50, 9)) == pytest.approx(TRUTH.approximation_gap(), abs=1e-12)
        for parameter in (model.mean.weight, model.mean.bias, model.log_scale):
            parameter += 0.3 * torch.randn_like(parameter)
    return model.eval()


QUICK = {"epochs": 30, "learning_rate": 0.02, "num_samples": 4}


@pytest.mark.parametrize("on", only(["data", "samples", "mixture"], "mixture"))
def test_a_spoiled_encoder_comes_back_to_the_exact_optimum(spoiled, on):
    unseen = TRUTH.sample(1000, 2)
    assert loss_of(spoiled, unseen) > TRUTH.approximation_gap() + 1
    result = refit(spoiled, TRUTH.sample(2000, 1), RefitConfig(on=on, **QUICK))
    assert loss_of(result.model, unseen) == pytest.approx(TRUTH.approximation_gap(), abs=0.005)
    assert loss_of(spoiled, unseen) > TRUTH.approximation_gap() + 1  # the given model is as it was
    assert result.trained == 33 + 3
    assert [entry["epoch"] for entry in result.history] == list(range(1, 31))
    assert result.history[-1]["loss"] < result.history[0]["loss"]


def test_samples_need_no_data_at_all(spoiled):
    result = refit(spoiled, None, RefitConfig(on="samples", num_draws=2000, **QUICK))
    assert loss_of(result.model, TRUTH.sample(1000, 2)) == pytest.approx(TRUTH.approximation_gap(), abs=0.005)


def test_the_trained_loss_is_the_measured_bound(spoiled):
    """With a learning rate of next to nothing the loss is -L[q] of the given encoder, on data and on samples alike."""
    x = TRUTH.sample(4000, 3)
    exact = losses_of(spoiled, x) - TRUTH.log_px(x)
    other_data = 4 * (2 / len(x)) ** 0.5 * exact.std().item()
    for on, tolerance in (("data", 0.1), ("samples", other_data)):
        config = RefitConfig(on=on, epochs=1, learning_rate=1e-12, num_samples=16)
        assert refit(spoiled, x, config).history[0]["loss"] == pytest.approx(exact.mean().item(), abs=tolerance)


@pytest.mark.parametrize(("on", "share"), [("data", 30), ("mixture", 15), ("samples", 0)])
def test_what_an_epoch_is_made_of(spoiled, monkeypatch, on, share):
    """Marked data are told from draws; a mixture takes half of either in every step, and no datapoint twice."""
    x = TRUTH.sample(30, 1).round(decimals=2)
    seen = []
    monkeypatch.setattr(Affine, "encode", lambda self, x, encode=Affine.encode: seen.append(x) or encode(self, x))
    refit(spoiled, x, RefitConfig(on=on, epochs=2, batch_size=10, learning_rate=1e-12))
    steps = seen[-6:]  # before come the checks
    for epoch in (torch.cat(steps[:3]), torch.cat(steps[3:])):
        marked = epoch[(epoch == epoch.round(decimals=2)).all(1)]
        assert len(epoch) == 30
        assert len(marked) == len(marked.unique(dim=0)) == share
    assert [len(step) for step in steps] == [10] * 6
    rows = [int((step == step.round(decimals=2)).all(1).sum()) for step in steps]
    assert rows == [share // 3] * 6
    first, second = torch.cat(steps[:3]), torch.cat(steps[3:])
    assert not torch.equal(first, second)  # another order, other draws
    if on == "samples":
        assert len(torch.cat([first, second]).unique(dim=0)) == 60


@pytest.fixture(scope="module")
def reference():
    """A reference model with a linear decoder, so that its optimum is known, and an encoder of random weights."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        settings = {"x_shape": (6,), "latent": 2, "hidden": (16,), "decoder_hidden": ()}
        model = build("mlp_vae", **settings, likelihood="gaussian:sigma=0.5").eval()
        model.decoder.net[0].weight.normal_()
        model.decoder.net[0].bias.normal_()
        for parameter in model.encoder.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def excess_of(model, x):
    """Exactly: how far L[q] is below that of the best factorised Gaussian, averaged over x."""
    weight, bias = (p.detach().double() for p in model.decoder.net[0].parameters())
    precision = torch.eye(2, dtype=torch.float64) + weight.T @ weight / 0.25
    covariance = torch.linalg.inv(precision)
    with torch.no_grad():
        q = model.encode(x)
    mean = (x.double() - bias) @ weight @ covariance / 0.25
    diagonal = MultivariateNormal(q.mean.double(), q.stddev.double().square().diag_embed())
    best = 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))
    return (kl_divergence(diagonal, MultivariateNormal(mean, covariance.expand(len(x), 2, 2))).mean() - best).item()


@pytest.mark.parametrize(
    ("start", "hidden"),
    [("fine_tune", [16]), pytest.param("fresh", [16], marks=pytest.mark.slow), ("larger", [48])],
)
def test_every_start_of_a_reference_model_beats_the_spoiled_one(reference, start, hidden, tmp_path):
    x, unseen = simulate(reference, 3000, 1)[0], simulate(reference, 1000, 2)[0]
    assert excess_of(reference, unseen) > 3
    config = RefitConfig(start=start, factor=3.0 if start == "larger" else 2.0, epochs=40, learning_rate=0.01)
    result = refit(reference, x, config)
    assert 0 < excess_of(result.model, unseen) < 0.2
    assert result.model.config["hidden"] == hidden
    assert result.model.config["decoder_hidden"] == []
    again = load_model(save_model(result.model, tmp_path / "model.pt"))
    assert excess_of(again, unseen) == pytest.approx(excess_of(result.model, unseen), abs=1e-6)


def test_the_seed_decides_everything_and_the_callers_random_state_stays(reference):
    x = simulate(reference, 200, 1)[0]
    config = {"start": "fresh", "on": "mixture", "epochs": 2}
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = refit(reference, x, RefitConfig(**config))
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    second = refit(reference, x, RefitConfig(**config))
    third = refit(reference, x, RefitConfig(**config, seed=1))
    torch.testing.assert_close(first.model.state_dict(), second.model.state_dict(), rtol=0, atol=0)
    assert first.history == second.history != third.history


def test_progress_is_told_every_epoch(reference):
    reports = []
    result = refit(reference, torch.ones(20, 6), RefitConfig(epochs=3), progress=reports.append)
    assert [(r.epoch, r.epochs) for r in reports] == [(1, 3), (2, 3), (3, 3)]
    assert [r.loss for r in reports] == [entry["loss"] for entry in result.history]


def test_weights_without_gradients_are_left_alone(spoiled):
    spoiled.log_scale.requires_grad_(False)
    result = refit(spoiled, TRUTH.sample(50, 1), RefitConfig(epochs=2))
    assert result.trained == 33
    assert torch.equal(result.model.log_scale, spoiled.log_scale)
    assert not result.model.log_scale.requires_grad
    spoiled.requires_grad_(False)
    with pytest.raises(InputError, match="requires_grad=True"):
        refit(spoiled, TRUTH.sample(50, 1))


def test_divergence_is_explained_and_leaves_the_given_model(reference):
    before = copy.deepcopy(reference.state_dict())
    with pytest.raises(InputError, match="epoch 1") as caught:
        refit(reference, simulate(reference, 500, 1)[0], RefitConfig(epochs=2, learning_rate=1e4))
    assert "smaller learning rate (now 10000)" in caught.value.do
    torch.testing.assert_close(reference.state_dict(), before, rtol=0, atol=0)
    assert all(p.requires_grad for p in reference.parameters())


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (None, "pass x"),
        (torch.zeros(0, 6), "datapoints"),
        (torch.full((4, 6), math.nan), "NaN"),
        (torch.zeros(4, 2, 3), "shape"),
    ],
)
def test_data_that_do_not_fit(reference, x, expected):
    with pytest.raises(InputError, match=expected):
        refit(reference, x, RefitConfig(epochs=1))
