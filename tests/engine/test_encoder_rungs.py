"""Further encoders of the analysed decoder as rungs: the numbers of a comparison of encoders, and refusals."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

import gapkit
from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.engine import spec_for
from gapkit.engine.work import seed_of
from gapkit.models.reference import build
from gapkit.training import RefitConfig, refit
from gapkit.training.compare_encoders import compare_encoders
from tests.engine.executors import BACKWARDS, Ordered
from tests.yardsticks import LinearGaussian, ppca


class Wider(LinearGaussian):
    """An encoder whose mean is nearly right but whose standard deviations are 1.3 times the best ones."""

    def encode(self, x):
        scale = 1.3 * self.precision.diagonal().rsqrt()
        mean = 0.95 * self.posterior_mean(x)
        return Independent(Normal(mean, scale.expand_as(mean)), 1)

    def amortization_gap(self, x):
        shift = 0.05 * self.posterior_mean(x)
        quadratic = torch.einsum("bi,ij,bj->b", shift, self.precision, shift)
        return 0.5 * (quadratic + self.z_dim * (1.3**2 - 1 - 2 * np.log(1.3)))


GIVEN, WORSE = ppca("scaled", 0.8), ppca("scaled", 0.6)
BETTER = Wider(GIVEN.weight)
X = GIVEN.sample(21, 0)
OTHERS = {"better": BETTER, "worse": WORSE}


def spec(**changes):
    quick = spec_for("quick")
    one_mode = replace(quick.fit, num_starts=0)
    return replace(quick, **{"unit_size": 8, "details": 0, "fit": one_mode, **changes})


@pytest.fixture(scope="module")
def result():
    return gapkit.analyze(GIVEN, X, spec(), encoders=OTHERS)


def test_the_numbers_are_those_of_a_comparison_of_encoders(result):
    frame, key = result.to_frame(), Key(seed_of(0, "test"), tuple(range(21)))
    compared = compare_encoders({"given": GIVEN, **OTHERS}, X, elbo=spec().elbo, seed=key)
    for name in OTHERS:
        for column, found in (("elbo", compared.bounds[name]), ("gain", compared.differences[name, "given"])):
            np.testing.assert_allclose(frame[f"{column}_{name}"], found.value, rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(frame[f"{column}_{name}_se"], found.std_error, rtol=1e-9, atol=1e-11)


def test_gains_are_exact_and_paired(result):
    frame = result.to_frame()
    for name, model in OTHERS.items():
        exact = (GIVEN.amortization_gap(X) - model.amortization_gap(X)).numpy()
        # Means that differ alone make gains without any noise.
        assert ((frame[f"gain_{name}"] - exact).abs() < 5 * frame[f"gain_{name}_se"] + 1e-9).all()
        assert (frame[f"gain_{name}_se"] < 0.9 * np.hypot(frame["elbo_se"], frame[f"elbo_{name}_se"])).all()
    assert (frame["gain_better_se"] > 1e-3).all()
    assert (frame["gain_better"] > 0).sum() > 12
    assert (frame["gain_worse"] < 0).all()


def test_what_is_reached_and_what_is_left_make_up_the_amortization_gap(result):
    frame, quantities = result.to_frame(), result.summary_values.quantities
    for name, model in OTHERS.items():
        np.testing.assert_allclose(frame[f"gain_{name}"] + frame[f"left_{name}"], frame["amortization_gap"], atol=1e-9)
        exact = model.amortization_gap(X).mean().item()
        left = quantities[f"left_{name}"]
        assert left.mean == pytest.approx(exact, abs=4 * left.se_monte_carlo + 0.005)
        assert left.ci95[0] < exact < left.ci95[1]
        gain = quantities[f"gain_{name}"]
        assert gain.mean == pytest.approx(frame[f"gain_{name}"].mean())
        assert gain.count == 21
    json.dumps(result.summary_values.to_dict(), allow_nan=False)


def test_the_verdict_names_what_each_encoder_gains_and_leaves(result):
    words = " ".join(result.verdict())
    assert "The encoder better gains " in words
    assert "The encoder worse is " in words
    assert result.run["encoders"] == ["better", "worse"]


def test_further_encoders_change_no_other_column(result):
    alone = gapkit.analyze(GIVEN, X, spec())
    columns = alone.to_frame().columns
    pd.testing.assert_frame_equal(alone.to_frame(), result.to_frame()[columns], check_exact=True)
    extra = [f"{kind}_{name}{end}" for name in OTHERS for kind in ("elbo", "gain", "left") for end in ("", "_se")]
    assert sorted(set(result.to_frame().columns) - set(columns)) == sorted(extra)
    names = list(alone.summary_values.quantities)
    assert list(result.summary_values.quantities)[: len(names)] == names


def test_units_alone_and_in_another_order_give_the_same_rows(result):
    turned = gapkit.analyze(GIVEN, X, spec(), encoders=OTHERS, executor=BACKWARDS)
    pd.testing.assert_frame_equal(turned.to_frame(), result.to_frame(), check_exact=True)
    one = gapkit.analyze(
        GIVEN, X, spec(), encoders={"worse": WORSE}, executor=Ordered(lambda units: (units[1],))
    ).to_frame()
    whole = result.to_frame().iloc[8:16].reset_index(drop=True)
    for column in ("elbo_worse", "gain_worse", "gain_worse_se"):
        pd.testing.assert_series_equal(one[column], whole[column], check_exact=True)


def test_the_same_encoder_again_gains_nothing():
    frame = gapkit.analyze(GIVEN, X[:8], spec(), encoders={"same": ppca("scaled", 0.8)}).to_frame()
    assert frame["elbo_same"].equals(frame["elbo"].rename("elbo_same"))
    assert (frame[["gain_same", "gain_same_se"]] == 0.0).all(axis=None)
    assert frame["left_same"].equals(frame["amortization_gap"].rename("left_same"))


def test_a_refit_of_a_real_model_and_its_flags():
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(12,), latent=2, hidden=(8,))
    x = torch.bernoulli(torch.full((60, 12), 0.5), generator=torch.Generator().manual_seed(0))
    new = refit(model, x, RefitConfig(epochs=40, batch_size=10, learning_rate=0.01)).model.train()
    result = gapkit.analyze(model, x[:20], spec(), encoders={"refit": new})
    gain = result.summary_values.quantities["gain_refit"]
    assert gain.mean > 4 * gain.se_monte_carlo
    assert new.training
    assert all(parameter.requires_grad for parameter in new.parameters())


def test_stages_of_further_encoders_are_counted():
    seen = []
    gapkit.analyze(GIVEN, X[:9], spec(), encoders=OTHERS, progress=seen.append)
    assert sum(step.stage == "encoders" for step in seen) == 4  # two encoders of two units
    assert seen[-1].done == seen[-1].total
    assert seen[-1].done == seen[-1].total


@pytest.mark.parametrize("name", ["", "1st", "my-refit", "a b", "refit.pt", "Größe", "$x$"])
def test_names_that_are_no_identifiers(name):
    with pytest.raises(InputError, match="letters, digits and underscores"):
        gapkit.analyze(GIVEN, X, spec(), encoders={name: BETTER})


@pytest.mark.parametrize("name", ["star", "star_mean_field", "star_mine", "se", "refit_se"])
def test_names_that_clash_with_columns(name):
    with pytest.raises(InputError, match=f"elbo_{name} is another column"):
        gapkit.analyze(GIVEN, X, spec(), encoders={name: BETTER})


def test_every_column_that_a_name_could_clash_with_is_refused(result):
    """Whatever the table holds: a name that is accepted makes columns that were not there."""
    taken = set(gapkit.analyze(GIVEN, X[:8], spec(families=("mean_field", "low_rank"))).to_frame().columns)
    for column in taken:
        for kind in ("elbo_", "gain_", "left_"):
            if column.startswith(kind):
                with pytest.raises(InputError, match="another column"):
                    gapkit.analyze(GIVEN, X[:8], spec(), encoders={column.removeprefix(kind): BETTER})


class Wide:
    """The same kind of model with two latents more."""

    def __init__(self):
        self.weight = torch.ones(5, 10, dtype=torch.float64)

    def encode(self, x):
        return Independent(Normal(x[:, :5], 1.0), 1)

    def decode(self, z):
        return Independent(Normal(z @ self.weight, 0.5), 1)

    def prior(self):
        zero = torch.zeros(5, dtype=torch.float64)
        return Independent(Normal(zero, torch.ones_like(zero)), 1)


class NoPrior:
    encode, decode = GIVEN.encode, GIVEN.decode


class Tensors(NoPrior):
    prior = GIVEN.prior

    def encode(self, x):
        return x[:, :3]


class Fails(NoPrior):
    prior = GIVEN.prior

    def encode(self, x):
        return x / (1 // 0)


REFUSED = {
    "other latents": (Wide(), r"shape \(3,\) in the analysed model and \(5,\) in other"),
    "another decoder": (ppca(rotated=True), "the analysed model and other give the same x and z different log p"),
    "another width of the data": (build("mlp_vae", x_shape=(7,), latent=3, hidden=(4,)), "the further encoder other: "),
    "an encoder that fails": (Fails(), "the further encoder other\n.*refused the data: ZeroDivisionError"),
    "no model": (NoPrior(), "the further encoder other\n.*NoPrior has no prior"),
    "no distribution": (Tensors(), "the further encoder other: .*returning a torch Distribution"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_encoders_that_do_not_belong_to_the_decoder(case):
    other, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        gapkit.analyze(GIVEN, X, spec(), encoders={"other": other})
    # Before any work: no bank, no unit.
    seen = []
    with pytest.raises(InputError):
        gapkit.analyze(GIVEN, X, spec(), encoders={"better": BETTER, "other": other}, progress=seen.append)
    assert seen == []


def test_a_prior_that_differs_is_another_model():
    class Narrow(type(GIVEN)):
        def prior(self):
            return Independent(Normal(torch.zeros(3, dtype=torch.float64), 0.9), 1)

    with pytest.raises(InputError, match="different log p"):
        gapkit.analyze(GIVEN, X, spec(), encoders={"narrow": Narrow(GIVEN.weight)})


def test_a_further_encoder_is_frozen_and_examined():
    torch.manual_seed(0)
    decoder = nn.Linear(2, 6)
    plain = gapkit.from_pair(nn.Linear(6, 4), decoder, encoder_output="chunk_logvar")
    dropping = nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5))
    other = gapkit.from_pair(dropping, decoder, encoder_output="chunk_logvar")
    frame, again = (
        gapkit.analyze(plain, torch.ones(3, 6), spec(), encoders={"other": other}, allow=["chance"]).to_frame()
        for _ in range(2)
    )
    assert frame.equals(again)  # the dropout is off
    assert dropping[1].training

    def encoder(x):
        return nn.functional.dropout(dropping[0](x), 0.5)

    always = gapkit.from_pair(encoder, decoder, encoder_output="chunk_logvar")
    with pytest.raises(InputError, match=r"the further encoder always: .* same numbers twice"):
        gapkit.analyze(plain, torch.ones(3, 6), spec(), encoders={"always": always}, allow=["chance"])
