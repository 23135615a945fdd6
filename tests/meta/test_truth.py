"""The linear-Gaussian meta model: gaps by formula, by sampling, by a trained set encoder, and on the ladder."""

import numpy as np
import pytest
import torch

from gapkit.meta import (
    LinearGaussianMeta,
    MetaTrainConfig,
    analyze_meta,
    fit_each_dataset,
    over_datasets,
    points_of,
    train_meta,
)
from gapkit.meta.ladder import by_dataset
from gapkit.results.summary import summarise_values

EXACT = LinearGaussianMeta()
KNOWN = {0: 0.33333, 1: 0.20000, 5: 0.07692, 10: 0.04348, 20: 0.02326}
NETS = {"hidden": (32, 32), "summary": 8, "set_hidden": (32,), "with_size": True}


@pytest.mark.parametrize(("size", "gap"), KNOWN.items())
def test_the_formula_is_what_the_best_encoder_loses(size, gap):
    assert EXACT.meta_gap(size) == pytest.approx(gap, abs=5e-6)
    drawn = EXACT.data(40_000, 1, test=size + 1, seed=3)
    x, support = drawn.test[:, 0], drawn.test[:, 1:]
    lost = EXACT.loss(*EXACT.best(x, support), x, drawn.truth)
    assert float(lost.mean()) == pytest.approx(gap, abs=4 * float(lost.std()) / len(lost) ** 0.5)


