"""Density estimators of sbi as posteriors: normalising flows of nflows and zuko, and mixtures of Gaussians."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Transform

from gapkit.core.errors import InputError
from gapkit.families.conditional_flow import ConditionalFlow
from gapkit.families.gaussian_mixture import GaussianMixture

__all__ = ["posterior_of", "require_flow"]


def require_flow(estimator: Any) -> None:
    """Refuse an estimator that is no transform of Gaussian noise.

    Raises:
        InputError: it is none.
    """
    kind = type(estimator).__name__
    base = getattr(getattr(estimator, "net", None), "_distribution", None)
    if kind == "NFlowsFlow" and type(base).__name__ != "StandardNormal":
        kind = f"NFlowsFlow over a {type(base).__name__}"
    if kind not in ("NFlowsFlow", "ZukoFlow", "MixtureDensityEstimator"):
        raise InputError(
            "a density estimator of sbi that is a flow of Gaussian noise, or a mixture of Gaussians",
            kind,
            "train NPE with one: density_estimator='zuko_nsf', 'maf', 'nsf' or 'mdn'; scores and flow matching (NPSE, "
            "FMPE) have draws and densities by solving an equation only, and ratios (NRE) have none",
        )


def posterior_of(estimator: Any, x: Tensor) -> tuple[Any, Transform | None]:
    """Q(theta|x) of data (B, *x_shape) in the units of the parameters; and a map of the estimator's own.

    Returns:
        The posterior. Where the second is a map to the support, the posterior is that of the map's argument.
    """
    dim = estimator.input_shape.numel()
    condition = x.reshape(len(x), *estimator.condition_shape)
    if type(estimator).__name__ == "MixtureDensityEstimator":
        return _mixture(estimator, condition)
    if type(estimator).__name__ == "ZukoFlow":
        net = estimator.net

        def forward(u: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
            flow = net(context)
            start = flow.base.base_dist if hasattr(flow.base, "base_dist") else flow.base
            z, ladj = flow.transform.inv.call_and_ladj(start.loc + start.scale * u)
            return z, _rows(ladj) + start.scale.log().expand_as(u).sum(-1)

        def inverse(z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
            flow = net(context)
            start = flow.base.base_dist if hasattr(flow.base, "base_dist") else flow.base
            u, ladj = flow.transform.call_and_ladj(z)
            return (u - start.loc) / start.scale, _rows(ladj) - start.scale.log().expand_as(u).sum(-1)

        return ConditionalFlow(forward, inverse, estimator.embedding_net(condition), dim), None
    flow = estimator.net
    embedding: nn.Module = flow._embedding_net
    there, back = flow._transform.inverse, flow._transform
    made = ConditionalFlow(
        lambda u, context: there(u, context=context),
        lambda z, context: back(z, context=context),
        embedding(condition),
        dim,
    )
    return made, None


def _rows(ladj: Tensor) -> Tensor:
    return ladj.sum(-1) if ladj.dim() > 1 else ladj


def _mixture(estimator: Any, condition: Tensor) -> tuple[Any, Transform | None]:
    """The mixture in the units of the parameters where the estimator's own are an affine map of them."""
    found = estimator.net.get_mixture_components(estimator.embedding_net(condition))
    means, tril = found.means, torch.linalg.cholesky(torch.linalg.inv(found.precisions))
    own: Transform | None = estimator._prior_transform
    if own is None and estimator.has_input_transform:
        scale = estimator._transform_scale
        means, tril = means * scale + estimator._transform_shift, tril * scale.unsqueeze(-1)
    return GaussianMixture(torch.log_softmax(found.logits, 1), means, tril), None if own is None else own.inv
