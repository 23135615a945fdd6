"""Densities in float32 keep their digits for concentrations of any size: held to SciPy's in float64."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from gapkit.families import LogGamma, LogitBeta, LogRatioDirichlet, LogWeibull

SIZES = [1e-2, 0.1, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6]


def gamma(a):
    """Of mean 1 where a is large, so that y itself has digits enough; three latents."""
    q = LogGamma(torch.full((1, 3), -np.log(max(a, 1.0)), dtype=torch.float32), torch.full((1, 3), a))

    def exact(y):
        t = y - q.place.numpy().astype(float)
        return stats.loggamma(q.concentration.numpy().astype(float)).logpdf(t).sum(-1)

    return q, exact


def weibull(a):
    q = LogWeibull(torch.zeros(1, 3), torch.full((1, 3), a))
    k = q.concentration.numpy().astype(float)
    return q, lambda y: (np.log(k) + k * y - np.exp(k * y)).sum(-1)


def beta(a, b):
    q = LogitBeta(torch.tensor([a, b]).expand(1, 3, 2))
    a, b = q.concentration.numpy().astype(float)[0, 0]
    return q, lambda y: (-a * np.logaddexp(0.0, -y) - b * np.logaddexp(0.0, y) - special.betaln(a, b)).sum(-1)


def dirichlet(*parts):
    q = LogRatioDirichlet(torch.tensor(parts).reshape(1, 1, -1))
    a = q.concentration.numpy().astype(float)[0, 0]

    def exact(y):
        logs = special.log_softmax(np.concatenate([y, np.zeros_like(y[..., :1])], -1), -1)
        return (a * logs).sum(-1) + special.gammaln(a.sum()) - special.gammaln(a).sum()

    return q, exact


KINDS = {
    "gamma": gamma,
    "weibull": weibull,
    "beta": lambda a: beta(a, 2 * a),
    "beta of one side": lambda a: beta(a, 1.0),
    "dirichlet": lambda a: dirichlet(a, 2 * a, 3 * a, 4 * a),
    "dirichlet of one part": lambda a: dirichlet(a, 1.0, 1.0, 2.0),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_densities_in_float32(kind, size):
    """At the same y; as q sees them at its own draws, and as a prior does at those of a wider or narrower q."""
    q, exact = KINDS[kind](size)
    u = torch.randn(400, 1, q.dim, generator=torch.Generator().manual_seed(0))
    for stretch in (1.0, 3.0):
        y = q.forward(stretch * u)
        truth = exact(y.double().numpy())
        off = q.log_prob(y).double().numpy() - truth
        assert np.abs(off.mean()) < 2e-4
        assert np.abs(off).max() < 2e-3 * stretch  # what the slope of the density makes of the last digit of y


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_in_float32(kind, size):
    q, _ = KINDS[kind](size)
    names = q.positive
    found = {}
    for dtype in (torch.float32, torch.float64):
        part = q.of(**{name: value.to(dtype).clone().requires_grad_(True) for name, value in q.tensors().items()})
        y = q.forward(torch.randn(50, 1, q.dim, generator=torch.Generator().manual_seed(0))).to(dtype)
        y.requires_grad_(True)
        leaves = [y, *(part.tensors()[name] for name in names)]
        found[dtype] = torch.autograd.grad(part.log_prob(y).sum(), leaves)
    (slope, *rest), (exact, *others) = found.values()
    width = q.marginal_scale()
    assert float(((slope - exact) * width).abs().max()) < 2e-3  # in standard deviations
    for name, ours, theirs in zip(names, rest, others, strict=True):
        unit = q.tensors()[name]  # a fit moves them by factors
        assert float(((ours - theirs) * unit).abs().max()) < 2e-3 * 50**0.5 * max(1.0, size**0.5), name
