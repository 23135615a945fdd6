"""Encoders with other posteriors than a factorised Gaussian: trained here, and analysed in their own family."""

import pytest

import gapkit
from gapkit import checkpoints
from gapkit.inputs.data import binarize, load
from gapkit.results.records import Families
from gapkit.training import TrainConfig, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    def make(posterior):
        folder = tmp_path_factory.mktemp(posterior)
        config = TrainConfig(
            data="digits",
            hidden=(64,),
            latent=3,
            activation="tanh",
            epochs=60,
            learning_rate=3e-3,
            binarize="threshold",
            posterior=posterior,
        )
        return checkpoints.load(train(config, load("digits", split="train"), folder / "model").path).model

    return make


@pytest.mark.slow
@pytest.mark.parametrize(
    ("posterior", "times"), [("full_rank", 1.5), ("flow", 2.5), ("auxiliary", 2.5), ("low_rank", 1.5)]
)
def test_an_encoder_is_analysed_in_its_own_family(posterior, times, trained):
    model = trained(posterior)
    x = binarize(load("digits", split="test", limit=40).x, "threshold")
    result = gapkit.analyze(model, x, effort="quick")
    families, frame = result.summary_values.families, result.to_frame()
    assert families.encoder == families.split == posterior
    assert (frame["elbo_star"] >= frame["elbo"]).all()
    assert (frame["elbo_star"] == frame[f"elbo_star_{posterior}"]).all()
    assert not any("compares families" in sentence for sentence in result.verdict())
    quantities = result.summary_values.quantities
    own, mean_field = quantities["approximation_gap"], quantities["approximation_gap_mean_field"]
    # The decoder has learned posteriors that suit its encoder's family; a factorised q* is far from them.
    assert mean_field.mean > times * own.mean
    assert mean_field.ci95[0] > own.ci95[1]


@pytest.mark.slow
def test_a_split_in_another_family_says_so(trained):
    x = binarize(load("digits", split="test", limit=10).x, "threshold")
    result = gapkit.analyze(trained("flow"), x, effort="quick", family="mean_field")
    assert result.summary_values.families == Families("flow", "mean_field", ("mean_field", "full_rank"))
    assert any("compares families" in sentence for sentence in result.verdict())


@pytest.mark.slow
def test_further_families_are_further_rungs(trained):
    x = binarize(load("digits", split="test", limit=10).x, "threshold")
    result = gapkit.analyze(trained("mean_field"), x, effort="quick", family=("mean_field", "flow", "mixture"))
    frame, quantities = result.to_frame(), result.summary_values.quantities
    assert result.summary_values.families.split == "mean_field"
    for name in ("flow", "mixture", "full_rank"):
        assert (frame[f"elbo_star_{name}"] >= frame["elbo_star"]).all()
        expected = frame["log_px"] - frame[f"elbo_star_{name}"]
        assert frame[f"approximation_gap_{name}"].to_numpy() == pytest.approx(expected.to_numpy())
        assert quantities[f"approximation_gap_{name}"].mean < quantities["approximation_gap"].mean
