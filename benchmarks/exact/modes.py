"""Posteriors of several modes apart: reflections, periods, windings, sharp ones beside broad ones."""

import math

import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from benchmarks.exact.case import Case, Model, noise, normal, standard
from benchmarks.exact.quadrature import line, log_normal

__all__ = ["CASES"]

_KIND = "several modes"


def _two(sd: float, outlier: bool = False, seed: int = 4, count: int = 30) -> Case:
    """Latents z ~ N(0, 1), x ~ N(|z|, 0.3^2): two modes of equal mass; the encoder stands on one."""
    x = noise(seed, count, 1).abs() + 0.3 * noise(seed + 1, count, 1)
    x[0] = 9.0 if outlier else x[0]
    exact = line(lambda z, v: log_normal(z, 0.0, 1.0) + log_normal(v, z.abs(), 0.3), x, -12, 12).sum(-1)
    model = Model(lambda x: normal(x, torch.where(x > 8.0, 200.0, sd)), lambda z: normal(z.abs(), 0.3), standard(1))
    facts = f"two equal modes, encoder on one with sd {sd}" + (", one datapoint's has sd 200" if outlier else "")
    # A width w times the right one costs (w^2 - 1 - 2 log w) / 2: 4 nats for sd 1, 50 for sd 3; the second mode log 2.
    return Case(
        _KIND, model, x, exact, facts, fault=None if outlier else "family" if sd < 0.5 else "encoder", strict=True
    )


def _squares(dim: int, sigma: float, strict: bool = False, count: int = 25) -> Case:
    """Latents z ~ N(0, 4 I), x ~ N(z^2, sigma^2): 2^D modes of equal mass."""
    x = (2 * noise(5, count, dim)).square() + sigma * noise(6, count, dim)
    exact = line(lambda z, v: log_normal(z, 0.0, 2.0) + log_normal(v, z.square(), sigma), x, -12, 12).sum(-1)
    model = Model(lambda x: normal(x.abs().sqrt(), 0.1), lambda z: normal(z.square(), sigma), standard(dim, 2.0))
    return Case(_KIND, model, x, exact, f"{2**dim} equal modes in {dim} dimensions", strict=strict)


def _one_sign(sd: float, count: int = 25) -> Case:
    """15 latents, of which one is seen through its absolute value."""
    x = noise(7, count, 15)
    x[:, 0] = x[:, 0].abs()
    x = x + 0.3 * noise(8, count, 15)
    folded = line(lambda z, v: log_normal(z, 0.0, 1.0) + log_normal(v, z.abs(), 0.3), x[:, 0], -12, 12)
    exact = folded + log_normal(x[:, 1:].double(), 0.0, math.sqrt(1.09)).sum(-1)
    model = Model(
        lambda x: normal(x / 1.09, sd),
        lambda z: normal(torch.cat([z[:, :1].abs(), z[:, 1:]], 1), 0.3),
        standard(15),
    )
    fault = "family" if sd < 0.5 else "encoder"
    return Case(_KIND, model, x, exact, f"15 latents, the sign of one ambiguous, encoder sd {sd}", fault=fault)


def _saddle(dim: int = 30, count: int = 25) -> Case:
    """Latents z ~ N(0, I), x ~ N((a'z)^2, 0.05^2) with |a| = 1: the encoder is the prior, its mean a saddle."""
    direction = noise(69, dim)
    direction = direction / direction.norm()
    x = noise(70, count, 1).square() + 0.05 * noise(71, count, 1)
    exact = line(lambda u, v: log_normal(u, 0.0, 1.0) + log_normal(v, u.square(), 0.05), x, -9, 9).sum(-1)
    model = Model(
        lambda x: normal(torch.zeros(len(x), dim), 1.0),
        lambda z: normal((z @ direction)[:, None].square(), 0.05),
        standard(dim),
    )
    return Case(_KIND, model, x, exact, f"two modes beside a saddle, which the encoder is on, in {dim} dimensions")


def _lattice(count: int = 25) -> Case:
    """Latents z ~ N(0, 4 I_2), x ~ N(sin 3z, 0.2^2): a lattice of dozens of modes."""
    x = (6 * noise(9, count, 2)).sin() + 0.2 * noise(10, count, 2)
    exact = line(lambda z, v: log_normal(z, 0.0, 2.0) + log_normal(v, (3 * z).sin(), 0.2), x, -20, 20).sum(-1)
    model = Model(
        lambda x: normal(x.clamp(-1, 1).asin() / 3, 0.1), lambda z: normal((3 * z).sin(), 0.2), standard(2, 2.0)
    )
    return Case(_KIND, model, x, exact, "a lattice of some 60 modes in 2 dimensions", fault="family")


