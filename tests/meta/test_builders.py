"""Meta data sets: shifts with known truth, warped images, exponential families, the inclined plane; support sets."""

import math

import numpy as np
import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.estimators import Elbo
from gapkit.meta import (
    FAMILIES,
    InclinedPlane,
    MetaData,
    draw_sets,
    points_of,
    probe_accuracy,
    rotations,
    scales,
    shears,
    shifted_encoders,
    shifted_model,
    shifts,
    support_of,
)
from gapkit.meta.images import SPLITS, split_of
from gapkit.models.encoding import encoded
from gapkit.models.reference import build
from gapkit.target import Target, recognise


def images(count, side=4, seed=0):
    return torch.bernoulli(torch.full((count, 1, side, side), 0.4), generator=torch.Generator().manual_seed(seed))


def test_a_support_set_is_of_the_same_data_set_and_without_the_point_itself():
    x, dataset = torch.arange(40.0).unsqueeze(1), torch.arange(40) % 4
    support = support_of(x, dataset, 9, seed=0).squeeze(2)
    assert (support.long() % 4 == dataset.unsqueeze(1)).all()
    for row, own in zip(support, x, strict=True):
        assert len(set(row.tolist()) | {float(own)}) == 10
    assert not torch.equal(support, support_of(x, dataset, 9, seed=1).squeeze(2))
    with pytest.raises(InputError, match="9 others"):
        support_of(x, dataset, 10, seed=0)


def test_points_come_data_set_by_data_set_with_the_whole_of_it_to_choose_from():
    data = MetaData(torch.zeros(3, 4, 1), torch.arange(15.0).reshape(3, 5, 1), torch.tensor([True, False, True]))
    points = points_of(data, [2, 0], 4, most=2)
    assert points.x.flatten().tolist() == [10, 11, 2, 3]
    assert points.dataset.tolist() == [2, 2, 0, 0]
    assert sorted(points.support[0].flatten().tolist()) == [11, 12, 13, 14]


def test_data_sets_that_do_not_belong_together_are_refused():
    x = torch.zeros(3, 4, 2)
    with pytest.raises(InputError, match="give"):
        MetaData(x, x[:2], torch.ones(3, dtype=torch.bool))
    with pytest.raises(InputError, match="held out"):
        MetaData(x, x, torch.zeros(3, dtype=torch.bool))


def test_a_file_has_what_the_command_line_reads(tmp_path):
    data = shifts(images(5), images(3), held_out=4, train_labels=torch.arange(5), test_labels=torch.arange(3))
    with np.load(data.save(tmp_path / "sets.npz")) as file:
        assert file["x_test"].shape == (48, 1, 4, 4)
        assert file["dataset_test"].tolist() == [*range(16)] * 3  # the first sixteen are of all data sets
        assert file["y_train"].tolist() == [label for label in range(5) for _ in range(16)]
        np.testing.assert_array_equal(file["x_test"][16 + 7], data.test[7, 1])
        assert file["seen"].sum() == 12


def test_log_p_and_the_elbo_of_a_shifted_image_are_those_of_the_image():
    torch.manual_seed(0)
    base = build("mlp_vae", x_shape=(1, 4, 4), latent=2, hidden=(8,)).double()
    data = shifts(images(5), images(3), held_out=4)
    model = shifted_model(base, data, hidden=(7,), summary=5, set_hidden=()).double()
    each = shifted_encoders(base, model, data)
    number = data.names.index("1,3")
    x, moved = images(3).double(), images(3).double().roll((1, 3), (2, 3))
    assert torch.equal(data.test[number], images(3).roll((1, 3), (2, 3)))
    c = {"dataset": torch.full((3,), number)}
    elbo, key = Elbo(num_samples=40), Key(0, (0, 1, 2))
    plain = elbo.on(Target(base, x), recognise(encoded(base, x)), key)
    shifted = elbo.on(Target(each, moved, condition=c), recognise(encoded(each, moved, c)), key)
    torch.testing.assert_close(shifted.draws, plain.draws, rtol=0, atol=1e-12)


