"""The best encoder of each data set: never below the encoder for all on what it was fitted to, and fitted to what."""

import numpy as np
import pytest
import torch

from gapkit.meta import LinearGaussianMeta, MetaTrainConfig, fit_each_dataset, save_meta, train_meta, with_support
from gapkit.models.meta_vae import of_each_dataset
from gapkit.sources import DataSource, ModelSource, Source

EXACT = LinearGaussianMeta()
SMALL = {"hidden": (8,), "summary": 4, "set_hidden": (6,)}


def lost(encode, data, x):
    """What q loses against the posterior, exactly, for datapoints (T, N, 1): the mean over each data set."""
    dataset = torch.arange(len(x)).repeat_interleave(x.shape[1])
    with torch.no_grad():
        q = encode(x.flatten(0, 1), dataset)
    return EXACT.loss(q.mean, q.variance, x.flatten(0, 1), data.truth[dataset]).unflatten(0, x.shape[:2]).mean((1, 2))


@pytest.fixture(scope="module")
def given():
    torch.manual_seed(0)
    data = EXACT.data(6, 80, held_out=2, test=40)
    config = MetaTrainConfig(steps=60, known=True, context_size=5, learning_rate=1e-2)
    return data, train_meta(EXACT.model(data.truth, **SMALL), data, config).model


@pytest.mark.parametrize("rate", [5e-3, 0.5])
def test_on_what_it_was_fitted_to_it_is_not_below_the_encoder_for_all(given, rate):
    data, model = given
    config = MetaTrainConfig(steps=40, context_size=5, learning_rate=rate, datasets_per_step=6)
    each = of_each_dataset(fit_each_dataset(model, data, config).model)
    own = lost(lambda x, dataset: each.encode(x, {"dataset": dataset}), data, data.train)
    generator = torch.Generator().manual_seed(1)

    def with_context(x, dataset):
        chosen = torch.randint(data.train.shape[1], (len(x), 5), generator=generator)
        return model.encode(x, {"dataset": dataset, "support": data.train[dataset.unsqueeze(1), chosen]})

    shared = torch.stack([lost(with_context, data, data.train) for _ in range(20)]).mean(0)
    assert (own < shared).all()  # also where the training runs away: then the beginning is kept


def test_data_sets_that_are_not_asked_for_stay_at_the_beginning(given):
    data, model = given
    encoders = fit_each_dataset(model, data, MetaTrainConfig(steps=20, context_size=5), [1, 4]).model.encoder
    moved = (encoders.single.net.weights[0] - encoders.net[0].weight).detach().abs().amax((1, 2)) > 0
    assert moved.tolist() == [False, True, False, False, True, False]
    assert (encoders.single.contexts.abs().amax(1) > 0).all()


@pytest.mark.parametrize("trained", [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3], []])
def test_data_sets_without_training_data_are_fitted_to_what_is_analysed_and_that_is_told(
    given, trained, tmp_path, monkeypatch
):
    monkeypatch.setattr("gapkit.meta.checkpoint._STEPS", 150)
    data, model = given
    save_meta(model, tmp_path / "meta.pt", data)
    with np.load(data.save(tmp_path / "all.npz")) as file:
        arrays = dict(file)
    kept = np.isin(arrays["dataset_train"], trained)
    kept &= ~((arrays["dataset_train"] == 0) & (np.arange(len(kept)) > 300))  # of one data set there are fewer
    for name in ("x_train", "dataset_train"):
        arrays[name] = arrays[name][kept]
        if not trained:
            del arrays[name]
    np.savez(tmp_path / "sets.npz", **arrays)
    file = DataSource(source=str(tmp_path / "sets.npz"), context_size=5, condition="dataset")
    told = []
    opened = Source(model=ModelSource(checkpoint=str(tmp_path / "meta.pt")), data=file).open()
    found = with_support(opened, 0, told=told.append)
    alone = [number for number in range(6) if number not in trained]
    assert found["provenance"]["meta"]["fitted_to_analysed_data"] == alone
    assert any("fitted to the datapoints analysed here" in line for line in told) == bool(alone)
    each = found["encoders"]["dataset"]
    own = lost(lambda x, dataset: each.encode(x, {"dataset": dataset}), data, data.test)
    shared = lost(lambda x, i: model.encode(x, {"dataset": i, "support": data.train[i, :5]}), data, data.test)
    assert (own < shared).all()
