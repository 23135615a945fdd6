"""Training end to end on small real data."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gapkit.checkpoints import load as load_checkpoint
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.inputs.data import load
from gapkit.training import TrainConfig, train

SMALL = {"data": "digits", "hidden": (32,), "latent": 4, "epochs": 3}


@pytest.fixture(scope="module")
def digits():
    return load("digits", split="train", limit=600)


def state_of(path):
    return dict(load_checkpoint(path).model.state_dict())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"objective": "iwae", "num_samples": 5, "learning_rate": 3e-3},
        {"optimizer": "adagrad", "learning_rate": 0.02},
        {"annealing": "kl", "annealing_epochs": 3},
        {"annealing": "entropy", "annealing_epochs": 3, "num_samples": 2},
        {"binarize": "threshold"},
        {"binarize": "sample", "batch_size": 7},
        {"likelihood": "gaussian:sigma=0.3", "activation": "tanh"},
        {"model": "conv", "hidden": (4, 8)},
        {"decoder_hidden": (), "schedule": "cosine"},
        {"model": "conv", "hidden": (4, 8), "decoder_hidden": (4,), "schedule": "stages"},
        {"posterior": "full_rank"},
        {"posterior": "low_rank", "objective": "iwae", "num_samples": 3},
        {"posterior": "flow"},
        {"posterior": "flow", "model": "conv", "hidden": (4, 8), "annealing": "kl", "annealing_epochs": 3},
        {"posterior": "auxiliary"},
        {"posterior": "auxiliary", "objective": "iwae", "num_samples": 3, "early_stopping": 8},
        {"objective": "wake_sleep", "likelihood": "gaussian:scale=pixel"},
        {"objective": "wake_sleep", "num_samples": 2, "early_stopping": 8},
        {"objective": "mcem", "weight_prior": 1.0},
        {"objective": "mcem", "likelihood": "gaussian:scale=pixel"},
        {"objective": "full_vb", "binarize": "threshold", "sgvb": "a"},
        {"objective": "full_vb", "likelihood": "gaussian:scale=global", "num_samples": 2},
        {"sgvb": "a", "weight_prior": 1.0, "initial_std": 0.1, "optimizer": "adagrad", "learning_rate": 0.02},
    ],
)
def test_the_loss_falls(tmp_path, digits, settings):
    config = TrainConfig(**{**SMALL, "epochs": 8, **settings})
    result = train(config, digits, tmp_path)
    losses = [entry["loss"] for entry in result.history]
    assert len(losses) == 8
    reference = 3 if settings.get("annealing_epochs") else 0  # the weights of the loss change before
    assert losses[-1] < losses[reference]
    loaded = load_checkpoint(result.path)
    assert loaded.extra["epoch"] == result.best_epoch == 8
    assert loaded.extra["history"] == result.history
    assert TrainConfig(**loaded.extra["config"]) == config
    assert loaded.extra["binarize"] == config.binarize


def test_a_decoder_of_its_own_sizes(tmp_path, digits):
    config = TrainConfig(**{**SMALL, "epochs": 1}, decoder_hidden=(16, 8, 16))
    model = load_checkpoint(train(config, digits, tmp_path).path).model
    assert (model.config["hidden"], model.config["decoder_hidden"]) == ([32], [16, 8, 16])


def test_the_learning_rate_falls_as_scheduled():
    def rates(**settings):
        config = TrainConfig(epochs=82, **settings)
        return [config.learning_rate_in(epoch) for epoch in range(1, 83)]

    assert set(rates()) == {1e-3}
    cosine, stages = rates(schedule="cosine", learning_rate=0.1), rates(schedule="stages")
    assert cosine == sorted(cosine, reverse=True)
    assert (cosine[0], cosine[41]) == (0.1, pytest.approx(0.0505))
    assert stages == sorted(stages, reverse=True)
    assert stages[-1] == pytest.approx(1e-4)
    assert stages.count(stages[-1]) == pytest.approx(82 * 2187 / 3280, abs=1)  # the last stage has two thirds


def test_a_path_names_the_data_as_its_text_does(tmp_path, digits):
    np.save(tmp_path / "x.npy", digits.x)
    config = TrainConfig(**{**SMALL, "epochs": 1, "data": tmp_path / "x.npy"})
    assert config == TrainConfig(**{**SMALL, "epochs": 1, "data": str(tmp_path / "x.npy")})
    extra = load_checkpoint(train(config, out=tmp_path / "a").path).extra
    assert extra["data"] == extra["config"]["data"] == str(tmp_path / "x.npy")


def test_what_cannot_be_saved_is_refused_before_the_first_epoch(tmp_path, digits):
    reports = []
    with pytest.raises(InputError, match="extra cannot be read back safely"):
        train(TrainConfig(**SMALL), replace(digits, name=Path("x.npz")), tmp_path / "a", progress=reports.append)
    assert reports == []
    assert not (tmp_path / "a").exists()


def test_the_seed_decides_everything(tmp_path, digits):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = train(TrainConfig(**SMALL, early_stopping=3), digits, tmp_path / "a")
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    second = train(TrainConfig(**SMALL, early_stopping=3), digits.x, tmp_path / "b")
    third = train(TrainConfig(**SMALL, early_stopping=3, seed=1), digits, tmp_path / "c")
    torch.testing.assert_close(state_of(first.path), state_of(second.path), rtol=0, atol=0)
    assert first.history == second.history
    assert first.history != third.history


def test_checkpoints_are_those_of_shorter_runs(tmp_path, digits):
    train(TrainConfig(**{**SMALL, "epochs": 4}, checkpoint_every=2), digits, tmp_path / "a")
    names = sorted(path.name for path in (tmp_path / "a" / "checkpoints").iterdir())
    assert names == ["epoch-0002.pt", "epoch-0004.pt"]
    short = train(TrainConfig(**{**SMALL, "epochs": 2}), digits, tmp_path / "b")
    torch.testing.assert_close(state_of(tmp_path / "a/checkpoints/epoch-0002.pt"), state_of(short.path))


def test_early_stopping_keeps_the_best(tmp_path, digits):
    settings = {**SMALL, "epochs": 200, "learning_rate": 0.03, "hidden": (64,), "binarize": "sample"}
    result = train(TrainConfig(**settings, early_stopping=2), digits.x[:150], tmp_path)
    held_out = [entry["validation_loss"] for entry in result.history]
    assert result.stopped_early
    assert len(held_out) == result.best_epoch + 2 < 200
    assert held_out[result.best_epoch - 1] == min(held_out)
    assert load_checkpoint(result.path).extra["epoch"] == result.best_epoch


def test_progress_is_told_every_epoch(tmp_path, digits):
    reports = []
    result = train(TrainConfig(**SMALL), digits, tmp_path, progress=reports.append)
    assert [(r.epoch, r.epochs) for r in reports] == [(1, 3), (2, 3), (3, 3)]
    assert [r.loss for r in reports] == [entry["loss"] for entry in result.history]


def test_divergence_keeps_the_last_good_weights(tmp_path, digits, monkeypatch):
    from gapkit.training import steps

    calls = []

    def breaks(model, x, *args, **kwargs):
        calls.append(1)
        return steps.elbo(model, x) * (math.nan if len(calls) > 9 else 1.0)

    monkeypatch.setitem(steps.OBJECTIVES, "elbo", breaks)
    with pytest.raises(InputError, match="loss is nan in epoch 2") as caught:
        train(TrainConfig(**SMALL), digits, tmp_path / "a")
    assert "learning rate" in caught.value.do
    assert "epoch-0001.pt" in caught.value.found
    assert not (tmp_path / "a" / "model.pt").exists()
    assert load_checkpoint(tmp_path / "a/checkpoints/epoch-0001.pt").extra["epoch"] == 1
    with pytest.raises(InputError, match="no earlier good state"):
        train(TrainConfig(**SMALL), digits, tmp_path / "b")


def test_an_earlier_model_is_not_lost(tmp_path, digits):
    train(TrainConfig(**SMALL, checkpoint_every=1), digits, tmp_path)
    before = (tmp_path / "model.pt").read_bytes()
    with pytest.raises(InputError, match="overwrite"):
        train(TrainConfig(**SMALL, seed=3), digits, tmp_path)
    assert (tmp_path / "model.pt").read_bytes() == before
    train(TrainConfig(**SMALL, seed=3), digits, tmp_path, overwrite=True)
    assert (tmp_path / "model.pt").read_bytes() != before
    assert not list((tmp_path / "checkpoints").iterdir())


def test_an_earlier_model_stays_until_there_is_a_new_one(tmp_path, digits):
    train(TrainConfig(**SMALL), digits, tmp_path)
    before = (tmp_path / "model.pt").read_bytes()

    def stopped(report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TrainConfig(**SMALL, seed=3), digits, tmp_path, overwrite=True, progress=stopped)
    assert (tmp_path / "model.pt").read_bytes() == before
    (tmp_path / "model.pt").write_text("somebody else's")
    with pytest.raises(InputError, match="did not write"):
        train(TrainConfig(**SMALL), digits, tmp_path, overwrite=True)
    assert (tmp_path / "model.pt").read_text() == "somebody else's"


def test_data_that_do_not_fit(tmp_path, digits):
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        train(TrainConfig(**SMALL, binarize="none"), digits, tmp_path)
    with pytest.raises(InputError, match="scale the data"):
        train(TrainConfig(**SMALL), digits.x * 16, tmp_path)
    with pytest.raises(InputError, match="two or more"):
        train(TrainConfig(**SMALL), digits.x[:1], tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "gan"},
        {"posterior": "planar"},
        {"epochs": 0},
        {"hidden": (0,)},
        {"learning_rate": 0.0},
        {"learning_rate": math.nan},
        {"annealing": "kl"},
        {"annealing_epochs": 3},
        {"seed": -1},
        {"validation_fraction": 1.0},
        {"binarize": "dither"},
        {"objective": "mcem", "num_samples": 2},
        {"objective": "mcem", "early_stopping": 3},
        {"objective": "wake_sleep", "annealing": "kl", "annealing_epochs": 3},
        {"objective": "wake_sleep", "posterior": "auxiliary"},
        {"objective": "iwae", "sgvb": "a"},
        {"weight_prior": -1.0},
    ],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(InputError):
        TrainConfig(**wrong)


def test_odd_settings_warn():
    with pytest.warns(GapkitWarning, match="never reaches 1"):
        TrainConfig(epochs=2, annealing="kl", annealing_epochs=5)
    with pytest.warns(GapkitWarning, match="zeros and ones"):
        TrainConfig(likelihood="gaussian:sigma=0.1", binarize="dynamic")
    assert TrainConfig(likelihood="gaussian:sigma=0.1").binarize == "none"
    assert TrainConfig(annealing="kl", annealing_epochs=10).annealing_weights(6) == (0.5, 1.0)
    assert TrainConfig(annealing="entropy", annealing_epochs=10).annealing_weights(1) == (1.0, 0.0)


def test_counts_of_eight_bits_are_trained_on_as_counts(tmp_path):
    np.savez(tmp_path / "counts.npz", x_train=np.random.default_rng(0).poisson(2.0, (20, 6)).astype(np.uint8))
    config = TrainConfig(data=str(tmp_path / "counts.npz"), likelihood="poisson", hidden=(4,), latent=1, epochs=1)
    assert train(config, out=tmp_path / "out").path.exists()
