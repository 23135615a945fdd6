"""Models with a condition beside x, held to exact values; and what is refused of conditions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import gapkit
from gapkit.engine import Disk, spec_for
from gapkit.models.reference import build
from tests.engine.conditional import ConditionalLinearGaussian, Squared
from tests.fast import only


def _points(model, count=40, seed=1):
    c = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    return model.simulate(c, seed), c


@pytest.mark.parametrize("where", only(["prior and decode", "prior", "decode", "encode"], "prior and decode"))
def test_conditional_linear_gaussian_model_has_its_exact_numbers(where):
    model = ConditionalLinearGaussian("prior" in where, "decode" in where, shift=0.3, widen=1.3)
    x, c = _points(model)
    result = gapkit.analyze(model, x, condition=c, effort="quick")
    table = result.to_frame()
    exact, bound = model.log_evidence(x, c).numpy(), model.bound(x, c).numpy()
    assert (table["status"] == "ok").all()
    z = (table["log_px"] - exact) / table["log_px_se"]
    assert float(np.sqrt((z**2).mean())) < 1.5
    assert abs(float((table["log_px"] - exact).mean())) < 0.02
    assert float((((table["elbo"] - bound) / table["elbo_se"]) ** 2).mean()) ** 0.5 < 1.5
    # q* of the encoder's own family is the posterior: all of the gap is the encoder's.
    assert float((table["elbo_star"] - exact).abs().max()) < 0.02
    assert result.summary.loc["amortization_gap", "mean"] == pytest.approx(float((exact - bound).mean()), abs=0.1)


@pytest.mark.slow
def test_without_its_condition_the_same_model_has_other_numbers():
    model = ConditionalLinearGaussian(shift=0.3)
    x, c = _points(model)
    others = c.roll(1, 0)
    right, wrong = (gapkit.analyze(model, x, condition=part, effort="quick").to_frame() for part in (c, others))
    assert (right["log_px"] - wrong["log_px"]).abs().min() > 0.01
    assert float(np.abs(wrong["log_px"] - model.log_evidence(x, others).numpy()).mean()) < 0.05


@pytest.mark.parametrize("in_prior", only([True, False], True))
def test_modes_that_the_encoder_misses_are_found_under_each_condition(in_prior):
    model = Squared(in_prior)
    c = torch.arange(30) % 3
    z = torch.linspace(0.6, 1.6, 30)
    x = (model.scales[c] * z.square()).unsqueeze(1) + 0.1 * torch.randn(
        30, 2, generator=torch.Generator().manual_seed(0)
    )
    table = gapkit.analyze(model, x, condition=c, effort="quick").to_frame()
    error = table["log_px"] - model.log_evidence(x, c).numpy()
    assert float(error.abs().max()) < 0.1
    assert abs(float(error.mean())) < 0.02


@pytest.mark.slow
def test_rows_do_not_depend_on_how_the_data_are_cut(tmp_path):
    model = ConditionalLinearGaussian(shift=0.3)
    x, c = _points(model, 24)
    spec = replace(spec_for("quick", seed=0), unit_size=8, certificate=0, convergence=0, details=0)
    whole = gapkit.analyze(model, x, spec, condition=c, store=Disk(tmp_path)).to_frame()
    again = gapkit.analyze(model, x, spec, condition=c, store=Disk(tmp_path))
    assert again.run["kept_units"] == 3
    assert again.to_frame().equals(whole)
    other = gapkit.analyze(model, x, spec, condition=torch.cat([c[:16], c[16:] + 0.1]), store=Disk(tmp_path))
    assert not other.to_frame()["log_px"].equals(whole["log_px"])  # a changed condition is not taken for the old one


@pytest.mark.slow
def test_a_condition_may_be_a_tree_and_each_split_has_its_own():
    class Tree(ConditionalLinearGaussian):
        def encode(self, x, c):
            return super().encode(x, self._one(c))

        def decode(self, z, c):
            return super().decode(z, self._one(c))

        def prior(self, c):
            return super().prior(self._one(c))

        @staticmethod
        def _one(c):
            return torch.stack([c["first"], *c["rest"]], 1)

    model, plain = Tree(shift=0.3), ConditionalLinearGaussian(shift=0.3)
    (x, c), (y, d) = _points(model, 10), _points(model, 8, 2)

    def tree(part):
        return {"first": part[:, 0], "rest": (part[:, 1].numpy(), part[:, 2])}

    table = gapkit.analyze(
        model, {"test": x, "train": y}, condition={"test": tree(c), "train": tree(d)}, effort="quick"
    ).to_frame()
    both = gapkit.analyze(plain, {"test": x, "train": y}, condition={"test": c, "train": d}, effort="quick").to_frame()
    np.testing.assert_allclose(table["log_px"], both["log_px"], atol=1e-4)


class _Labelled(nn.Module):
    """A conditional VAE in the usual style: one-hot labels beside x and beside z."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(8 + 3, 4), nn.Linear(2 + 3, 8)

    def encode(self, x, y):
        return self.enc(torch.cat([x, nn.functional.one_hot(y, 3)], 1)).chunk(2, 1)

    def decode(self, z, y):
        return self.dec(torch.cat([z, nn.functional.one_hot(y, 3)], 1))


