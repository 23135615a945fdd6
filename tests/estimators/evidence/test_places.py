"""Gaussians at places beyond a proposal: importance weights then see what they missed."""

import torch

from gapkit.estimators.evidence import Policy, with_places
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture
from tests.estimators.evidence.shapes import DOUBLE, evidence, log_gamma


def mixture(size, dim=2):
    components = tuple(
        DiagonalGaussian(torch.full((size, dim), loc, dtype=DOUBLE), torch.full((size, dim), scale, dtype=DOUBLE))
        for loc, scale in ((0.0, 0.1), (1.0, 0.5))
    )
    return Mixture(torch.full((2, size), 0.5, dtype=DOUBLE).log(), components)


def test_places_are_covered_and_the_encoder_stays_last():
    q = mixture(3)
    z = 5.0 + 0.1 * torch.randn(12, 3, 2, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    beyond = torch.zeros(12, 3, dtype=torch.bool)
    beyond[:, 1] = True
    more = with_places(q, z, beyond)
    assert more.components[0] is q.components[0]
    assert more.components[-1] is q.components[-1]
    torch.testing.assert_close(more.log_weights.exp().sum(0), torch.ones(3, dtype=DOUBLE))
    before, after = q.log_prob(z), more.log_prob(z)
    assert float(after[:, 1].min()) > -2.0 > -20.0 > float(before[:, 1].max())
    torch.testing.assert_close(after[:, [0, 2]], before[:, [0, 2]], rtol=0, atol=0)


def test_nothing_beyond_changes_nothing():
    q = mixture(2)
    assert with_places(q, torch.zeros(4, 2, 2, dtype=DOUBLE), torch.zeros(4, 2, dtype=torch.bool)) is q


def test_places_that_lie_in_one_point_or_on_a_line_make_sound_gaussians():
    z = torch.zeros(6, 2, 2, dtype=DOUBLE)
    z[:, 1, 0] = torch.arange(6)
    more = with_places(mixture(2), z, torch.ones(6, 2, dtype=torch.bool))
    pieces = [part for part in more.components if isinstance(part, FullRankGaussian)]
    assert all(bool(part.scale_tril.isfinite().all()) for part in pieces)
    u = torch.randn(50, 2, 3, generator=torch.Generator().manual_seed(2), dtype=DOUBLE)
    drawn, log_q = more.push(u)
    assert bool(drawn.isfinite().all() & log_q.isfinite().all())


def test_the_estimate_says_how_much_lies_beyond_its_proposal():
    """Half as wide as it should be, a proposal leaves posterior mass where its density is e^2 times too low."""
    model, x, q, _ = log_gamma(3, 6)
    policy = Policy(control=0.0, refinements=0)
    good, _ = evidence(model, x, q, policy)
    narrow, _ = evidence(model, x, DiagonalGaussian(q.loc, 0.5 * q.scale), policy)
    assert float(good.mixture.diagnostics["beyond"].mean()) < float(narrow.mixture.diagnostics["beyond"].mean())
    assert bool(((narrow.mixture.diagnostics["beyond"] >= 0) & (narrow.mixture.diagnostics["beyond"] <= 1)).all())
