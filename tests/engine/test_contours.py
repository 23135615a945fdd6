"""Maps of posteriors: the plane where q is worst, and q* of every family."""

import numpy as np
import pytest
import torch
from torch.distributions import (
    Independent,
    MultivariateNormal,
    Normal,
)

import gapkit
from gapkit.target import Target, recognise
from tests.engine.cheap import short, spec
from tests.yardsticks import LinearGaussian, ppca


def test_the_plane_is_where_q_is_worst():
    """Six latents of which the encoder errs in one alone: the first axis is that one, however wide the others are."""

    class Shifted(LinearGaussian):
        def encode(self, x):
            q = super().encode(x)
            shift = torch.zeros(6, dtype=torch.float64)
            shift[4] = 3.0
            return Independent(Normal(q.base_dist.loc + shift * q.base_dist.scale, q.base_dist.scale), 1)

    model = Shifted(np.diag([0.1, 0.1, 0.1, 0.1, 5.0, 1.0]))
    result = gapkit.analyze(model, model.sample(6, 0), spec())
    for row, index in enumerate(result.details["contours_index"].tolist()):
        scale = recognise(model.encode(model.sample(6, 0))).scale[index].numpy()
        first = result.details["contours_plane"][row][1] * scale
        assert abs(first[4]) > 0.98
        assert np.abs(result.details["contours_points"][row][:, 0].mean()) == pytest.approx(3.0, abs=0.4)
        assert result.details["contours_inside"][row][1] < 0.45
        assert result.details["contours_inside"][row][2] > 0.85


@pytest.mark.parametrize("family", ["low_rank", "auxiliary", "mixture"])
def test_maps_of_every_family(family):
    model = ppca("scaled", 0.8)
    x = model.sample(3, 0)
    result = gapkit.analyze(model, x, short(families=("mean_field", family), details=2))
    maps = result.details
    assert "skipped" not in result.run["details"]
    assert maps["contours_columns"].tolist()[-1] == f"q* {family.replace('_', ' ')}"
    for row in range(len(maps["contours_index"])):
        cell = np.diff(maps["contours_x"][row])[0] * np.diff(maps["contours_y"][row])[0]
        total = np.exp(maps["contours_log_density"][row][3]).sum() * cell
        assert total == pytest.approx(1.0, abs=0.06)


def test_a_flat_cloud_of_draws_has_no_plane():
    from gapkit.engine.contours import plane_of

    with pytest.raises(ValueError, match="too few"):
        plane_of(np.ones((50, 4)), np.zeros(4), np.ones(4))


def test_a_mixture_of_wide_gaussians_in_the_plane():
    from gapkit.engine.contours import _log_density
    from gapkit.families.gaussian_mixture import GaussianMixture

    generator = torch.Generator().manual_seed(0)
    tril = torch.randn(1, 2, 3, 3, generator=generator).tril()
    tril.diagonal(dim1=-2, dim2=-1).abs_()
    q = GaussianMixture(torch.randn(1, 2, generator=generator), torch.randn(1, 2, 3, generator=generator), tril)
    plane = np.random.default_rng(0).normal(size=(3, 3))
    grid = np.random.default_rng(1).normal(size=(5, 2))
    target = Target(ppca(), ppca().sample(1, 0))
    found = _log_density(q, plane, grid, target)
    axes = torch.tensor(plane[1:]).float()
    parts = [
        MultivariateNormal(
            axes @ (q.means[0, k] - torch.tensor(plane[0]).float()), (axes @ tril[0, k]) @ (axes @ tril[0, k]).T
        )
        for k in range(2)
    ]
    points = torch.tensor(grid).float()
    exact = torch.logsumexp(
        torch.stack([w + p.log_prob(points) for w, p in zip(q.log_weights[0].log_softmax(0), parts, strict=True)]), 0
    )
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-4)
