"""VAEs with two latents trained on real digits, against grid quadrature: posteriors with several modes."""

import pytest
import torch

import gapkit
from gapkit.checkpoints import load as load_checkpoint
from gapkit.data import binarize, load
from gapkit.engine import spec_for
from gapkit.local import FitSettings
from gapkit.training import TrainConfig, train
from tests.yardsticks import GridModel


@pytest.fixture(scope="module")
def two_latents(tmp_path_factory):
    digits, test = load("digits", split="train"), load("digits", split="test", limit=100)
    config = TrainConfig(
        data="digits",
        hidden=(128,),
        activation="tanh",
        latent=2,
        epochs=100,
        learning_rate=2e-3,
        binarize="threshold",
    )
    path = train(config, digits, tmp_path_factory.mktemp("two") / "model").path
    model = load_checkpoint(path).model
    x = binarize(test.x, "threshold")
    return model, x, binarize(digits.x, "threshold"), GridModel(model).log_px(x).numpy()


@pytest.mark.parametrize("effort", ["quick", "standard"])
def test_log_px_against_quadrature(two_latents, effort):
    model, x, train_x, truth = two_latents
    frame = gapkit.analyze(model, x, effort=effort, other_x=train_x).to_frame()
    error = frame["log_px"] - truth
    assert abs(error.mean()) < 0.02
    assert error.abs().max() < 0.5
    # The bounds keep their order and their side of the truth.
    for name in ("elbo", "elbo_star", "elbo_star_full_rank"):
        assert (frame[name] <= truth + 4 * frame[f"{name}_se"]).all()
    assert (frame["elbo_star"] >= frame["elbo"]).all()


def test_some_digits_gain_from_another_start(two_latents):
    model, x, train_x, _ = two_latents
    several = gapkit.analyze(model, x, effort="quick", other_x=train_x).to_frame()
    single = gapkit.analyze(model, x, spec_for("quick", fit=FitSettings(num_starts=0))).to_frame()
    elsewhere = several["start"] > 0
    assert elsewhere.sum() >= 3
    assert (several["elbo_star"] - single["elbo_star"])[elsewhere].mean() > 0


def test_standard_errors_are_honest(two_latents):
    model, x, train_x, truth = two_latents
    frame = gapkit.analyze(model, x, other_x=train_x).to_frame()
    scores = torch.tensor(((frame["log_px"] - truth) / frame["log_px_se"]).to_numpy())
    assert float(scores.abs().median()) < 1.5  # 0.67 for exact error bars; missed mass is no sampling error
