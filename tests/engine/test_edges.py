"""Models that the contract allows and that are easy to get wrong."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, StudentT

import gapkit
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.engine import spec_for
from gapkit.estimators import Ais, Elbo, Iwae
from gapkit.local import FitSettings
from gapkit.models.freeze import frozen
from gapkit.target import PriorProposal
from tests.engine.odd_models import Simple
from tests.fast import only
from tests.yardsticks import ppca


def spec(**changes):
    return spec_for("quick", **{"unit_size": 8, "details": 0, **changes})


def bits(count=8, width=6, seed=0):
    return torch.bernoulli(torch.full((count, width), 0.5), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bad", only([0, 3, 7], 3))
def test_an_encoding_that_is_not_a_number(bad):
    x = bits()
    x[bad] = 1.0

    class Encoder(Simple):
        def encode(self, x):
            loc = torch.where((x.sum(1, keepdim=True) == 6), torch.nan, x[:, :2] - 0.5)
            return Independent(Normal(loc, 0.8), 1)

    with pytest.warns(GapkitWarning, match="the encoder fails on 1 of 8"):
        frame = gapkit.analyze(Encoder(), x, spec()).to_frame()
    fine = gapkit.analyze(Simple(), x, spec()).to_frame()
    assert "nonfinite" in frame.loc[bad, "status"]
    # The decoder is healthy, so log p(x) and q* are found from other starts.
    assert abs(frame.loc[bad, "log_px"] - fine.loc[bad, "log_px"]) < 0.05
    others = [i for i in range(8) if i != bad and x[i].sum() < 6]
    np.testing.assert_allclose(frame.loc[others, "elbo"], fine.loc[others, "elbo"], rtol=1e-5)


def test_explicit_validation_is_refused():
    class Validated(Simple):
        def decode(self, z):
            return Independent(Bernoulli(logits=z.repeat(1, 3), validate_args=True), 1)

    with pytest.raises(InputError, match="validate_args"):
        gapkit.analyze(Validated(), bits(), spec())


def test_scalar_latents_and_scalar_data():
    class Scalar(Simple):
        def encode(self, x):
            return Normal(0.5 * x, 0.7)

        def decode(self, z):
            return Normal(z, 1.0)

        def prior(self):
            return Normal(torch.tensor(0.0), torch.tensor(1.0))

    x = torch.linspace(-2, 2, 6)
    frame = gapkit.analyze(Scalar(), x, spec()).to_frame()
    truth = Normal(0.0, 2**0.5).log_prob(x).numpy()
    assert (np.abs(frame["log_px"] - truth) < 4 * frame["log_px_se"] + 1e-3).all()


def test_batched_multivariate_normals_are_refused():
    class Batched(Simple):
        def encode(self, x):
            loc = x.reshape(-1, 2, 3)
            return Independent(MultivariateNormal(loc, torch.eye(3).expand(len(x), 2, 3, 3)), 1)

        def prior(self):
            return Independent(Normal(torch.zeros(2, 3), 1.0), 2)

        def decode(self, z):
            return Independent(Bernoulli(logits=z.flatten(1)), 1)

    with pytest.raises(InputError, match="flat latents"):
        gapkit.analyze(Batched(), bits(), spec())


def test_priors_without_moments():
    class Heavy(Simple):
        def prior(self):
            return Independent(StudentT(torch.full((2,), 2.0)), 1)

    model, x = Heavy(), bits()
    frame = gapkit.analyze(model, x, spec()).to_frame()
    other = Ais(num_chains=300, num_temperatures=60)(model, x, model.prior(), 0)
    error = np.abs(frame["log_px"].to_numpy() - other.value.numpy())
    assert (error < 4 * np.hypot(frame["log_px_se"].to_numpy(), other.std_error.numpy())).all()


def test_ais_from_the_models_prior_as_it_is():
    model = ppca()
    x = model.sample(5, 0)
    ais = Ais(num_chains=16, num_temperatures=20)
    assert torch.equal(
        ais(model, x, model.prior(), 0).value, ais(model, x, PriorProposal(model.prior(), 5, torch.float64), 0).value
    )


def test_chains_that_diverge_from_the_prior():
    class Root(Simple):
        def decode(self, z):
            return Independent(Bernoulli(logits=(z + 1).sqrt().repeat(1, 3)), 1)

    model, x = Root(), bits()
    estimate = Ais(num_chains=32, num_temperatures=10)(model, x, PriorProposal(model.prior(), 8), 0)
    assert bool(estimate.value.isfinite().all())
    assert bool((estimate.diagnostics["nonfinite"] > 0).any())


def test_half_precision_is_refused_or_raised():
    class Half(nn.Module):
        encode, decode, prior = Simple.encode, Simple.decode, Simple.prior

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))

    with pytest.raises(InputError, match="float32"):
        gapkit.analyze(Half(), bits(), spec())
    assert gapkit.analyze(Simple(), bits().half(), spec()).to_frame()["log_px"].notna().all()


GLOBAL_NET = nn.Sequential(nn.Linear(2, 6), nn.Dropout(0.5))


class UsesGlobals(Simple):
    def decode(self, z):
        return Independent(Bernoulli(logits=GLOBAL_NET(z)), 1)


def test_networks_that_are_globals_are_frozen_too():
    model = UsesGlobals()
    assert GLOBAL_NET.training
    with frozen(model):
        assert not GLOBAL_NET.training
        assert not GLOBAL_NET[0].weight.requires_grad
    assert GLOBAL_NET.training


@pytest.mark.parametrize("estimator", [Elbo(num_samples=20), Iwae(num_samples=20), Ais(num_chains=4)])
def test_estimators_alone_freeze_the_model(estimator):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 6), nn.BatchNorm1d(6), nn.Dropout(0.5))
    model = gapkit.from_pair(nn.Linear(6, 4), net, encoder_output="chunk_logvar").train()
    x = bits()
    q = model.encode(x)
    before = net[1].running_mean.clone()
    first, second = (estimator(model, x, q, 0).value for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, net[1].running_mean)
    assert net.training


def test_families_are_nested_and_never_below_the_encoder():
    model = ppca("scaled", 0.8)
    x = model.sample(16, 0)
    rushed = FitSettings(warm_steps=2, polish_steps=4)
    for family in ((), ("full_rank",)):
        frame = gapkit.analyze(model, x, spec(families=family, fit=rushed)).to_frame()
        assert (frame["elbo_star"] >= frame["elbo"]).all()
        assert (frame["elbo_star_full_rank"] >= frame["elbo_star"]).all()


@pytest.mark.slow
def test_one_mode_is_the_encoders_own_whatever_the_starts():
    model = ppca("scaled", 0.9)
    frame = gapkit.analyze(model, model.sample(60, 0), spec_for("standard", unit_size=20)).to_frame()
    assert (frame["start"] == 0).all()


def test_errors_that_are_not_known_are_not_zero():
    model = ppca()
    odd = spec(elbo=Elbo(num_samples=2, antithetic=True), iwae=Iwae(num_samples=1))
    quantities = gapkit.analyze(model, model.sample(8, 0), odd).summary_values.quantities
    assert quantities["elbo"].se_monte_carlo is None
    assert quantities["iwae"].se_monte_carlo is None
    assert quantities["elbo"].se_datapoints > 0


def test_rows_do_not_depend_on_company_when_other_data_give_the_starts():
    model = ppca("scaled", 0.9)
    x, other = model.sample(16, 0), model.sample(30, 1)
    # Of a control subset it depends on how many datapoints there are, who belongs to it.
    everyone = spec(route_control=1.0)
    whole = gapkit.analyze(model, x, everyone, other_x=other).to_frame()
    part = gapkit.analyze(model, x[:8], everyone, other_x=other).to_frame()
    assert whole.head(8).equals(part)


encoder = nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.9))  # a global that shares its name with an attribute below


class SameName(nn.Module):
    """Its own encoder, beside a global of the same name that it does not use."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5))

    def encode(self, x):
        mean, logvar = self.encoder(x).chunk(2, -1)
        return Independent(Normal(mean, (logvar / 2).exp()), 1)

    decode, prior = Simple.decode, Simple.prior


