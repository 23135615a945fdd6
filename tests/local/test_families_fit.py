"""Fits of every family, on posteriors that some of them can describe and others cannot."""

import math

import pytest
import torch
from torch import nn

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.estimators import Elbo, Iwae
from gapkit.families import DiagonalGaussian
from gapkit.ladder.arithmetic import gap
from gapkit.local import (
    FAMILIES,
    FITTERS,
    MAX_DIM,
    FitSettings,
    FitStatus,
    build_bank,
    fit_batch,
    flows,
    low_rank,
    split_family,
)
from gapkit.models.freeze import frozen
from gapkit.models.reference import mlp_vae
from gapkit.target import Target, as_proposal
from tests.fast import only
from tests.local.targets import Curved, banana, fits_of, two_modes
from tests.yardsticks import ppca

JUDGE = Elbo(num_samples=20_000, antithetic=True, stage="judge")


def gaps(model, x, families, settings=None):
    """log p(x) - L[q*] of each family, shape (B,)."""
    fits, target, key = fits_of(model, x, families, settings)
    exact = model.log_px(x)
    return {name: exact - JUDGE.on(target, found.q, key).value for name, found in fits.found.items()}


@pytest.mark.slow
def test_flows_and_mixtures_describe_a_banana():
    x = torch.tensor([[-1.0], [-2.0], [0.0]])
    found = gaps(banana(), x, ("flow", "auxiliary", "mixture"))
    assert bool((found["full_rank"] > 0.15).all())  # what quadrature says is there to gain
    assert bool((found["flow"].abs() < 0.05).all())
    assert bool((found["mixture"].abs() < 0.05).all())
    assert bool((found["auxiliary"] < found["full_rank"] - 0.1).all())


@pytest.mark.slow
def test_two_modes_that_touch():
    x = torch.tensor([[1.0]])
    found = gaps(two_modes(), x, ("flow", "auxiliary", "mixture"))
    assert float(found["full_rank"]) > 0.5
    for name in ("flow", "auxiliary", "mixture"):
        assert abs(float(found[name])) < 0.05, name


def test_two_modes_apart():
    """A single Gaussian holds one of two equal modes and loses log 2; a mixture holds both."""
    x = torch.tensor([[2.0], [3.0], [4.0]])
    found = gaps(two_modes(), x, ("mixture",))
    torch.testing.assert_close(found["full_rank"], torch.full((3,), 0.693).double(), atol=0.04, rtol=0)
    assert bool((found["mixture"].abs() < 0.03).all())


def test_a_symmetric_encoder_leaves_its_saddle():
    """An encoder exactly between two modes sees no gradient; the fit must not stay there."""
    model = Curved(lambda z: (z[:, 0] ** 2).unsqueeze(1), 0.5, loc=(0.0, 0.0), scale=(1.0, 1.0))
    x = torch.tensor([[2.0], [3.0], [4.0]])
    fits, target, key = fits_of(model, x, num_bank=0)
    for found in (fits.mean_field, fits.full_rank):
        lost = model.log_px(x) - JUDGE.on(target, found.q, key).value
        assert bool((lost < 0.75).all())


@pytest.mark.slow
def test_low_rank_reaches_a_low_rank_posterior():
    generator = torch.Generator().manual_seed(0)
    weight = 2.0 * torch.randn(30, 2, generator=generator).double()

    class Wide:
        """Thirty latents, two directions of which the data see: the posterior is diagonal minus low rank."""

        def encode(self, x):
            return torch.distributions.Independent(
                torch.distributions.Normal(torch.zeros(len(x), 30).double(), torch.ones(len(x), 30).double()), 1
            )

        def decode(self, z):
            return torch.distributions.Independent(torch.distributions.Normal(z @ weight, 1.0), 1)

        def prior(self):
            return torch.distributions.Independent(torch.distributions.Normal(torch.zeros(30).double(), 1.0), 1)

    model, x = Wide(), torch.randn(5, 2, generator=generator).double()
    target, key = Target(model, x), Key(0, tuple(range(5)))
    fits = fit_batch(target, as_proposal(model.encode(x)), None, key, FitSettings(), families=("low_rank",))
    levels = {name: JUDGE.on(target, found.q, key) for name, found in fits.found.items()}
    assert bool((levels["low_rank"].value >= levels["mean_field"].value - 1e-9).all())
    gained = (levels["low_rank"].value - levels["mean_field"].value) / (
        levels["full_rank"].value - levels["mean_field"].value
    )
    assert float(gained.min()) > 0.2


