"""The last step of an encoder: from one flat vector per datapoint to q(z|x), a head for every family.

    flat (B, size) --head--> q(z|x) of batch shape (B,) and event shape (D,)

Gaussians read all their parameters off the vector. Flows learn their matrices as parameters of the head, shared by all
datapoints, and read their biases off the vector: for one x, q(z|x) is a member of the family that is fitted to single
datapoints. Every head starts at a Gaussian, or near one.
"""

import inspect
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from gapkit.core.errors import InputError
from gapkit.families.auxiliary import AuxiliaryFlow, flat_reverse
from gapkit.families.coupling import identity_weights
from gapkit.families.distribution import TransportDistribution
from gapkit.families.flow import CouplingFlow
from gapkit.families.gaussian import DiagonalGaussian
from gapkit.families.low_rank import LowRankGaussian

__all__ = ["HEADS", "Auxiliary", "Flow", "FullRank", "LowRank", "MeanField", "PosteriorHead", "make_head"]

_SMALL = 0.1  # how far an untrained encoder's output moves what should start at rest


class PosteriorHead(nn.Module):
    """What every head has; its arguments are the latent dimension and then its options, all whole numbers.

    Attributes:
        size: numbers that the encoder must give for each datapoint.
        options: the arguments after the latent dimension, with which to make the same head again.
        encoder_output: what ``forward`` returns, one of ``gapkit.models.posterior.ENCODER_OUTPUTS``.
    """

    size: int
    encoder_output = "distribution"

    def __init__(self, latent: int, **options: int) -> None:
        super().__init__()
        self.latent, self.options = latent, options