@pytest.mark.slow
def test_a_pair_of_conditional_networks_is_analysed():
    torch.manual_seed(0)
    vae = _Labelled()
    model = gapkit.from_pair(vae.encode, vae.decode)
    x, y = (torch.rand(12, 8) < 0.5).float(), torch.arange(12) % 3
    result = gapkit.analyze(model, x, condition=y, labels=y, effort="quick")
    for label in range(3):  # the same numbers as a model that has the label inside
        rows = y == label
        fixed = gapkit.from_pair(
            lambda part, label=label: vae.encode(part, torch.full((len(part),), label)),
            lambda z, label=label: vae.decode(z, torch.full((len(z),), label)),
        )
        alone = gapkit.analyze(fixed, x[rows], effort="quick").to_frame()
        mine = result.to_frame()[rows.numpy()]
        error = np.hypot(mine["log_px_se"], alone["log_px_se"].to_numpy())
        assert (np.abs(mine["log_px"] - alone["log_px"].to_numpy()) < 5 * error + 1e-3).all()


def test_what_is_refused_of_conditions():
    model, plain = ConditionalLinearGaussian(), build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    x, c = _points(model, 5)
    for arguments, words in (
        ({"model": model}, "needs a condition"),
        ({"model": model, "condition": c[:3]}, "for 5 datapoints"),
        ({"model": model, "condition": c.log()}, "NaN or infinity"),
        ({"model": model, "condition": np.array(list("abcde"))}, "np.unique"),
        ({"model": model, "condition": {}}, "an empty dict"),
        ({"model": model, "condition": torch.tensor(3)}, r"shape \(\)"),
        ({"model": model, "condition": [[1.0], [2.0, 3.0]]}, "rows of different lengths"),
        ({"model": plain, "condition": c}, "without a place for one"),
        ({"model": model, "condition": c, "other_x": x}, "nobody knows its conditions"),
    ):
        with pytest.raises(gapkit.InputError, match=words):
            gapkit.analyze(arguments.pop("model"), x, effort="quick", **arguments)


def test_estimators_and_certificates_take_a_condition():
    model = ConditionalLinearGaussian(shift=0.3)
    x, c = _points(model, 30)
    exact = model.log_evidence(x, c)
    for estimator in (gapkit.Iwae(num_samples=2000), gapkit.Ais(num_chains=16, num_temperatures=50)):
        found = estimator(model, x, model.encode(x, c), condition=c)
        assert float((((found.value - exact) / found.std_error) ** 2).mean()) ** 0.5 < 2.0
    certificate = gapkit.certify(model, num_datapoints=20, effort="quick", condition=c)
    assert abs(certificate.summary.loc["gap", "mean"]) < 0.1
    for call in (
        lambda: gapkit.Iwae()(model, x, model.encode(x, c)),
        lambda: gapkit.certify(model, num_datapoints=20),
        lambda: gapkit.fit(model, x),
        lambda: gapkit.training.refit(model, x),
        lambda: gapkit.training.compare_encoders({"a": model, "b": model}, x),
    ):
        with pytest.raises(gapkit.InputError, match="needs a condition"):
            call()