def test_a_global_of_the_same_name_hides_nothing():
    model = SameName().train()
    with frozen(model):
        assert not model.encoder[1].training
        assert encoder[1].training  # not part of the model
    assert model.encoder[1].training


def test_certify_in_float64_with_a_plain_prior():
    class Double(SameName):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = nn.Linear(6, 4), nn.Linear(2, 6)
            self.double()

        def decode(self, z):
            return Independent(Bernoulli(logits=self.decoder(z)), 1)

    assert gapkit.certify(Double(), num_datapoints=4, effort="quick").summary.loc["gap", "left_out"] == 0


def test_supports_with_bounds_of_their_own():
    class Counts(Simple):
        def decode(self, z):
            return Independent(torch.distributions.Binomial(5, logits=z.repeat(1, 3)), 1)

    x = torch.randint(0, 6, (7, 6), generator=torch.Generator().manual_seed(0)).float()
    assert gapkit.analyze(Counts(), x, spec()).to_frame()["log_px"].notna().all()
    with pytest.raises(InputError):
        gapkit.analyze(Counts(), x + 3, spec())


def test_the_bank_counts_what_it_stores():
    from gapkit.local import build_bank
    from gapkit.target import Target

    class Classes(Simple):
        def decode(self, z):
            return Independent(torch.distributions.Categorical(logits=torch.zeros(len(z), 6, 50)), 1)

    target = Target(Classes(), bits(2))
    z = torch.randn(5000, 2, generator=torch.Generator().manual_seed(0))
    bank = build_bank(target, 10 * z, 100, 0, max_values=300 * 400)
    assert len(bank.z) == 400


