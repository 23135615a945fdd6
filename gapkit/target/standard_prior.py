"""Is the prior standard normal? It may be any distribution, and is asked at a few points."""

import torch

from gapkit.families.gaussian import standard_normal_log_prob
from gapkit.target.target import Target

__all__ = ["standard_normal_prior"]


def standard_normal_prior(target: Target) -> bool:
    """Whether the prior of all of a target's datapoints is standard normal."""
    probe = torch.linspace(-2.0, 2.0, 3 * target.dim, dtype=target.dtype, device=target.device).reshape(3, 1, -1)
    with torch.no_grad():
        at_each = target.log_prior(probe.expand(-1, target.num_datapoints, -1))
        return torch.allclose(at_each, standard_normal_log_prob(probe).expand_as(at_each), atol=1e-4)
