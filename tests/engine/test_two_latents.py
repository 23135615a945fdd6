"""VAEs with two latents trained on real digits, against grid quadrature: posteriors with several modes."""

import pytest
import torch

import gapkit
from gapkit.checkpoints import load as load_checkpoint
from gapkit.inputs.data import binarize, load
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


@pytest.mark.slow
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


class WrongDigit:
    """The same decoder behind an encoder that answers for another digit: it sits in a wrong mode, sure of itself."""

    def __init__(self, model, x):
        self.decode, self.prior = model.decode, model.prior
        q = model.encode(x)
        self.answers = {tuple(row.flatten().tolist()): i for i, row in enumerate(x)}
        self.loc, self.scale = q.base_dist.loc.roll(1, 0), q.base_dist.scale.roll(1, 0)

    def encode(self, x):
        rows = [self.answers[tuple(row.flatten().tolist())] for row in x]
        return torch.distributions.Independent(torch.distributions.Normal(self.loc[rows], self.scale[rows]), 1)


@pytest.mark.slow
def test_an_encoder_in_the_wrong_mode_is_found_out(two_latents):
    """What such an encoder loses is amortization gap; log p(x) and q* are those of the decoder alone."""
    model, x, _, truth = two_latents
    with torch.no_grad():
        wrong = WrongDigit(model, x)
    fooled, honest = (gapkit.analyze(m, x, effort="quick") for m in (wrong, model))
    error = fooled.to_frame()["log_px"] - truth
    assert abs(error.mean()) < 0.02
    assert error.abs().max() < 0.5
    gaps = [result.summary["mean"] for result in (fooled, honest)]
    assert gaps[0]["amortization_gap"] > gaps[1]["amortization_gap"] + 5
    assert abs(gaps[0]["approximation_gap"] - gaps[1]["approximation_gap"]) < 0.05
    assert fooled.decision().action == "encoder"
    assert fooled.verdict()[0].startswith("Fix the encoder")


@pytest.mark.slow
def test_standard_errors_are_honest(two_latents):
    model, x, train_x, truth = two_latents
    frame = gapkit.analyze(model, x, other_x=train_x).to_frame()
    scores = torch.tensor(((frame["log_px"] - truth) / frame["log_px_se"]).to_numpy())
    assert float(scores.abs().median()) < 0.9  # 0.67 for exact error bars
    assert float((scores.abs() < 4).double().mean()) >= 0.95  # missed mass is no sampling error, and rare
