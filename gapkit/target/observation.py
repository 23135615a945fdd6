"""What fits and searches need to know of p(x|z) beyond its density, for any ``torch`` distribution.

:func:`fisher_features` gives the Gauss-Newton curvature of log p(x|z); :func:`cross_log_prob` scores all datapoints
against all decoded latents with one matrix product where the likelihood is an exponential family.
"""

import math

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Categorical,
    Cauchy,
    Distribution,
    Laplace,
    MultivariateNormal,
    Normal,
    Poisson,
    StudentT,
)
from torch.nn.functional import one_hot, softplus

from gapkit.models.distributions import ContinuousBernoulli, DiscretizedLogistic
from gapkit.models.naming import innermost

__all__ = ["cross_log_prob", "fisher_features", "stored_values"]


_LAPLACE = 1.1744  # one over the mean of 1 / max(1, e), e exponential: the weight below has mean one


def _flat(values: Tensor) -> Tensor:
    """(N, ...) to (N, M); a parameter per datapoint, (N,), becomes (N, 1)."""
    return values.reshape(len(values), -1)


def stored_values(dist: Distribution) -> int:
    """How many numbers the parameters of a distribution hold: what keeping it costs."""
    tensors = {id(part): part for part in vars(innermost(dist)).values() if isinstance(part, Tensor)}
    return sum(part.numel() for part in tensors.values())


def fisher_features(dist: Distribution, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return phi and w, both (N, M), such that the Fisher information of z is sum_m w_m (dphi_m/dz)(dphi_m/dz)'.

    The weights are constants: they carry no derivative, which forward mode would have to compute for nothing.

    Exact for Bernoulli, categorical, normal and every one-parameter exponential family (there phi is the mean and
    1/w the variance); expected information, which is positive where the Hessian is not, of Student-t (for fixed degrees
    of freedom; Lange, Little, Taylor 1989, section 4), Cauchy and Laplace; of the mean alone of a multivariate normal;
    close for the discretised logistic; a
    quasi-likelihood for anything else with mean and variance.

    Far from its location a heavy-tailed density curves much less than on average. Given the data, its information is
    spread by the weights of iteratively reweighted least squares, whose mean it keeps: then a Newton step from far away
    is not too short, nor too long: it is less than twice as long as that of the majorising parabola.

    Args:
        dist: p(x|z) with batch shape (N,).
        x: the data, shape (N, *x_shape); None takes the information on average.

    Example:
        >>> from torch.distributions import Independent
        >>> phi, w = fisher_features(Independent(Bernoulli(logits=torch.zeros(1, 2)), 1))
        >>> w
        tensor([[0.2500, 0.2500]])
    """
    base = innermost(dist)
    if isinstance(base, Bernoulli):
        p = torch.sigmoid(base.logits.detach())
        return _flat(base.logits), _flat(p * (1 - p))
    if isinstance(base, Categorical):
        roots = 2.0 * torch.exp(0.5 * torch.log_softmax(base.logits, -1))  # Fisher information is 4 sum (d sqrt p)^2
        return _flat(roots), _flat(torch.ones_like(roots.detach()))
    if isinstance(base, MultivariateNormal):
        white = torch.linalg.solve_triangular(base.scale_tril.detach(), base.loc.unsqueeze(-1), upper=False)
        return _flat(white), torch.ones_like(_flat(white.detach()))
    information = _information(base)
    if information is not None:
        centre, width = base.loc, base.scale
        loc, scale, of_loc, of_log_scale = torch.broadcast_tensors(centre, width, *information)
        phi = torch.cat([_flat(loc), _flat(scale.log())], 1)
        fixed = scale.detach()
        if x is not None:
            of_loc = of_loc * _reweighted(base, ((x.reshape(loc.shape) - loc.detach()) / fixed).abs())
        return phi, torch.cat([_flat(of_loc * fixed.pow(-2)), _flat(of_log_scale)], 1)
    return _flat(base.mean), 1.0 / (_flat(base.variance).detach() + 1e-8)


def _information(base: Distribution) -> tuple[Tensor, Tensor] | None:
    """Information of the location, in units of 1 / scale^2, and of the log scale; None for other families."""
    if isinstance(base, StudentT):
        df = base.df.detach()
        return (df + 1.0) / (df + 3.0), 2.0 * df / (df + 3.0)
    known = {
        Normal: (1.0, 2.0),
        Cauchy: (0.5, 0.5),
        Laplace: (1.0, 1.0),
        DiscretizedLogistic: (1.0 / 3.0, (3.0 + math.pi**2) / 9.0),
    }
    for family, (location, log_scale) in known.items():
        if isinstance(base, family):
            one = torch.ones_like(base.scale.detach())  # type: ignore[attr-defined]
            return location * one, log_scale * one
    return None


def _reweighted(base: Distribution, residual: Tensor) -> Tensor | float:
    """Weights of residuals, in units of the scale, whose mean over draws of the density is one."""
    if isinstance(base, StudentT | Cauchy):
        df = base.df.detach() if isinstance(base, StudentT) else 1.0
        return (df + 1.0) / (df + residual.square())
    if isinstance(base, Laplace):
        return _LAPLACE / residual.clamp(min=1.0)
    return 1.0


def cross_log_prob(dist: Distribution, x: Tensor) -> Tensor:
    """Log p(x_b | z_m) for all pairs: x has shape (B, *x_shape), dist batch shape (M,), the result (B, M), in nats.

    Terms that depend on x alone are left out where a matrix product is used: rows can be ranked, not compared.
    """
    base = innermost(dist)
    flat = x.reshape(len(x), -1)
    if isinstance(base, Bernoulli):
        logits = _flat(base.logits)
        return flat @ logits.T - softplus(logits).sum(1)
    if isinstance(base, ContinuousBernoulli):
        logits = _flat(base.logits)
        return flat @ logits.T + _flat(base.log_prob(torch.zeros_like(base.logits))).sum(1)
    if isinstance(base, Poisson):
        rate = _flat(base.rate)
        return flat @ rate.log().T - rate.sum(1)
    if isinstance(base, Normal):
        loc, scale = (_flat(part) for part in torch.broadcast_tensors(base.loc, base.scale))
        inverse = scale.pow(-2)
        constant = (0.5 * loc.square() * inverse + scale.log()).sum(1)
        return flat @ (loc * inverse).T - 0.5 * flat.square() @ inverse.T - constant
    if isinstance(base, Categorical):
        logits = torch.log_softmax(base.logits, -1)
        return one_hot(flat.long(), logits.shape[-1]).to(logits).reshape(len(flat), -1) @ _flat(logits).T
    rows = [dist.log_prob(row.expand(dist.batch_shape + row.shape)) for row in x]
    return torch.stack(rows)