def test_the_posterior_and_the_evidence_are_those_of_the_model():
    data = EXACT.data(5, 4, test=3)
    model = EXACT.model(data.truth, **NETS)
    condition = {"dataset": torch.arange(5).repeat_interleave(3)}
    x, theta = data.test.flatten(0, 1), data.truth.repeat_interleave(3, 0)
    mean, variance = EXACT.posterior(x, theta)
    for z in (mean, mean + 1.3):
        joint = model.decode(z, condition).log_prob(x) + model.prior().log_prob(z)
        posterior = torch.distributions.Normal(mean, variance**0.5).log_prob(z)[:, 0]
        torch.testing.assert_close(joint - posterior, EXACT.log_px(x, theta)[:, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_intervals_over_data_sets_hold_the_formula_as_often_as_they_say():
    inside, plain, rounds, count = 0, 0, 400, 40
    for seed in range(rounds):
        drawn = EXACT.data(count, 1, test=60, seed=seed)
        points = points_of(drawn, range(count), 10, seed=seed, most=10)
        lost = EXACT.loss(*EXACT.best(points.x, points.support), points.x, drawn.truth[points.dataset])[:, 0].numpy()
        low, high = by_dataset(lost, np.zeros_like(lost), points.dataset.numpy()).ci95
        inside += low <= EXACT.meta_gap(10) <= high
        low, high = summarise_values(lost, np.zeros_like(lost)).ci95
        plain += low <= EXACT.meta_gap(10) <= high
    error = (0.95 * 0.05 / rounds) ** 0.5
    assert abs(inside / rounds - 0.95) < 3 * error
    assert plain / rounds < 0.95 - 3 * error  # datapoints of a data set are not drawn each by itself


@pytest.fixture(scope="module")
def trained():
    """One set encoder for support sets of every size up to 20, trained by the MetaELBO with the decoders known."""
    torch.manual_seed(0)
    data = EXACT.data(2000, 60)
    config = MetaTrainConfig(
        steps=1500,
        datasets_per_step=256,
        queries=2,
        context_size=20,
        any_size=True,
        learning_rate=4e-3,
        known=True,
    )
    return train_meta(EXACT.model(data.truth, **NETS), data, config).model


@pytest.mark.slow
@pytest.mark.parametrize(("size", "gap"), KNOWN.items())
def test_a_trained_set_encoder_comes_within_a_hundredth_of_the_formula(trained, size, gap):
    fresh = EXACT.data(40_000, 1, test=size + 1, seed=9)
    x, support = fresh.test[:, 0], fresh.test[:, 1:]
    with torch.no_grad():
        q = trained.encode(x, {"dataset": torch.zeros(len(x), dtype=torch.long), "support": support})
    lost = EXACT.loss(q.mean, q.variance, x, fresh.truth)
    # The same draws make up most of the error: that of the best encoder on them is known.
    best = EXACT.loss(*EXACT.best(x, support), x, fresh.truth)
    assert gap + float((lost - best).mean()) == pytest.approx(gap, abs=0.01)
    assert float(lost.mean()) == pytest.approx(gap, abs=0.01 + 4 * float(lost.std()) / len(lost) ** 0.5)


@pytest.fixture(scope="module")
def whole():
    """Trained, with an encoder for each data set, and analysed: the data sets, the model, the result."""
    torch.manual_seed(0)
    data = EXACT.data(40, 500, held_out=10, test=60)
    config = MetaTrainConfig(
        steps=500, datasets_per_step=30, queries=8, context_size=10, learning_rate=4e-3, known=True
    )
    # With a linear r the best encoders of the data sets are in their class: then their gap is zero.
    nets = {**NETS, "hidden": (), "with_size": False}
    meta = train_meta(EXACT.model(data.truth, **nets), data, config).model
    each = MetaTrainConfig(
        steps=500, datasets_per_step=40, queries=60, context_size=10, learning_rate=2e-3, num_samples=16
    )
    model = fit_each_dataset(meta, data, each).model
    return data, model, analyze_meta(model, data, 10, most=10, effort="quick")


@pytest.mark.slow
def test_all_of_the_gap_is_the_third_one(whole):
    data, model, result = whole
    summary = result.summary_values.quantities
    assert abs(summary["approximation_gap"].mean) < 4 * summary["approximation_gap"].se_monte_carlo
    amortization = summary["amortization_gap"]
    assert abs(amortization.mean) < 4 * amortization.se_monte_carlo
    points = points_of(data, data.seen_ones, 10, most=10)
    with torch.no_grad():
        q = model.encode(points.x, points.condition)
    lost = EXACT.loss(q.mean, q.variance, points.x, data.truth[points.dataset])[:, 0].numpy()
    frame = result.to_frame().query("split == 'seen'")
    both = frame["meta_amortization_gap"] + frame["amortization_gap"]
    error = np.hypot(frame["meta_amortization_gap_se"], frame["amortization_gap_se"])
    apart = np.abs(both - lost)
    assert apart.mean() < 1.5 * error.mean() + 1e-4
    assert (apart < 4 * error + 1e-4).mean() > 0.98  # errors are of a few hundred draws of a square
    assert abs((both - lost).mean()) < 4 * np.sqrt((error**2).sum()) / len(error) + 1e-4


@pytest.mark.slow
def test_the_parts_sum_to_the_total_and_both_kinds_of_data_sets_are_told(whole):
    _, _, result = whole
    frame = result.to_frame()
    parts = frame["approximation_gap"] + frame["amortization_gap"] + frame["meta_amortization_gap"]
    np.testing.assert_allclose(parts, frame["total_gap"], atol=1e-6)
    np.testing.assert_allclose(frame["log_px"] - frame["elbo"], frame["total_gap"], atol=1e-6)
    splits = result.summary_values.splits
    assert [*splits] == ["seen", "held_out"]
    assert [len(splits[name].classes) for name in splits] == [30, 10]
    assert "meta_amortization_gap" in splits["seen"].classes[0].quantities
    assert result.run["meta"]["context_size"] == 10
    means = over_datasets(result)
    for name, split in splits.items():
        for gap, found in means[name].items():  # as many datapoints of each, so that only the errors differ
            assert found.mean == pytest.approx(split.quantities[gap].mean, abs=1e-9)
            assert found.count == len(split.classes)


@pytest.mark.slow
def test_the_ladder_goes_through_reports_and_files(whole, tmp_path, no_pictures):
    from gapkit.report import build, render
    from gapkit.results import Result

    _, _, result = whole
    loaded = Result.load(result.save(tmp_path / "run"))
    assert loaded.summary_values == result.summary_values
    page = render(build(loaded))
    assert "L[f_i]" in page
    assert "Meta-amortization gap" in page
