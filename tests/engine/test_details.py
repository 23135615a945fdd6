"""What the engine stores beside the table: the latents, bounds against draws, pictures and maps of some datapoints."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Normal

import gapkit
from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.estimators import Ais, Iwae
from gapkit.models.reference import build
from gapkit.results import Result
from gapkit.results.iwae_curve import group_sizes
from gapkit.results.posterior_draws import collapsed_samples
from gapkit.target import Target, recognise
from tests.engine.cheap import spec
from tests.engine.executors import BACKWARDS
from tests.yardsticks import GridModel, ppca


@pytest.fixture(scope="module")
def linear():
    """Twenty datapoints of a linear model whose encoder is wrong, in three units."""
    model = ppca("scaled", 0.8)
    x = model.sample(20, 0)
    return model, x, gapkit.analyze(model, x, spec())


@pytest.fixture(scope="module")
def images():
    """Pictures of 8 x 8 pixels and two latents."""
    torch.manual_seed(1)
    model = build("mlp_vae", x_shape=(8, 8), latent=2, hidden=(16,))
    with torch.no_grad():  # a decoder that says something, so that posteriors have a shape of their own
        for parameter in model.decoder.parameters():
            parameter.mul_(3.0)
    x = (torch.rand(12, 8, 8, generator=torch.Generator().manual_seed(2)) < 0.4).float()
    return model, x, gapkit.analyze(model, x, spec(families=("mean_field", "flow")), allow=["chance"])


def split_key(index, name="test", seed=0):
    return Key(int(np.random.SeedSequence([seed, *name.encode()]).generate_state(1)[0]), (index,))


# ---- nothing changes


def test_the_table_is_the_same_with_and_without(linear):
    model, x, result = linear
    without = gapkit.analyze(model, x, spec(details=0))
    assert without.to_frame().equals(result.to_frame())
    assert without.summary_values == result.summary_values
    assert without.run["decoder_evaluations"] == result.run["decoder_evaluations"]
    assert without.details == {}
    assert "details" not in without.run
    assert "details" not in without.run["seconds"]


def test_the_same_again_and_in_another_order_of_units(linear):
    model, x, result = linear
    state = torch.get_rng_state()
    turned = gapkit.analyze(model, x, spec(), executor=BACKWARDS)
    assert torch.equal(torch.get_rng_state(), state)
    assert turned.summary_values == result.summary_values
    assert turned.details.keys() == result.details.keys()
    for name, array in result.details.items():
        np.testing.assert_array_equal(turned.details[name], array)
    assert turned.run["details"] == result.run["details"]


def test_another_seed_gives_other_draws(linear):
    model, x, result = linear
    other = gapkit.analyze(model, x, spec(seed=1)).details
    assert not np.array_equal(other["worst_posterior_sample"], result.details["worst_posterior_sample"])


def test_progress_counts_the_further_stage(linear):
    model, x, _ = linear
    seen = []
    gapkit.analyze(model, {"a": x[:4], "b": x[4:8]}, spec(), progress=seen.append)
    assert (seen[-1].done, sum(step.stage == "details" for step in seen)) == (seen[-1].total, 1)


@pytest.mark.parametrize("made", [lambda: spec(details=-1), lambda: spec(iwae=Iwae(num_samples=0))])
def test_settings_out_of_range(made):
    with pytest.raises(InputError):
        made()


# ---- the latents, and the bound against draws


def test_divergences_are_the_encoders(linear):
    model, x, result = linear
    values = result.summary_values.splits["test"].latents
    q = model.encode(x).base_dist
    exact = torch.distributions.kl_divergence(q, Normal(torch.zeros(()).double(), torch.ones(()).double()))
    np.testing.assert_allclose(values.kl_per_dimension.mean, exact.mean(0))
    np.testing.assert_allclose(values.mean_variance, q.loc.var(0))
    assert (values.datapoints, values.dimensions, values.mixture_datapoints) == (20, 3, 20)
    assert 0 < values.mutual_information.mean < np.log(20)


def test_every_split_has_its_own(linear):
    model, x, result = linear
    both = gapkit.analyze(model, {"test": x, "train": x[:5]}, spec())
    splits = both.summary_values.splits
    assert splits["test"] == result.summary_values.splits["test"]
    assert splits["train"].latents.datapoints == splits["train"].iwae_curve.datapoints == 5
    assert both.run["details"]["split"] == "test"
    assert len(both.details["worst_index"]) == 8


def test_the_curve_ends_at_the_tables_bound_and_needs_no_further_draws(linear):
    _, _, result = linear
    values, rows = result.summary_values.splits["test"].iwae_curve, result.to_frame()
    assert [point.k for point in values.curve] == list(group_sizes(spec().iwae.num_samples))
    assert values.curve[-1].bound == pytest.approx(rows["iwae"].mean(), rel=1e-12)
    assert values.log_px == rows["log_px"].mean()
    assert values.left.mean == pytest.approx((rows["log_px"] - rows["iwae"]).mean(), rel=1e-9)


def test_the_first_point_of_the_curve_is_the_elbo_and_the_others_lie_between(linear):
    model, x, result = linear
    curve = result.summary_values.splits["test"].iwae_curve.curve
    elbo = model.log_px(x) - model.approximation_gap() - model.amortization_gap(x)
    assert curve[0].bound == pytest.approx(float(elbo.mean()), abs=4 * curve[0].below.se_monte_carlo + 0.02)
    bounds = [point.bound for point in curve]
    assert all(one < two + 0.02 for one, two in itertools.pairwise(bounds))
    assert bounds[-1] < float(model.log_px(x).mean()) + 0.05


@pytest.mark.parametrize("draws", [1, 3])
def test_few_draws_make_a_short_curve(draws, linear):
    model, x, _ = linear
    result = gapkit.analyze(model, x[:4], spec(iwae=Iwae(num_samples=draws)))
    assert [point.k for point in result.summary_values.splits["test"].iwae_curve.curve] == [1, 3][:draws]


# ---- pictures


def test_the_worst_are_those_of_the_table(linear, images):
    for _, x, result in (linear, images):
        worst = result.to_frame().sort_values("total_gap", ascending=False).head(8)
        indices = result.details["worst_index"]
        assert indices.tolist() == worst["index"].tolist() == result.run["details"]["worst"]
        np.testing.assert_array_equal(result.details["worst_x"], x[indices.tolist()].numpy().astype(np.float32))


def test_fewer_datapoints_than_asked_for(linear):
    model, x, _ = linear
    result = gapkit.analyze(model, x[:3], spec(details=5))
    assert result.details["worst_x"].shape == (3, 10)
    assert len(set(result.details["contours_index"].tolist())) == len(result.details["contours_index"]) == 3
    one = gapkit.analyze(model, x[:1], spec(details=5))
    assert one.details["contours_index"].tolist() == [0]


def test_reconstructions_are_decoded_draws(linear):
    model, x, result = linear
    for place, index in enumerate(result.details["worst_index"].tolist()):
        q = recognise(model.encode(x[index : index + 1]))
        z, _ = q.draw(split_key(index).streams("details/decoded", torch.float64), 32)
        expected = model.decode(z[:, 0]).mean.mean(0)
        np.testing.assert_allclose(result.details["worst_under_q"][place], expected, rtol=1e-5, atol=1e-6)
        # The best factorised q is centred at the posterior mean; 32 draws on the same noise as those of q.
        centre = model.posterior_mean(x[index : index + 1])[0]
        star = z[:, 0] - q.loc[0] + centre
        decoded = model.decode(star).mean.mean(0)
        np.testing.assert_allclose(result.details["worst_under_q_star"][place], decoded, atol=0.2)
        apart = np.abs(result.details["worst_under_q"][place] - decoded.numpy()).max()
        assert apart > 0.3 or model.amortization_gap(x)[index] < 2


@pytest.mark.parametrize("method", ["auto", "ais"])
def test_posterior_samples_are_from_the_posterior(method, linear):
    model, x, result = linear
    if method == "ais":  # then they are where chains ended
        chosen = replace(spec().evidence, method="ais", ais=Ais(num_chains=16, num_temperatures=20))
        other = gapkit.analyze(model, x, spec(evidence=chosen))
        one, two = (
            {
                i: made.details["worst_posterior_sample"][row]
                for row, i in enumerate(made.details["worst_index"].tolist())
            }
            for made in (result, other)
        )
        assert len(one.keys() & two.keys()) > 3
        assert all((one[index] != two[index]).any() for index in one.keys() & two.keys())
        result = other
    inverse = torch.linalg.pinv(model.weight)
    z = torch.as_tensor(result.details["worst_posterior_sample"]).double() @ inverse.T
    off = z - model.posterior_mean(x[result.details["worst_index"].tolist()])
    squares = torch.einsum("bi,ij,bj->b", off, model.precision, off)  # chi-squared with three degrees of freedom
    assert 0.8 < squares.mean() < 7.5
    assert squares.max() < 25


# ---- maps


def test_the_posterior_on_two_latents_is_exact(images):
    model, x, result = images
    maps = result.details
    log_px = GridModel(model, half_width=7.0, points=500).log_px(x[maps["contours_index"].tolist()])
    assert maps["contours_columns"].tolist() == ["true posterior", "q", "q* mean field", "q* flow"]
    for row, index in enumerate(maps["contours_index"].tolist()):
        first, second = np.meshgrid(maps["contours_x"][row], maps["contours_y"][row])
        z = torch.tensor(np.stack([first, second], -1).reshape(-1, 1, 2))
        with torch.no_grad():
            exact = Target(model, x[index : index + 1]).log_joint(z)[:, 0] - log_px[row]
            q = recognise(model.encode(x[index : index + 1])).log_prob(z)[:, 0]
        drawn = maps["contours_log_density"][row].reshape(4, -1)
        near = exact > exact.max() - 12
        np.testing.assert_allclose(drawn[0][near], exact[near], atol=0.03)
        np.testing.assert_allclose(drawn[1], q, atol=1e-3)
        cell = np.diff(maps["contours_x"][row])[0] * np.diff(maps["contours_y"][row])[0]
        for density in drawn:
            assert np.exp(density).sum() * cell == pytest.approx(1.0, abs=0.02)
        assert maps["contours_inside"][row][0] == pytest.approx(0.95, abs=0.01)


def test_rows_are_the_two_worst_and_two_typical_ones(linear):
    _, _, result = linear
    gaps = result.to_frame()["total_gap"]
    rows = result.details["contours_index"].tolist()
    assert rows[:2] == result.details["worst_index"].tolist()[:2]
    median = gaps[:8].median()  # of the first unit
    nearest = (gaps[:8] - median).abs().sort_values(kind="stable").index.tolist()
    assert rows[2:] == [index for index in nearest if index not in rows[:2]][:2]


def test_the_plane_of_more_latents(linear):
    """A Gaussian posterior: its draws, and the marginals of q, are known in any plane."""
    model, x, result = linear
    maps = result.details
    rows = maps["contours_index"].tolist()
    mean, q = model.posterior_mean(x), recognise(model.encode(x))
    for row, index in enumerate(rows):
        origin, *axes = maps["contours_plane"][row].astype(float)
        axes = np.array(axes)
        np.testing.assert_allclose(origin, q.loc[index], rtol=1e-5)
        # In units of q's standard deviations the axes are orthonormal.
        scaled = axes * q.scale[index].numpy()
        np.testing.assert_allclose(scaled @ scaled.T, np.eye(2), atol=1e-5)
        centre = axes @ (mean[index].numpy() - origin)
        spread = axes @ model.covariance.numpy() @ axes.T
        points = maps["contours_points"][row]
        error = np.sqrt(np.diag(spread) / maps["contours_effective"][row].clip(max=300))
        assert (np.abs(points.mean(0) - centre) < 4.5 * error).all()
        np.testing.assert_allclose(np.cov(points.T), spread, atol=0.35 * np.diag(spread).max())
        # The encoder's q is standard normal there; the full-rank q* is the posterior itself.
        grid = np.stack(np.meshgrid(maps["contours_x"][row], maps["contours_y"][row]), -1)
        standard = -0.5 * (grid**2).sum(-1) - np.log(2 * np.pi)
        np.testing.assert_allclose(maps["contours_log_density"][row][1], standard, atol=1e-3)
        exact = torch.distributions.MultivariateNormal(torch.tensor(centre), torch.tensor(spread))
        whole = exact.log_prob(torch.tensor(grid).double()).numpy()
        near = whole > whole.max() - 6
        np.testing.assert_allclose(maps["contours_log_density"][row][3][near], whole[near], atol=0.5)
        assert np.isnan(maps["contours_log_density"][row][0]).all()
        assert maps["contours_inside"][row][3] == pytest.approx(0.95, abs=0.06)


# ---- files


def test_round_trip(images, tmp_path):
    _, _, result = images
    folder = result.save(tmp_path / "run")
    assert sorted(path.name for path in folder.iterdir()) == [
        "datapoints.parquet",
        "details.npz",
        "run.json",
        "summary.json",
    ]
    again = Result.load(folder)
    assert again.details.keys() == result.details.keys()
    for name, array in result.details.items():
        assert again.details[name].dtype == array.dtype
        np.testing.assert_array_equal(again.details[name], array)
    assert again.summary_values.splits["test"].latents == result.summary_values.splits["test"].latents


def test_effective_draws_are_stored_and_runs_before_them_are_read(linear, tmp_path):
    _, _, result = linear
    assert (result.details["worst_effective"] > 2).all()  # the proposals of a linear model are its posteriors
    assert not collapsed_samples(result.details).any()
    before = {name: array for name, array in result.details.items() if name != "worst_effective"}
    folder = replace(result, details=before).save(tmp_path / "run")
    assert not collapsed_samples(Result.load(folder).details).any()


def test_results_without_details_have_no_file(linear, tmp_path):
    _, _, result = linear
    bare = Result(result.datapoints, result.summary_values, result.run)
    folder = bare.save(tmp_path / "run")
    assert not (folder / "details.npz").exists()
    assert Result.load(folder).details == {}


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_named(linear, tmp_path, content):
    _, _, result = linear
    folder = result.save(tmp_path / "run")
    (folder / "details.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"empty|damaged"):
        Result.load(folder)


def test_nothing_is_unpickled(linear, tmp_path):
    _, _, result = linear
    folder = result.save(tmp_path / "run")
    np.savez(folder / "details.npz", worst_index=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="an object array, which is a pickle"):
        Result.load(folder)