class MeanField(PosteriorHead):
    """N(m, diag(s^2)) as a pair: the encoder's mean and log variance.

    Example:
        >>> [part.shape for part in MeanField(2)(torch.zeros(3, 4))]
        [torch.Size([3, 2]), torch.Size([3, 2])]
    """

    encoder_output = "mean_logvar"

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        self.size = 2 * latent

    def forward(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance, each (B, D)."""
        mean, logvar = flat.chunk(2, -1)
        return mean, logvar


class FullRank(PosteriorHead):
    """N(m, L L') with L = diag(s) (I + N / sqrt(D)), N strictly lower triangular.

    Rows of L are measured in standard deviations, so that the correlations do not change with the scales.

    Example:
        >>> FullRank(2)(torch.zeros(3, 5)).covariance_matrix[0]
        tensor([[1., 0.],
                [0., 1.]])
    """

    def __init__(self, latent: int) -> None:
        super().__init__(latent)
        self.size = 2 * latent + latent * (latent - 1) // 2

    def forward(self, flat: Tensor) -> MultivariateNormal:
        """Return q(z|x)."""
        dim = self.latent
        mean, scale = _mean_and_scale(flat[:, : 2 * dim])
        row, column = torch.tril_indices(dim, dim, -1, device=flat.device)
        below = flat.new_zeros(len(flat), dim, dim)
        below[:, row, column] = flat[:, 2 * dim :] / dim**0.5
        tril = scale.unsqueeze(-1) * below + scale.diag_embed()
        return MultivariateNormal(mean, scale_tril=tril, validate_args=False)


class LowRank(PosteriorHead):
    """N(m, diag(s) (I + W W') diag(s)) with W of R columns: :class:`gapkit.families.LowRankGaussian`.

    W starts at small random columns, the same for every x. A column and its negative are the same posterior, so an
    encoder that began with one here and the other there would have to give up the column in between, and stay so.

    Args:
        latent: D.
        rank: R, at most D; None takes the smaller of D and 10.

    Example:
        >>> LowRank(3, rank=1)(torch.zeros(5, 9)).event_shape
        torch.Size([3])
    """

    start: Tensor

    def __init__(self, latent: int, rank: int | None = None) -> None:
        rank = min(latent, 10) if rank is None else rank
        if rank > latent:
            do = f"use a rank of {latent} or less, or the posterior full_rank"
            raise InputError(f"a low-rank posterior of {latent} latent dimensions", f"rank={rank}", do)
        super().__init__(latent, rank=rank)
        self.size = (2 + rank) * latent
        self.register_buffer("start", torch.randn(latent, rank, generator=torch.Generator().manual_seed(0)))

    def forward(self, flat: Tensor) -> TransportDistribution:
        """Return q(z|x)."""
        mean, scale = _mean_and_scale(flat[:, : 2 * self.latent])
        columns = self.start + flat[:, 2 * self.latent :].unflatten(-1, self.start.shape)
        slanted = _SMALL / self.start.shape[1] ** 0.5 * columns
        q = LowRankGaussian(mean, scale, scale.unsqueeze(-1) * slanted)
        return TransportDistribution(q, validate_args=False)


class Flow(PosteriorHead):
    """Coupling layers on noise, then an affine map: :class:`gapkit.families.CouplingFlow` with biases from x.

    Source: Dinh, Sohl-Dickstein, Bengio, "Density Estimation using Real NVP" (2017),
    https://arxiv.org/abs/1605.08803; conditioning through the biases, with matrices of the head's own, keeps the
    encoder small: its output grows with the layers' widths and not with their weights.

    Args:
        latent: D, at least 2.
        num_layers: coupling layers.
        num_hidden: hidden units of each.

    Example:
        >>> head = Flow(2, num_layers=2, num_hidden=8)
        >>> head(torch.zeros(3, head.size))
        TransportDistribution(CouplingFlow)
    """

    def __init__(self, latent: int, num_layers: int = 4, num_hidden: int = 32) -> None:
        if latent < 2:
            found = f"{latent} latent dimension, where a coupling layer has no other one to compute its shift from"
            raise InputError("a flow posterior", found, "use 2 or more latents, or the posterior auxiliary")
        super().__init__(latent, num_layers=num_layers, num_hidden=num_hidden)
        self.layers = _Layers(latent, num_layers, num_hidden)
        self.size = 2 * latent + self.layers.size

    def forward(self, flat: Tensor) -> TransportDistribution:
        """Return q(z|x)."""
        affine, biases = flat.split([2 * self.latent, self.layers.size], -1)
        q = CouplingFlow(DiagonalGaussian(*_mean_and_scale(affine)), self.layers(biases))
        return TransportDistribution(q, validate_args=False)


class Auxiliary(PosteriorHead):
    """A flow over z and as many auxiliary variables v, with r(v|z): :class:`gapkit.families.AuxiliaryFlow`.

    v starts at N(0, I) whatever x and z are, and so does r.
    Source: Cremer, Li, Duvenaud, "Inference Suboptimality in Variational Autoencoders" (2018),
    https://arxiv.org/abs/1801.03558, section 3.2.

    Args:
        latent: D.
        num_layers: coupling layers over the 2 D coordinates.
        num_hidden: hidden units of each, and of r.

    Example:
        >>> head = Auxiliary(1, num_layers=2, num_hidden=8)
        >>> head(torch.zeros(3, head.size)).rsample().shape
        torch.Size([3, 1])
    """

    def __init__(self, latent: int, num_layers: int = 4, num_hidden: int = 32) -> None:
        super().__init__(latent, num_layers=num_layers, num_hidden=num_hidden)
        self.layers = _Layers(2 * latent, num_layers, num_hidden)
        around = DiagonalGaussian(torch.zeros(1, latent), torch.ones(1, latent))  # where the prior has its mass
        self.reverse = _Layer(flat_reverse(around, num_hidden))
        self.sizes = [2 * latent, 2 * latent, self.layers.size, self.reverse.size]
        self.size = sum(self.sizes)

    def forward(self, flat: Tensor) -> TransportDistribution:
        """Return q(z|x)."""
        of_z, of_v, biases, reverse = flat.split(self.sizes, -1)
        pairs = zip(_mean_and_scale(of_z), _mean_and_scale(_SMALL * of_v), strict=True)
        affine = DiagonalGaussian(*(torch.cat(pair, -1) for pair in pairs))
        q = AuxiliaryFlow(CouplingFlow(affine, self.layers(biases)), self.reverse(reverse))
        return TransportDistribution(q, validate_args=False)


class _Layer(nn.Module):
    """One hidden layer of a flow: its matrices are parameters, shared by all datapoints, and its biases come from x.

    Args:
        start: weights of leading axis 1 as :class:`gapkit.families.coupling.CouplingStack` names them.

    Attributes:
        size: numbers it takes from the encoder for each datapoint.
    """

    hidden_bias: Tensor

    def __init__(self, start: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.hidden_weight = nn.Parameter(start["hidden_weight"])
        self.out_weight = nn.Parameter(start["out_weight"])
        self.register_buffer("hidden_bias", start["hidden_bias"])  # spreads the units; what is learned comes on top
        self.sizes = [start[name].shape[-1] for name in ("hidden_bias", "out_bias")]
        self.size = sum(self.sizes)

    def forward(self, flat: Tensor) -> dict[str, Tensor]:
        """Return all weights from the layer's part of the encoder's output, (B, size)."""
        hidden, out = flat.split(self.sizes, -1)
        return {
            "hidden_weight": self.hidden_weight,
            "hidden_bias": self.hidden_bias + hidden,
            "out_weight": self.out_weight,
            "out_bias": _SMALL * out,
        }


class _Layers(nn.ModuleList):
    """The layers of a coupling stack that starts at the identity."""

    def __init__(self, dim: int, num_layers: int, num_hidden: int) -> None:
        start = identity_weights(1, dim, num_layers, num_hidden, device=torch.get_default_device())
        own = [{k.partition(".")[2]: t for k, t in start.items() if k.startswith(f"{i}.")} for i in range(num_layers)]
        layers = [_Layer(weights) for weights in own]
        super().__init__(layers)
        self.sizes = [layer.size for layer in layers]
        self.size = sum(self.sizes)

    def forward(self, flat: Tensor) -> dict[str, Tensor]:
        """Return the weights of a ``CouplingStack``: flat has shape (B, size)."""
        parts = zip(self, flat.split(self.sizes, -1), strict=True)
        return {f"{i}.{name}": weight for i, (layer, part) in enumerate(parts) for name, weight in layer(part).items()}


def _mean_and_scale(flat: Tensor) -> tuple[Tensor, Tensor]:
    """Means and standard deviations from means and log variances side by side."""
    mean, logvar = flat.chunk(2, -1)
    return mean, (0.5 * logvar).exp()


HEADS: dict[str, Callable[..., PosteriorHead]] = {
    "mean_field": MeanField,
    "full_rank": FullRank,
    "low_rank": LowRank,
    "flow": Flow,
    "auxiliary": Auxiliary,
}


def make_head(name: str, latent: int, options: Mapping[str, int] | None = None) -> PosteriorHead:
    """Return the head of a posterior.

    Args:
        name: a key of ``HEADS``.
        latent: dimension of z.
        options: arguments of the head; None takes its defaults.

    Raises:
        InputError: if the name or an option is unknown, an option is not a positive whole number, or the latents are
            too few.

    Example:
        >>> make_head("low_rank", 50).options
        {'rank': 10}
    """
    if name not in HEADS:
        raise InputError(f"posterior {name!r}", "no such posterior", f"choose from {', '.join(HEADS)}")
    options = dict(options or {})
    known = list(inspect.signature(HEADS[name]).parameters)[1:]
    asked = f"posterior {name!r} with " + ", ".join(f"{key}={value!r}" for key, value in options.items())
    unknown = sorted(set(options) - set(known))
    if unknown:
        do = f"choose from {', '.join(known)}" if known else "leave the options out"
        raise InputError(asked, f"no option {', '.join(unknown)}", do)
    for key, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(asked, f"{key}={value!r} is not a positive whole number", f"use e.g. {key}=8")
    return HEADS[name](latent, **options)