def test_warped_images_keep_what_they_should():
    x = images(3, side=8)
    turned = rotations(x, x)
    still = turned.names.index("0")
    torch.testing.assert_close(turned.train[still], x, rtol=0, atol=1e-6)
    torch.testing.assert_close(turned.train[turned.names.index("-180")], x.flip(2, 3), rtol=0, atol=1e-5)
    quarter = turned.train[turned.names.index("-100")]
    assert quarter.shape == x.shape
    larger = scales(x, x)
    torch.testing.assert_close(larger.train[larger.names.index("1.0")], x, rtol=0, atol=1e-6)
    assert larger.train[larger.names.index("0.5")].sum() < 0.5 * x.sum()
    sheared = shears(x, x)
    torch.testing.assert_close(sheared.train[sheared.names.index("0")], x, rtol=0, atol=1e-6)
    assert len(turned.train) == len(sheared.train) == 18
    assert len(larger.train) == 15


@pytest.mark.parametrize("move", [rotations, shears, scales])
def test_an_image_that_is_not_square_moves_as_in_a_square_one(move):
    x = images(2, side=6)
    wide = torch.nn.functional.pad(x, (5, 5, 0, 0))  # 6 by 16
    tall = torch.nn.functional.pad(x, (5, 5, 5, 5))  # 16 by 16
    torch.testing.assert_close(move(wide, wide).train, move(tall, tall).train[..., 5:11, :], rtol=0, atol=1e-5)


def test_splits_of_a_transformation():
    assert [split_of(6, how).nonzero().flatten().tolist() for how in SPLITS] == [[0, 2, 4], [0, 4], [0, 1, 2]]
    with pytest.raises(InputError, match="interleaved"):
        split_of(6, "every third")


@pytest.mark.parametrize("family", FAMILIES)
def test_sets_of_a_family_have_the_mean_and_spread_that_are_told(family):
    low, high = FAMILIES[family].trained
    parameter = torch.linspace(low, high, 5)
    x, z = draw_sets(family, parameter, 4000, torch.Generator().manual_seed(0))
    assert x.shape == (5, 4000, 2)
    values = x.flatten(1).double()
    error = values.std(1) / values.shape[1] ** 0.5
    assert ((values.mean(1) - z[:, 0]).abs() < 5 * error).all()
    assert ((values.std(1).log() - z[:, 1]).abs() < 0.1).all()


def test_a_tenth_is_the_variance_of_the_gaussian_sets_and_not_their_standard_deviation():
    x, z = draw_sets("gaussian", torch.tensor([2.0]), 20_000, torch.Generator().manual_seed(0))
    assert float(x.var()) == pytest.approx(0.1, rel=4 * (2 / x.numel()) ** 0.5)
    assert float(z[0, 1].exp()) == pytest.approx(0.1**0.5)


def test_the_plane_by_its_formula_and_its_posterior_by_the_sum():
    plane = InclinedPlane()
    z, degrees = torch.tensor([0.2, 0.3]), torch.tensor([30.0, 50.0])
    t = plane.time(z, torch.tensor([2.0, 4.0]), degrees)
    acceleration = 9.81 * (torch.deg2rad(degrees).sin() - z * torch.deg2rad(degrees).cos())
    torch.testing.assert_close(0.5 * acceleration * t.square(), torch.tensor([2.0, 4.0]))
    grid, log_p = plane.log_posterior(t, torch.tensor([2.0, 4.0]), degrees)
    width = grid[:, 1] - grid[:, 0]
    torch.testing.assert_close((log_p.exp().sum(1) * width).float(), torch.ones(2))
    mean = (log_p.exp() * grid).sum(1) * width
    assert ((mean - z).abs() < 0.05).all()
    drawn, _ = plane.draw(torch.full((3,), 2.0), torch.tensor([20.0, 40.0, 60.0]), 500, torch.Generator())
    assert (drawn.max(1).values < plane.most(torch.tensor([20.0, 40.0, 60.0]))).all()


def test_the_probe_is_right_where_classes_are_apart_and_at_chance_where_they_are_not():
    generator = torch.Generator().manual_seed(0)
    noise, labels = torch.randn(600, 5, generator=generator), torch.arange(600) % 3
    apart = noise + 8 * torch.nn.functional.one_hot(labels, 5)
    assert probe_accuracy(apart[:300], labels[:300], apart[300:], labels[300:])[0] > 0.99
    right, error = probe_accuracy(noise[:300], labels[:300], noise[300:], labels[300:])
    assert abs(right - 1 / 3) < 4 * error
    assert error == pytest.approx(math.sqrt(right * (1 - right) / 300))