def test_a_stretch_of_a_fit_that_diverges_leaves_a_finite_shortfall():
    """One that is not finite would wipe the error of the mean over all datapoints."""
    from gapkit.core.randomness import Key
    from gapkit.local import fit_batch
    from gapkit.target import Target, recognise

    class Holes(Simple):
        def decode(self, z):
            return Independent(Bernoulli(logits=torch.where(z[:, :1] > 1.0, torch.nan, z.repeat(1, 3))), 1)

    model, x = Holes(), bits(20)
    fits = fit_batch(Target(model, x), recognise(model.encode(x)), None, Key(0, tuple(range(20))))
    assert not bool(fits.mean_field.elbo.value.isfinite().all())  # the holes are felt
    for found in (fits.mean_field, fits.full_rank):
        assert bool(found.shortfall.isfinite().all())


def test_another_family_may_be_worse_than_the_encoder():
    frame = gapkit.analyze(ppca("posterior"), ppca().sample(8, 0), spec(families=("mean_field",))).to_frame()
    assert (frame["amortization_gap"] < -0.2).all()
    assert (frame["status"] == "ok").all()


def test_a_prior_that_validates():
    class Validates(Simple):
        def __init__(self):
            self.p = Independent(Normal(0.0, 1.0, validate_args=True).expand((2,)), 1, validate_args=True)

        def encode(self, x):
            loc = torch.where((x.sum(1, keepdim=True) == 6), torch.nan, x[:, :2] - 0.5)
            return Independent(Normal(loc, 0.8), 1)

        def prior(self):
            return self.p

    x = bits()
    x[2] = 1.0
    model = Validates()
    with pytest.warns(GapkitWarning, match="the encoder fails on 1 of 8"):
        frame = gapkit.analyze(model, x, spec()).to_frame()
    assert "nonfinite" in frame.loc[2, "status"]
    assert frame["log_px"].notna().all()
    assert model.p._validate_args


def test_runs_with_other_numbers_of_chains_are_not_paired():
    from gapkit.ladder.arithmetic import gap

    model = ppca()
    x = model.sample(3, 0)
    few, many = (Ais(num_chains=n, num_temperatures=5)(model, x, model.encode(x), 0) for n in (8, 16))
    assert bool(gap(many, few).std_error.isfinite().all())