def _angle(count: int = 25) -> Case:
    """Latents z ~ N(0, 25), x ~ N((cos z, sin z), 0.1^2): an angle, known up to whole turns."""
    z = 5 * noise(11, count, 1)
    x = torch.cat([z.cos(), z.sin()], 1) + 0.1 * noise(12, count, 2)
    turn = torch.linspace(-50, 50, 400_001, dtype=torch.float64)
    prior, circle = log_normal(turn, 0.0, 5.0), torch.stack([turn.cos(), turn.sin()], 1)
    exact = _sum_over(turn, prior, circle, x, 0.1)
    model = Model(
        lambda x: normal(torch.atan2(x[:, 1:], x[:, :1]), 0.1),
        lambda z: normal(torch.cat([z.cos(), z.sin()], 1), 0.1),
        standard(1, 5.0),
    )
    return Case(_KIND, model, x, exact, "an angle up to whole turns: some 5 modes", fault="family")


def _spiral(count: int = 25) -> Case:
    """Latents z ~ N(0, 4), x on a spiral of radius |z| / 2 + 0.2 that winds three times as fast, noise 0.25."""
    z = 2 * noise(13, count, 1)

    def curve(z: Tensor) -> Tensor:
        radius = z.square().add(0.16).sqrt() / 2
        return torch.cat([radius * (3 * z).cos(), radius * (3 * z).sin()], -1)

    x = curve(z) + 0.25 * noise(14, count, 2)
    fine = torch.linspace(-20, 20, 200_001, dtype=torch.float64)
    exact = _sum_over(fine, log_normal(fine, 0.0, 2.0), curve(fine[:, None]), x, 0.25)
    model = Model(
        lambda x: normal(2 * x.norm(dim=-1, keepdim=True), 0.2), lambda z: normal(curve(z), 0.25), standard(1, 2.0)
    )
    return Case(_KIND, model, x, exact, "windings of a spiral within the noise: a few modes of unequal mass")


def _sum_over(grid: Tensor, prior: Tensor, locations: Tensor, x: Tensor, scale: float) -> Tensor:
    """Log p(x) for one latent on a grid whose decoded locations are known: (B,)."""
    cell = math.log(float(grid[1] - grid[0]))
    rows = [torch.logsumexp(prior + log_normal(row, locations, scale).sum(-1), 0) + cell for row in x.double()]
    return torch.stack(rows)


def _wide_beside_narrow(count: int = 25) -> Case:
    """Per latent a slope of -20 below zero and of 1 above: the narrow mode is nearer, the wide one has the mass."""
    z = 1.5 * noise(15, count, 3).abs()
    x = z + 0.3 * noise(16, count, 3)

    def bent(z: Tensor) -> Tensor:
        return torch.where(z < 0, -20 * z, z)

    exact = line(lambda z, v: log_normal(z, 0.0, 1.5) + log_normal(v, bent(z), 0.3), x, -12, 12).sum(-1)
    model = Model(lambda x: normal(-x / 20, 0.015), lambda z: normal(bent(z), 0.3), standard(3, 1.5))
    facts = "8 modes; the encoder stands on the narrowest, which has 1/8000 of the mass of the widest"
    return Case(_KIND, model, x, exact, facts)


def _needle(found: bool, count: int = 25) -> Case:
    """Half of all observations are of z (noise 0.05), half are of nothing, N(0, 25): a needle far out in the prior."""
    direction = noise(17, count, 3)
    x = direction / direction.norm(dim=-1, keepdim=True) * torch.linspace(2.0, 4.5, count)[:, None]
    doubled = x.double()
    sharp = log_normal(doubled, 0.0, math.sqrt(1.0025)).sum(-1)
    exact = torch.logaddexp(sharp, log_normal(doubled, 0.0, 5.0).sum(-1)) - math.log(2)

    def decode(z: Tensor) -> MixtureSameFamily:
        loc = torch.stack([z, torch.zeros_like(z)], 1)
        scale = torch.tensor([0.05, 5.0])[:, None].expand(2, 3).expand_as(loc)
        return MixtureSameFamily(Categorical(torch.ones(len(z), 2)), Independent(Normal(loc, scale), 1))

    model = Model(lambda x: normal(x if found else 0 * x, 0.05 if found else 1.0), decode, standard(3))
    where = "on the needle" if found else "on the broad mode, where no gradient shows the needle"
    return Case(_KIND, model, x, exact, f"a needle of sd 0.05 in the prior's tail and the prior, encoder {where}")


CASES = {
    "two_modes_sd_0.3": lambda: _two(0.3),
    "two_modes_sd_1": lambda: _two(1.0),
    "two_modes_sd_3": lambda: _two(3.0),
    "two_modes_beside_outlier": lambda: _two(0.3, outlier=True),
    "four_narrow_modes": lambda: _squares(2, 0.05),
    "sixteen_modes": lambda: _squares(4, 0.3, strict=True),
    "sixty_four_modes": lambda: _squares(6, 0.3),
    "one_sign_of_15_good_encoder": lambda: _one_sign(0.29),
    "one_sign_of_15_wide_encoder": lambda: _one_sign(1.0),
    "square_of_a_sum": _saddle,
    "lattice": _lattice,
    "angle": _angle,
    "spiral": _spiral,
    "wide_beside_narrow": _wide_beside_narrow,
    "needle_encoder_on_it": lambda: _needle(found=True),
    "needle_encoder_beside_it": lambda: _needle(found=False),
}
