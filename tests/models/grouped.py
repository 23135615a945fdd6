"""Models with two groups of latents whose answers are known exactly."""

import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal

from gapkit.models import LatentGroups


class TwoGroups(LatentGroups):
    """z2 ~ N(0, I), z1|z2 ~ N(A z2, s1^2), x|z1 ~ N(W z1, s^2); q(z1|x) and q(z2|z1) factorised, in that order.

    ``factor`` multiplies the mean of q(z1|x), ``slope`` that of q(z2|z1); 1 and 1 is the best member of the family.
    """

    groups, inferred = {"z2": 2, "z1": 3}, ("z1", "z2")

    def __init__(self, factor=1.0, slope=1.0, seed=3, dtype=torch.float64):
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.a = torch.randn(3, 2, generator=draw, dtype=dtype)
        self.w = torch.randn(6, 3, generator=draw, dtype=dtype)
        self.s1, self.s = 0.7, 0.5
        self.factor, self.slope = factor, slope
        eye2, eye3 = torch.eye(2, dtype=dtype), torch.eye(3, dtype=dtype)
        cov1 = self.a @ self.a.T + self.s1**2 * eye3
        self.precision1 = torch.linalg.inv(cov1) + self.w.T @ self.w / self.s**2
        self.to_mean1 = torch.linalg.solve(self.precision1, self.w.T) / self.s**2
        self.precision2 = eye2 + self.a.T @ self.a / self.s1**2
        self.to_mean2 = torch.linalg.solve(self.precision2, self.a.T) / self.s1**2
        noise = self.s**2 * torch.eye(6, dtype=dtype)
        self.marginal = MultivariateNormal(torch.zeros(6, dtype=dtype), self.w @ cov1 @ self.w.T + noise)

    def infer(self, name, features, drawn):
        if name == "z1":
            return Normal(self.factor * features @ self.to_mean1.T, self.precision1.diagonal().rsqrt())
        return Normal(self.slope * drawn["z1"] @ self.to_mean2.T, self.precision2.diagonal().rsqrt())

    def generate(self, name, drawn):
        return Normal(self.a.new_zeros(2), 1.0) if name == "z2" else Normal(drawn["z2"] @ self.a.T, self.s1)

    def likelihood(self, z):
        return Independent(Normal(z["z1"] @ self.w.T, self.s), 1)

    def sample(self, count: int, seed: int) -> Tensor:
        state = torch.random.get_rng_state()
        torch.manual_seed(seed)
        x = self.marginal.sample((count,))
        torch.random.set_rng_state(state)
        return x

    def approximation_gap(self) -> float:
        parts = (self.precision1, self.precision2)
        return float(sum(0.5 * (p.diagonal().log().sum() - torch.logdet(p)) for p in parts))

    def amortization_gap(self, x: Tensor) -> Tensor:
        """0.5 d' P d for the mean of z1, and its mean over q(z1|x) for that of z2."""
        shift = (self.factor - 1.0) * x @ self.to_mean1.T
        first = 0.5 * torch.einsum("bi,ij,bj->b", shift, self.precision1, shift)
        mean = self.factor * x @ self.to_mean1.T
        to_shift = (self.slope - 1.0) * self.to_mean2
        weight = to_shift.T @ self.precision2 @ to_shift
        spread = float((weight.diagonal() / self.precision1.diagonal()).sum())
        return first + 0.5 * (torch.einsum("bi,ij,bj->b", mean, weight, mean) + spread)


class ThreeGroups(LatentGroups):
    """z3 ~ N(0, 1), z2|z3, z1|z2 and x|z1 linear-Gaussian; q is the best factorised one of each."""

    groups, inferred = {"z3": 1, "z2": 2, "z1": 3}, ("z1", "z2", "z3")

    def __init__(self, seed=3, dtype=torch.float64):
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        self.deviation, self.s = {"z2": 0.6, "z1": 0.7}, 0.5
        self.weight = {
            name: torch.randn(*shape, generator=draw, dtype=dtype)
            for name, shape in {"z2": (2, 1), "z1": (3, 2), "x": (6, 3)}.items()
        }
        cov = {"z3": torch.eye(1, dtype=dtype)}
        for name, above in (("z2", "z3"), ("z1", "z2")):
            a = self.weight[name]
            cov[name] = a @ cov[above] @ a.T + self.deviation[name] ** 2 * torch.eye(len(a), dtype=dtype)
        self.precision, self.to_mean = {}, {}
        for name, below, noise in (("z1", "x", self.s), ("z2", "z1", 0.7), ("z3", "z2", 0.6)):
            a = self.weight[below]
            self.precision[name] = torch.linalg.inv(cov[name]) + a.T @ a / noise**2
            self.to_mean[name] = torch.linalg.solve(self.precision[name], a.T) / noise**2
        w = self.weight["x"]
        noise = self.s**2 * torch.eye(6, dtype=dtype)
        self.marginal = MultivariateNormal(torch.zeros(6, dtype=dtype), w @ cov["z1"] @ w.T + noise)

    def infer(self, name, features, drawn):
        given = features if name == "z1" else drawn["z1" if name == "z2" else "z2"]
        return Normal(given @ self.to_mean[name].T, self.precision[name].diagonal().rsqrt())

    def generate(self, name, drawn):
        if name == "z3":
            return Normal(self.weight["x"].new_zeros(1), 1.0)
        return Normal(drawn["z3" if name == "z2" else "z2"] @ self.weight[name].T, self.deviation[name])

    def likelihood(self, z):
        return Independent(Normal(z["z1"] @ self.weight["x"].T, self.s), 1)

    sample = TwoGroups.sample

    def approximation_gap(self) -> float:
        return float(sum(0.5 * (p.diagonal().log().sum() - torch.logdet(p)) for p in self.precision.values()))