def test_low_rank_is_fitted_without_full_matrices():
    model = mlp_vae((20,), latent=MAX_DIM + 1, hidden=(16,))
    x = torch.bernoulli(torch.full((4, 20), 0.5))
    with frozen(model), torch.no_grad():
        target = Target(model, x)
        settings = FitSettings(num_starts=0, gradient_steps=60)
        fits = fit_batch(
            target, as_proposal(model.encode(x)), None, Key(0, (0, 1, 2, 3)), settings, families=("low_rank",)
        )
    assert set(fits.found) == {"mean_field", "low_rank"}
    assert bool((fits.family("low_rank").elbo.value >= fits.mean_field.elbo.value).all())


@pytest.fixture(scope="module")
def bent():
    """A decoder with curved posteriors, and what all families make of 100 datapoints."""
    torch.manual_seed(0)
    model = mlp_vae((30,), latent=6, hidden=(24,), activation="tanh")
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.mul_(2.5)
    x = torch.bernoulli(torch.full((100, 30), 0.5))
    with frozen(model), torch.no_grad():
        target, key = Target(model, x), Key(0, tuple(range(100)))
        q = as_proposal(model.encode(x))
        bank = build_bank(target, q.loc, 2000, 0)
        fits = fit_batch(target, q, bank, key, families=("mean_field", "low_rank", "flow", "mixture"))
        log_px = Iwae(num_samples=20_000, stage="truth").on(target, fits.mixture, key)
        yield fits, log_px


@pytest.mark.slow
def test_bounds_are_nested_for_every_datapoint(bent):
    fits, log_px = bent
    mean_field = fits.mean_field.elbo
    assert fits.own == "mean_field"
    assert bool((mean_field.value >= fits.encoder.value).all())
    for name in ("full_rank", "low_rank", "flow", "mixture"):
        found = fits.family(name).elbo
        difference = gap(found, mean_field)
        assert bool((difference.value >= -3 * difference.std_error - 1e-9).all()), name
    for name in ("full_rank", "flow", "mixture"):
        found = fits.family(name).elbo
        error = torch.hypot(found.std_error, log_px.std_error)
        assert bool((found.value <= log_px.value + 3 * error + 0.01).all()), name
    inner = fits.full_rank.elbo
    for name in ("flow", "mixture"):
        assert bool((gap(fits.family(name).elbo, inner).value >= -1e-9).all()), name
        assert float(gap(fits.family(name).elbo, inner).value.mean()) > 0.005, name


@pytest.mark.slow
def test_most_fits_converge(bent):
    fits, _ = bent
    for name in ("mean_field", "full_rank"):
        assert float((fits.family(name).status == FitStatus.CONVERGED).double().mean()) > 0.95


def test_the_mode_gap_is_what_the_encoders_mode_costs():
    """Unequal modes at z = -1.4 and 1.4, the encoder in the lesser one."""
    slope = 0.15
    model = Curved(lambda z: (z[:, 0] ** 2 - slope * z[:, 0]).unsqueeze(1), 0.3, loc=(1.5, 0.0), scale=(0.3, 1.0))
    x = torch.tensor([[2.0]])
    fits, target, key = fits_of(model, x)
    alone, _, _ = fits_of(model, x, num_bank=0)
    assert int(fits.mean_field.start) > 0
    expected = JUDGE.on(target, fits.mean_field.q, key).value - JUDGE.on(target, alone.mean_field.q, key).value
    assert float(expected) > 0.1
    assert float(fits.mode_gap.value) == pytest.approx(float(expected), abs=4 * float(fits.mode_gap.std_error) + 0.02)
    assert float(alone.mode_gap.value) == 0.0


def test_the_family_of_the_split():
    assert split_family("mean_field", ()) == "mean_field"
    assert split_family("mean_field", ("flow", "mean_field")) == "mean_field"
    assert split_family("mean_field", ("flow", "full_rank")) == "flow"
    assert split_family("transformed", ("flow",)) == "flow"
    with pytest.raises(InputError, match="no such family"):
        split_family("mean_field", ("nothing",))
    assert split_family("transformed", ()) == split_family("truncated", ()) == "flow"  # what comes nearest
    with pytest.raises(InputError, match="'of_ones_own'"):
        split_family("of_ones_own", ())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_asked_for(family):
    model = ppca("scaled", 0.7)
    x = model.sample(3, 0)
    target, key = Target(model, x), Key(0, (0, 1, 2))
    settings = FitSettings(num_starts=0, gradient_steps=30, polish_steps=12, more_rounds=0)
    fits = fit_batch(target, as_proposal(model.encode(x)), None, key, settings, families=(family,))
    found = fits.family(family)
    assert fits.own == family
    assert found.elbo.value.shape == (3,)
    assert bool((found.elbo.value >= fits.mean_field.elbo.value - 1e-9).all())
    again = type(found.q).of(**found.q.tensors())
    again_elbo = Elbo(antithetic=True).on(target, again, key)
    assert bool((again_elbo.value <= model.log_px(x) + 4 * again_elbo.std_error + 1e-6).all())
    part = found.q.select(torch.tensor([2]))
    assert part.loc.shape == (1, target.dim)
    assert not FITTERS[family].refusal(target.dim)


