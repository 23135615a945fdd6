"""The whole path on exact models: gaps, invariances, refusals."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import gapkit
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.engine import plan_units, spec_for
from gapkit.estimators import Ais
from gapkit.models.reference import build
from tests.engine.cheap import short
from tests.engine.executors import BACKWARDS, Ordered
from tests.engine.odd_models import Brittle, Unusual
from tests.fast import only
from tests.yardsticks import ppca

COLUMNS = [
    *("index", "elbo", "elbo_se", "iwae", "iwae_se", "ess", "khat", "ais", "ais_se"),
    *("log_px", "log_px_se", "log_px_source", "elbo_star", "elbo_star_se", "elbo_star_full_rank"),
    *("approximation_gap", "approximation_gap_se", "amortization_gap", "amortization_gap_se"),
    *("total_gap", "total_gap_se", "status"),
]


EVERYWHERE = replace(spec_for("quick").evidence, control=1.0)


def spec(**changes):
    return spec_for("quick", **{"unit_size": 8, "details": 0, **changes})


@pytest.mark.parametrize("seed", only([0, 1, 2], 0))
def test_gaps_of_the_seeded_ppca(seed):
    model = ppca("scaled", 0.9)
    x = model.sample(40, seed)
    frame = gapkit.analyze(model, x, effort="standard", seed=seed).to_frame()
    assert set(COLUMNS) <= set(frame.columns)
    truth = {
        "log_px": model.log_px(x),
        "approximation_gap": torch.full((40,), model.approximation_gap()),
        "amortization_gap": model.amortization_gap(x),
    }
    for name, values in truth.items():
        error, limit = (
            frame[name] - values.numpy(),
            4 * frame[f"{name}_se"] + 0.005,
        )  # q* is 0.003 nats short on average
        assert (error.abs() < limit).all(), (name, (error / frame[f"{name}_se"]).abs().max())
    assert (frame["status"] == "ok").all()


def test_rotated_ppca_has_no_approximation_gap():
    model = ppca(rotated=True)
    summary = gapkit.analyze(model, model.sample(30, 0)).summary
    gap = summary.loc["approximation_gap"]
    assert abs(gap["mean"]) < 4 * gap["se_monte_carlo"] + 1e-4


@pytest.mark.slow
def test_expected_amortization_gap_of_the_scaled_encoder():
    model = ppca("scaled", 0.9)
    quantity = gapkit.analyze(model, model.sample(400, 0), effort="quick").summary_values.quantities
    low, high = quantity["amortization_gap"].ci95
    assert low < model.expected_amortization_gap() < high
    assert model.expected_amortization_gap() == pytest.approx(0.41350, abs=1e-5)
    assert model.approximation_gap() == pytest.approx(0.43846, abs=1e-5)


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(12,), latent=3, hidden=(16,))
    x = torch.bernoulli(torch.full((21, 12), 0.5), generator=torch.Generator().manual_seed(0))
    return model, x


@pytest.fixture(scope="module")
def first(small):
    return gapkit.analyze(*small, spec()).to_frame()


@pytest.fixture(scope="module")
def everywhere(small):
    """The same with AIS for every datapoint."""
    return gapkit.analyze(*small, spec(evidence=EVERYWHERE)).to_frame()


def test_order_and_repetition_give_bit_equal_tables(small, first):
    model, x = small
    shuffled = gapkit.analyze(model, x, spec(), executor=BACKWARDS).to_frame()
    pd.testing.assert_frame_equal(first, shuffled, check_exact=True)


def test_a_unit_done_alone_gives_the_rows_of_the_whole_run(small, everywhere):
    model, x = small
    whole = everywhere
    third = Ordered(lambda units: (units[2],))
    one = gapkit.analyze(model, x, spec(evidence=EVERYWHERE), executor=third).to_frame()
    pd.testing.assert_frame_equal(whole.iloc[16:].reset_index(drop=True), one, check_exact=True)


def test_another_unit_size_agrees(small, first):
    model, x = small
    a = first
    b = gapkit.analyze(model, x, spec(unit_size=5)).to_frame()
    for name in ("elbo", "iwae"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-5)
    for name in ("elbo_star", "log_px", "amortization_gap", "approximation_gap"):
        limit = 4 * np.hypot(a[f"{name}_se"], b[f"{name}_se"]) + 1e-4
        assert ((a[name] - b[name]).abs() < limit).all(), name


def test_seeds_matter_and_repeat(small, first):
    model, x = small
    a, b, c = first["elbo"], *(gapkit.analyze(model, x, spec(seed=s)).to_frame()["elbo"] for s in (0, 1))
    assert a.equals(b)
    assert not a.equals(c)


def test_plan_pads_the_last_unit():
    units = plan_units(10, 4)
    assert [u.size for u in units] == [4, 4, 2]
    assert {len(u.indices) for u in units} == {4}
    assert [i for u in units for i in u.indices[: u.size]] == list(range(10))


def test_q_star_is_in_the_encoders_own_family():
    x = ppca().sample(8, 0)
    full = gapkit.analyze(ppca("posterior"), x, spec()).to_frame()
    assert np.allclose(full["elbo_star"], full["elbo_star_full_rank"])
    assert (full["total_gap"].abs() < 4 * full["total_gap_se"]).all()
    mean_field = gapkit.analyze(ppca(), x, spec()).to_frame()
    assert (mean_field["elbo_star_full_rank"] - mean_field["elbo_star"] > 0.2).all()
    crossed = gapkit.analyze(ppca(), x, spec(families=("full_rank",))).to_frame()
    assert np.allclose(crossed["elbo_star"], crossed["elbo_star_full_rank"])


def test_two_splits_give_the_generalisation_gap(small):
    model, x = small
    result = gapkit.analyze(model, {"test": x[:9], "train": x[9:]}, spec())
    assert result.to_frame()["split"].tolist() == ["test"] * 9 + ["train"] * 12
    found = result.summary_values.generalisation["test minus train"]
    means = result.to_frame().groupby("split")["amortization_gap"].mean()
    assert found.mean == pytest.approx(means["test"] - means["train"])
    alone = gapkit.analyze(model, {"test": x[:9]}, short(details=0))
    both = gapkit.analyze(model, {"train": x[9:], "test": x[:9]}, short(details=0))
    rows = both.to_frame().query("split == 'test'").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.to_frame(), rows, check_exact=True)


def test_the_source_of_log_px_follows_k_hat(everywhere):
    frame = everywhere
    pooled = frame["log_px_source"] == "mixture"
    assert (frame.loc[pooled, "log_px"] == frame.loc[pooled, "pooled"]).all()
    assert (frame.loc[~pooled, "log_px"] == frame.loc[~pooled, "ais"]).all()
    # Not the larger of the two: that would be biased upward.
    higher = frame["ais"] > frame["pooled"]
    assert (higher & pooled).any()


def test_quick_runs_ais_only_where_needed(first):
    frame = first
    assert (frame["ais"].isna() == (frame["log_px_source"] == "mixture")).all()


def test_any_latent_shape_and_any_prior():
    x = torch.bernoulli(torch.full((6, 10), 0.5), generator=torch.Generator().manual_seed(1))
    frame = gapkit.analyze(Unusual(), x, spec(evidence=EVERYWHERE)).to_frame()
    assert (frame["status"] == "ok").all()
    difference = (frame["ais"] - frame["pooled"]).abs()
    assert (difference < 4 * np.hypot(frame["ais_se"], frame["pooled_se"])).all()


@pytest.mark.slow
def test_an_undefined_decoder_flags_and_finishes():
    x = torch.bernoulli(torch.full((3, 10), 0.5), generator=torch.Generator().manual_seed(1))
    frame = gapkit.analyze(Unusual(hole=True), x, short(unit_size=3, details=0)).to_frame()
    assert len(frame) == 3
    assert (frame["status"] != "ok").all()
    assert np.isfinite(frame["log_px"]).all()


def test_one_bad_datapoint_does_not_spoil_the_others():
    x = torch.zeros(8, 6)
    fine = gapkit.analyze(Brittle(), x, short(details=0)).to_frame()
    x[3, 0] = 1.0
    with pytest.warns(GapkitWarning, match="none for 1 of 8"):
        result = gapkit.analyze(Brittle(), x, short(details=0))
    hurt = result.to_frame()
    others = [0, 1, 2, 4, 5, 6, 7]
    assert "nonfinite" in hurt.loc[3, "status"]
    for name in ("elbo", "elbo_star", "log_px"):
        np.testing.assert_allclose(hurt.loc[others, name], fine.loc[others, name], rtol=1e-4)
    assert result.summary_values.quantities["total_gap"].left_out == 1
    json.dumps(result.summary_values.to_dict(), allow_nan=False)


def test_an_encoder_with_a_flow_posterior():
    from torch.distributions import AffineTransform, TanhTransform, TransformedDistribution

    class Flow(Brittle):
        def encode(self, x):
            base = Independent(Normal(x[:, :2] - 0.5, 0.5), 1)
            # p(z) has mass beyond (-2, 2): in coordinates of the flow's noise it would be missed.
            return TransformedDistribution(base, [TanhTransform(), AffineTransform(0.0, 2.0, event_dim=1)])

    x = torch.bernoulli(torch.full((5, 6), 0.5), generator=torch.Generator().manual_seed(1))
    frame = gapkit.analyze(Flow(), x, spec(families=("mean_field",))).to_frame()
    assert (frame["total_gap"] > -4 * frame["total_gap_se"]).all()


def test_model_is_left_as_it_was(small):
    model, x = small
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gapkit.analyze(model, x[:5], short(details=0))
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    model.eval()


def test_dropout_is_switched_off():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 6))
    model = gapkit.from_pair(nn.Linear(6, 4), net, encoder_output="chunk_logvar")
    first = gapkit.analyze(model, torch.ones(3, 6), short(details=0))
    assert first.to_frame().equals(gapkit.analyze(model, torch.ones(3, 6), short(details=0)).to_frame())


def test_forward_is_never_called(small):
    model, x = small

    class Trap(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, *_):
            raise AssertionError("forward() was called")

        def encode(self, x):
            return self.inner.encode(x)

        def decode(self, z):
            return self.inner.decode(z)

        def prior(self):
            return self.inner.prior()

    assert gapkit.analyze(Trap(), x[:4], short(details=0)).to_frame()["log_px"].notna().all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (torch.empty(0, 12), "at least one"),
        (torch.full((3, 12), float("nan")), "NaN"),
        (torch.full((3, 12), 0.5), "--binarize"),
        (torch.zeros(3, 11), "12"),
    ],
)
def test_bad_data_are_explained(small, data, message):
    with pytest.raises(InputError, match=message):
        gapkit.analyze(small[0], data, spec())


def test_bad_models_are_explained():
    class NoPrior:
        encode = decode = None

    with pytest.raises(InputError, match="encode"):
        gapkit.analyze(NoPrior(), torch.zeros(2, 2), spec())

    class Tensors(Brittle):
        def decode(self, z):
            return z

    with pytest.raises(InputError, match="from_pair"):
        gapkit.analyze(Tensors(), torch.zeros(2, 2), spec())


def test_unknown_settings_are_explained():
    with pytest.raises(InputError, match="quick, standard, thorough"):
        spec_for("fast")
    with pytest.raises(InputError, match="mean_field"):
        spec_for("quick", families=("nothing",))
    with pytest.raises(InputError, match="unit_size"):
        spec_for("quick", unit_size=0)
    with pytest.raises(InputError, match="chain"):
        Ais(num_chains=0)(ppca(), ppca().sample(1, 0), ppca().encode(ppca().sample(1, 0)))


def test_images_are_reshaped_to_what_the_model_describes(small):
    model, x = small
    flat = gapkit.analyze(model, x[:5], short(details=0)).to_frame()
    image = gapkit.analyze(model, x[:5].reshape(5, 1, 3, 4), short(details=0)).to_frame()
    assert flat.equals(image)


def test_float64_models_run_in_float64():
    model = ppca()
    frame = gapkit.analyze(model, model.sample(3, 0).float(), short(details=0)).to_frame()
    assert frame["log_px"].notna().all()
