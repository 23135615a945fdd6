"""Decoders, targets of them, and the comparison with automatic differentiation."""

import copy
import itertools
import math

import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal
from torch.func import jacrev, vmap

from gapkit.models.unvalidated import unvalidated
from gapkit.target import Target
from gapkit.target.observation import fisher_features

DTYPES = [torch.float32, torch.float64]
ACTIVATIONS = {
    "relu": nn.ReLU(),
    "relu in place": nn.ReLU(inplace=True),
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "elu": nn.ELU(),
    "elu, alpha 2.5": nn.ELU(2.5, inplace=True),
    "selu": nn.SELU(),
    "leaky_relu": nn.LeakyReLU(),
    "leaky_relu, negative slope": nn.LeakyReLU(-0.4),
    "softplus": nn.Softplus(),
    "softplus, beta and threshold": nn.Softplus(beta=2.0, threshold=1.5),
    "silu": nn.SiLU(),
    "gelu": nn.GELU(),
    "gelu by tanh": nn.GELU(approximate="tanh"),
}


class Model(nn.Module):
    """A decoder and a fixed encoder, as a model of the contract."""

    def __init__(self, net, likelihood, latent_shape=(3,)):
        super().__init__()
        self.net, self.likelihood, self.latent_shape = net, likelihood, latent_shape
        self.like = nn.Parameter(torch.zeros(()))
        self.eval().requires_grad_(False)

    def encode(self, x):
        return Independent(Normal(self.like.expand(len(x), *self.latent_shape), 1.0), len(self.latent_shape))

    def prior(self):
        return Independent(Normal(self.like.expand(self.latent_shape), 1.5), len(self.latent_shape))

    def decode(self, z):
        dist = self.likelihood(self.net(z))
        return Independent(dist, len(dist.batch_shape) - 1)


class WithScale(nn.Module):
    """Normals whose log scale is a parameter, one or one per value."""

    def __init__(self, *shape):
        super().__init__()
        self.log_scale = nn.Parameter(torch.linspace(-1.0, 0.5, max(1, math.prod(shape))).reshape(shape))

    def forward(self, mean):
        return Normal(mean, self.log_scale.exp())


class Function(nn.Module):
    """A function of the modules it is given."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, z):
        return self.function(z, *self.parts)


def bernoulli(logits):
    return Bernoulli(logits=logits)


def unit_normal(mean):
    return Normal(mean, 1.0)


def mlp(act, *sizes, bias=True, final=None):
    """Linear layers with weights large enough for every activation to bend."""
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, bias=bias), copy.deepcopy(act)]
        nn.init.normal_(layers[-2].weight, std=1.5 * inputs**-0.5)
    return nn.Sequential(*layers[:-1], *([final] if final else []))


def target_of(net, likelihood=bernoulli, x_shape=(7,), latent_shape=(3,), dtype=torch.float64, grey=False, **options):
    """A target of 4 datapoints: binary, or anything in [0, 1] where that is asked for or the likelihood is normal."""
    x = torch.rand(4, *x_shape, dtype=dtype)
    return Target(
        Model(net, likelihood, latent_shape).to(dtype),
        x if grey or likelihood is not bernoulli else x.round(),
        **options,
    )


def latents(target, num_samples=6, size=2.0):
    return size * torch.randn(num_samples, target.num_datapoints, target.dim, dtype=target.dtype)


def own(target, z):
    """Log p(x, z) and its gradient as torch alone gives them."""
    leaf = z.clone().requires_grad_(True)
    shaped = leaf.reshape(-1, *target.latent_shape)
    x = target.x.repeat(len(z), *[1] * (target.x.dim() - 1))
    with torch.enable_grad(), unvalidated():
        value = (target.model.decode(shaped).log_prob(x) + target.model.prior().log_prob(shaped)).reshape(z.shape[:2])
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach(), gradient


def own_curvature(target, rows):
    """J' diag(w) J of the decoder's Fisher features: (N, D, D)."""
    slopes = vmap(jacrev(lambda point: fisher_features(target.decode(point.unsqueeze(0)))[0][0]))(rows)
    weights = fisher_features(target.decode(rows))[1]
    return torch.einsum("nmd,nm,nme->nde", slopes, weights, slopes)


def assert_right(target, z=None, by_hand=True):
    """Every quantity that a target gives is torch's own."""
    assert target.by_hand == by_hand
    z = latents(target) if z is None else z
    value, gradient = own(target, z)
    low = {"atol": 2e-4, "rtol": 2e-4} if target.dtype == torch.float32 else {"atol": 1e-9, "rtol": 1e-9}
    with torch.no_grad():
        torch.testing.assert_close(target.log_joint(z), value, **low)
    torch.testing.assert_close(target.log_joint(z), value, **low)  # with gradients on, torch is asked in any case
    both = target.log_joint_and_grad(z)
    torch.testing.assert_close(both[0], value, **low)
    torch.testing.assert_close(both[1], gradient, **low)
    torch.testing.assert_close(target.grad(z), gradient, **low)
    rows = z.reshape(-1, target.dim)
    root = target.root_fisher(rows)
    assert root.shape[:2] == rows.shape
    torch.testing.assert_close(root @ root.mT, own_curvature(target, rows), **low)