class Fragile(nn.Module):
    """A decoder that explodes or is undefined far from the origin."""

    def __init__(self, inner, kind):
        super().__init__()
        self.inner, self.kind = inner, kind

    def encode(self, x):
        return self.inner.encode(x)

    def decode(self, z):
        logits = self.inner.decode(z).base_dist.logits
        far = z[:, :1].abs() > 50.0
        broken = torch.full_like(logits, torch.nan) if self.kind == "nan" else logits * z.square().sum(1, True).exp()
        logits = torch.where(far, broken, logits)
        return torch.distributions.Independent(torch.distributions.Bernoulli(logits=logits), 1)

    def prior(self):
        return self.inner.prior()


@pytest.mark.parametrize("kind", only(["plain", "nan", "explodes"], "explodes"))
@pytest.mark.parametrize("where", only([math.nan, 1e3], 1e3))
@pytest.mark.slow
def test_a_broken_datapoint_changes_no_bit_of_the_others(kind, where):
    torch.manual_seed(0)
    inner = mlp_vae((40,), latent=8, hidden=(20, 20))
    model = inner if kind == "plain" else Fragile(inner, kind)
    x, others = (torch.bernoulli(torch.full((n, 40), 0.4)) for n in (23, 100))
    settings = FitSettings(polish_steps=12, gradient_steps=20, tolerance=0.005, more_rounds=1)

    def run(spoil):
        with frozen(model), torch.no_grad():
            q, encoded = as_proposal(model.encode(x)), as_proposal(model.encode(others))
            loc = q.loc.clone()
            if spoil:
                loc[7] = where
            target = Target(model, x)
            bank = build_bank(target, encoded.loc, 300, 0)
            key = Key(0, tuple(range(23)))
            families = ("mean_field", "flow", "mixture", "low_rank")
            return fit_batch(target, DiagonalGaussian(loc, q.scale), bank, key, settings, families=families)

    whole, spoilt = run(False), run(True)
    rest = torch.arange(23) != 7
    for name in whole.found:
        ours, theirs = whole.found[name], spoilt.found[name]
        for part, tensor in ours.q.tensors().items():
            assert torch.equal(tensor[rest], theirs.q.tensors()[part][rest]), (name, part)
        assert torch.equal(ours.elbo.value[rest], theirs.elbo.value[rest])
        assert torch.equal(ours.status[rest], theirs.status[rest])
        assert bool(theirs.elbo.value[7].isfinite())  # the bank's starts stand in for the encoder's


@pytest.mark.parametrize("family", only(["low_rank", "flow", "auxiliary"], "low_rank", "flow"))
def test_a_learning_rate_of_a_thousand_is_flagged_and_harms_nobody(monkeypatch, family):
    monkeypatch.setattr(flows, "_RATE", 1e3)
    monkeypatch.setattr(low_rank, "_RATE", 1e3)
    model, x = banana(), torch.tensor([[-1.0], [-2.0]])
    fits, _, _ = fits_of(model, x, (family,), FitSettings(gradient_steps=60, more_rounds=1))
    found = fits.family(family)
    assert bool(found.elbo.value.isfinite().all())
    assert bool((found.elbo.value >= fits.mean_field.elbo.value - 1e-9).all())  # the best so far
    assert bool((found.status != FitStatus.CONVERGED).all())


def test_a_datapoint_without_a_finite_optimum_is_told():
    torch.manual_seed(0)
    inner = mlp_vae((12,), latent=3, hidden=(8,))

    class Undefined(Fragile):
        def decode(self, z):
            logits = self.inner.decode(z).base_dist.logits
            return torch.distributions.Independent(torch.distributions.Bernoulli(logits=logits * torch.nan), 1)

    model, x = Undefined(inner, "nan"), torch.ones(4, 12)
    with frozen(model), torch.no_grad():
        fits = fit_batch(
            Target(model, x), as_proposal(model.encode(x)), None, Key(0, (0, 1, 2, 3)), families=("mean_field",)
        )
    for found in fits.found.values():
        assert bool((found.status == FitStatus.DIVERGED).all())
        assert bool(found.shortfall.isfinite().all())
