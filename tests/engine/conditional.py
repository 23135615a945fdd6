"""Conditional models whose log p(x|c) is known."""

import math

import torch
from torch.distributions import Independent, MultivariateNormal, Normal


class ConditionalLinearGaussian:
    """p(z|c) = N(A c, diag(s_c^2)), p(x|z, c) = N(W z + V c, sigma^2): with or without c in each of the three.

    The encoder is the exact posterior moved by ``shift`` and widened by ``widen``, so that its gaps are known too.
    """

    def __init__(self, in_prior=True, in_decode=True, shift=0.0, widen=1.0, seed=0):
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape):
            return torch.randn(*shape, generator=generator)

        self.in_prior, self.in_decode, self.shift, self.widen = in_prior, in_decode, shift, widen
        self.w, self.v, self.a = draw(6, 2), draw(6, 3), draw(2, 3)
        self.sigma = 0.7

    def _prior(self, c):
        if not self.in_prior:
            return torch.zeros(len(c), 2), torch.ones(len(c), 2)
        return c @ self.a.T, torch.exp(0.3 * c[:, :2])

    def _mean(self, c):
        return c @ self.v.T if self.in_decode else torch.zeros(len(c), 6)

    def posterior(self, x, c):
        loc, scale = self._prior(c)
        precision = self.w.T @ self.w / self.sigma**2 + torch.diag_embed(scale.pow(-2))
        pull = (x - self._mean(c)) @ self.w / self.sigma**2 + loc * scale.pow(-2)
        return torch.linalg.solve(precision, pull.unsqueeze(-1)).squeeze(-1), torch.linalg.inv(precision)

    def log_evidence(self, x, c):
        loc, scale = self._prior(c)
        cov = self.w @ torch.diag_embed(scale.square()) @ self.w.T + self.sigma**2 * torch.eye(6)
        return MultivariateNormal(loc @ self.w.T + self._mean(c), cov).log_prob(x)

    def simulate(self, c, seed):
        generator = torch.Generator().manual_seed(seed)
        loc, scale = self._prior(c)
        z = loc + scale * torch.randn(loc.shape, generator=generator)
        return z @ self.w.T + self._mean(c) + self.sigma * torch.randn(len(c), 6, generator=generator)

    def encode(self, x, c):
        loc, cov = self.posterior(x, c)
        tril = torch.linalg.cholesky(cov)
        return MultivariateNormal(loc + self.shift, scale_tril=self.widen * tril, validate_args=False)

    def bound(self, x, c):
        """L[q] of :meth:`encode`."""
        q, (loc, cov) = self.encode(x, c), self.posterior(x, c)
        return self.log_evidence(x, c) - torch.distributions.kl_divergence(q, MultivariateNormal(loc, cov))

    def decode(self, z, c=None):
        mean = z @ self.w.T + (self._mean(c) if self.in_decode else 0.0)
        return Independent(Normal(mean, self.sigma, validate_args=False), 1, validate_args=False)

    def prior(self, c=None):
        loc, scale = self._prior(c) if self.in_prior else (torch.zeros(2), torch.ones(2))
        return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)


class Squared:
    """One latent, two modes: p(x|z, c) = N(a_c z^2, 0.1^2) for two numbers, and an encoder at the positive one.

    ``in_prior`` puts the prior's centre at -1 or 1, so that its draws must follow c.
    """

    def __init__(self, in_prior=False):
        self.scales, self.in_prior = torch.tensor([0.5, 1.0, 2.0]), in_prior

    def encode(self, x, c):
        loc = (x.mean(1).clamp(min=0.05) / self.scales[c]).sqrt()
        return Independent(Normal(loc.unsqueeze(1), 0.1 * torch.ones(len(x), 1), validate_args=False), 1)

    def decode(self, z, c):
        mean = (self.scales[c].unsqueeze(1) * z.square()).expand(-1, 2)
        return Independent(Normal(mean, 0.1, validate_args=False), 1, validate_args=False)

    def _centre(self, c):
        return (c - 1.0) * 0.5 if self.in_prior else torch.zeros(len(c))

    def prior(self, c):
        loc = self._centre(c).unsqueeze(1)
        return Independent(Normal(loc, torch.ones_like(loc), validate_args=False), 1, validate_args=False)

    def log_evidence(self, x, c):
        grid = torch.linspace(-6.0, 6.0, 40_001, dtype=torch.float64)
        found = []
        for row, kind in zip(x.double(), c, strict=True):
            centre = float(self._centre(kind.reshape(1)))
            log_prior = -0.5 * (grid - centre).square() - 0.5 * math.log(2 * math.pi)
            mean = float(self.scales[kind]) * grid.square()
            log_lik = Normal(mean.unsqueeze(1), 0.1).log_prob(row).sum(1)
            found.append(torch.logsumexp(log_prior + log_lik, 0) + math.log(float(grid[1] - grid[0])))
        return torch.stack(found)