def test_fits_take_a_condition():
    model = ConditionalLinearGaussian(shift=0.3)
    x, c = _points(model, 12)
    fitted = gapkit.fit(model, x, condition=c, effort="quick")
    np.testing.assert_allclose(fitted.elbo, model.log_evidence(x, c), atol=0.05)


def test_a_prior_of_each_datapoint_is_a_start_of_ais():
    from gapkit.core.randomness import Key
    from gapkit.target import Target

    model = ConditionalLinearGaussian()
    x, c = _points(model, 200)
    target = Target(model, x, condition=c)
    proposal, key = target.prior_proposal(), Key(0, tuple(range(200)))
    z, log_p = proposal.draw(key.streams("a", torch.float32, "cpu"), 500)
    loc, scale = model._prior(c)
    assert float(((z.mean(0) - loc) / (scale / 500**0.5)).std()) == pytest.approx(1.0, abs=0.15)
    torch.testing.assert_close(log_p, model.prior(c).log_prob(z))
    part = proposal.select(torch.tensor([7, 3]))
    torch.testing.assert_close(part.log_prob(z[:, [7, 3]]), log_p[:, [7, 3]])
    torch.testing.assert_close(part.select(torch.tensor([1])).log_prob(z[:, [3]]), log_p[:, [3]])


class _Writes(ConditionalLinearGaussian):
    """Writes into the condition that it is given."""

    def encode(self, x, c):
        return super().encode(x, c.sub_(1.0))

    def decode(self, z, c):
        return super().decode(z, c.sub_(1.0))

    def prior(self, c):
        return super().prior(c.sub_(1.0))


def test_a_model_that_writes_into_its_condition_harms_nobody():
    plain = ConditionalLinearGaussian(shift=0.3)
    x, c = _points(plain, 8)
    given = (c + 1.0).clone()
    found = gapkit.analyze(_Writes(shift=0.3), x, condition=given, effort="quick").to_frame()
    assert torch.equal(given, c + 1.0)
    np.testing.assert_allclose(
        found["log_px"], gapkit.analyze(plain, x, condition=c, effort="quick").to_frame()["log_px"], atol=1e-3
    )


def test_estimators_take_a_condition_as_an_analysis_does():
    model = ConditionalLinearGaussian()
    x, c = _points(model, 8)
    q = model.encode(x, c)
    one = gapkit.Iwae(num_samples=50)(model, x, q, condition=c)
    backwards = c.flip(0).double().numpy()[::-1]  # float64, and running backwards
    assert torch.equal(gapkit.Iwae(num_samples=50)(model, x, q, condition=backwards).value, one.value)
    plain = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    with pytest.raises(gapkit.InputError, match="without a place for one"):
        gapkit.Iwae()(plain, x.round().clamp(0, 1), plain.encode(x), condition=c)
    with pytest.raises(gapkit.InputError, match=r"shape \(\)"):
        gapkit.certify(model, num_datapoints=5, condition=torch.tensor(3))


@pytest.mark.slow
def test_errors_cover_the_truth_over_seeds():
    """Errors over claimed errors, of 5 models with 40 datapoints each: neither too small nor padded."""
    z = {"log_px": [], "elbo": [], "total_gap": []}
    for seed in range(5):
        model = ConditionalLinearGaussian(shift=0.4, widen=1.4, seed=seed)
        x, c = _points(model, 40, seed + 1)
        table = gapkit.analyze(model, x, condition=c, effort="quick", seed=seed).to_frame()
        top, bound = model.log_evidence(x, c).numpy(), model.bound(x, c).numpy()
        for name, truth in (("log_px", top), ("elbo", bound), ("total_gap", top - bound)):
            z[name] += ((table[name] - truth) / table[f"{name}_se"]).tolist()
    for name, values in z.items():
        values = np.array(values)
        assert np.mean(np.abs(values) < 1.96) >= 0.91, name
        assert 0.8 < np.sqrt((values**2).mean()) < 1.2, name
