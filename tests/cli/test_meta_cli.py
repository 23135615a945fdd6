"""A model of many data sets from the command line: one ladder of four rungs, and refusals."""

import numpy as np
import pytest
import torch

from gapkit import InputError
from gapkit.meta import MetaTrainConfig, fit_each_dataset, save_meta, shifted_model, shifts
from gapkit.models import save_model
from gapkit.models.reference import build
from gapkit.results import Result
from gapkit.sources import Source


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Four shifts of small images, one of them held out; a model with encoders of each, and one without."""
    folder = tmp_path_factory.mktemp("meta")
    x = torch.bernoulli(torch.full((30, 1, 2, 2), 0.4), generator=torch.Generator().manual_seed(0))
    data = shifts(x[:20], x[20:], held_out=1)
    data.save(folder / "sets.npz")
    torch.manual_seed(0)
    base = build("mlp_vae", x_shape=(1, 2, 2), latent=2, hidden=(4,))
    model = shifted_model(base, data, hidden=(5,), summary=3, set_hidden=())
    config = MetaTrainConfig(steps=2, context_size=5)
    save_meta(model, folder / "without.pt", data)
    save_meta(fit_each_dataset(model, data, config).model, folder / "meta.pt", data)
    save_model(base, folder / "plain.pt")
    return folder


@pytest.mark.slow
def test_one_ladder_of_four_rungs_with_the_data_sets_as_classes(gapkit, files, tmp_path, no_pictures):
    out = tmp_path / "run"
    code, *printed = gapkit(
        "analyze",
        files / "meta.pt",
        "--data",
        files / "sets.npz",
        "--context-size",
        5,
        "--effort",
        "quick",
        "--out",
        out,
    )
    assert code == 0, printed
    printed = " ".join(printed)
    assert "L[f_i]" in printed
    assert "meta-amortization gap" in printed
    result = Result.load(out)
    frame = result.to_frame()
    assert frame.groupby("split", sort=False).size().to_dict() == {"seen": 30, "held_out": 10}
    parts = frame["approximation_gap"] + frame["amortization_gap"] + frame["meta_amortization_gap"]
    np.testing.assert_allclose(parts, frame["total_gap"], atol=1e-6)
    assert len(result.summary_values.splits["seen"].classes) == 3
    assert result.run["meta"] == {"context_size": 5, "support_seed": 0}
    source = Source.of(out)
    assert (source.data.context_size, source.data.condition) == (5, "dataset")
    assert source.open().loaded.extra["seen"]


@pytest.mark.slow
def test_encoders_of_the_data_sets_are_fitted_where_there_are_none(gapkit, files, tmp_path, monkeypatch, no_pictures):
    monkeypatch.setattr("gapkit.meta.checkpoint._STEPS", 3)
    out = tmp_path / "run"
    options = ("--context-size", 5, "--effort", "quick", "--limit", 24, "--format", "none", "--out", out)
    code, *printed = gapkit("analyze", files / "without.pt", "--data", files / "sets.npz", *options)
    assert code == 0, printed
    printed = " ".join(printed)
    assert "the best encoder of each data set: 3 steps" in printed
    assert {"elbo_dataset", "meta_amortization_gap"} <= {*Result.load(out).to_frame()}


@pytest.fixture
def refused(gapkit):
    def found(*options):
        code, _, told = gapkit("analyze", *options)
        assert code == 2, told
        return " ".join(told.split())

    return found


def test_a_size_and_a_model_of_many_data_sets_belong_together(refused, files):
    data = ("--data", files / "sets.npz")
    assert "add --context-size 10" in refused(files / "meta.pt", *data, "--condition", "dataset")
    assert "takes no support set" in refused(files / "plain.pt", *data, "--context-size", 5, "--condition", "dataset")
    assert "a negative size" in refused(files / "meta.pt", *data, "--context-size", -1)
    assert "ask for a smaller context" in refused(files / "meta.pt", *data, "--context-size", 100)


def test_data_without_data_sets_are_refused(refused, files, tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((5, 1, 2, 2), np.float32))
    assert "dataset" in refused(files / "meta.pt", "--data", tmp_path / "x.npz", "--context-size", 2)


def test_data_sets_without_a_decoder_are_refused(refused, files, tmp_path):
    x, dataset = np.zeros((8, 1, 2, 2), np.float32), np.full(8, 4)
    np.savez(tmp_path / "x.npz", x=x, dataset=dataset)
    options = ("--data", tmp_path / "x.npz", "--context-size", 2)
    assert "numbers from 4 to 4, and 4 decoders" in refused(files / "without.pt", *options)
    np.savez(tmp_path / "x.npz", x=x, dataset=dataset.astype(np.float32))
    assert "no whole numbers" in refused(files / "meta.pt", *options)


def test_only_a_model_of_many_data_sets_is_saved_as_one(files, tmp_path):
    base = build("mlp_vae", x_shape=(4,), latent=2, hidden=(4,))
    with pytest.raises(InputError, match="data sets"):
        save_meta(base, tmp_path / "no.pt", shifts(torch.zeros(2, 1, 2, 2), torch.zeros(2, 1, 2, 2), held_out=1))
