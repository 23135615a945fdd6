"""Linear-Gaussian models: log p(x), L[q] and L[q*] are closed forms, whatever the noise, the prior and the encoder."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.distributions import Distribution, LowRankMultivariateNormal, MultivariateNormal

from benchmarks.exact.case import DOUBLE, Case, Model, noise, normal, standard

__all__ = ["CASES", "Linear"]

_SMALL = 0.1  # nats below which mending a part or leaving it are both sound advice


@dataclass(frozen=True)
class Linear:
    """Data x ~ N(W z, sigma^2 I), z ~ N(0, C), with an encoder of one's choice; all in float64.

    Attributes:
        weight: W, shape (M, D).
        sigma: of the noise.
        prior_root: a root R of C = R R', shape (D, D); the identity where it is None.
        factor: the encoder's means are the right ones times this.
        width: its standard deviations are those of the best factorised Gaussian times this; None for the exact
            posterior, full-rank.
    """

    weight: Tensor
    sigma: float
    prior_root: Tensor | None = None
    factor: float = 1.0
    width: float | None = 1.0
    _precision: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        precision = torch.linalg.inv(self.root @ self.root.T) + self.weight.T @ self.weight / self.sigma**2
        object.__setattr__(self, "_precision", precision)

    @property
    def root(self) -> Tensor:
        """R, shape (D, D)."""
        return torch.eye(self.weight.shape[1], dtype=DOUBLE) if self.prior_root is None else self.prior_root

    @property
    def marginal(self) -> Distribution:
        """p(x) = N(0, W C W' + sigma^2 I)."""
        size = self.weight.shape[0]
        diagonal = torch.full((size,), self.sigma**2, dtype=DOUBLE)
        return LowRankMultivariateNormal(torch.zeros(size, dtype=DOUBLE), self.weight @ self.root, diagonal)

    def data(self, count: int, seed: int) -> Tensor:
        """Draws of x, shape (count, M)."""
        size, dim = self.weight.shape
        z = noise(seed, count, dim, dtype=DOUBLE) @ self.root.T
        return z @ self.weight.T + self.sigma * noise(seed + 1, count, size, dtype=DOUBLE)

    def mean(self, x: Tensor) -> Tensor:
        """Posterior means, shape (B, D)."""
        return torch.linalg.solve(self._precision, (x @ self.weight).T / self.sigma**2).T

    def gap(self) -> float:
        """KL of the best factorised Gaussian, nats: (sum log P_ii - log det P) / 2, P the posterior precision."""
        diagonal = self._precision.diagonal()
        return 0.0 if self.width is None else 0.5 * float(diagonal.log().sum() - torch.logdet(self._precision))

    def loss(self, x: Tensor) -> Tensor:
        """L[q*] - L[q], shape (B,): of a shift d, d' P d / 2; of a width w, (w^2 - 1 - 2 log w) / 2 a dimension."""
        shift = (1.0 - self.factor) * self.mean(x)
        width = torch.as_tensor(1.0 if self.width is None else self.width, dtype=DOUBLE)
        of_width = 0.5 * self.weight.shape[1] * (width.square() - 1.0 - 2.0 * width.log())
        return 0.5 * ((shift @ self._precision) * shift).sum(-1) + of_width

    def model(self, dtype: torch.dtype = DOUBLE) -> Model:
        """The model in a type of its own."""
        weight, dim = self.weight.to(dtype), self.weight.shape[1]
        gain = torch.linalg.solve(self._precision, self.weight.T / self.sigma**2).T.to(dtype) * self.factor
        scale = (self._precision.diagonal().rsqrt() * (self.width or 1.0)).to(dtype)
        covariance = torch.linalg.inv(self._precision).to(dtype)
        zero = torch.zeros(dim, dtype=dtype)
        prior = (
            standard(dim, dtype=dtype)
            if self.prior_root is None
            else MultivariateNormal(zero, scale_tril=self.prior_root.to(dtype))
        )

        def encode(x: Tensor) -> Distribution:
            return MultivariateNormal(x @ gain, covariance) if self.width is None else normal(x @ gain, scale)

        return Model(encode, lambda z: normal(z @ weight.T, self.sigma), prior)

    def case(
        self, kind: str, facts: str, count: int = 25, seed: int = 0, dtype: torch.dtype = DOUBLE, **more: object
    ) -> Case:
        """The case with all its closed forms; the fault follows from them."""
        x = self.data(count, seed).to(dtype)
        exact, loss, gap = self.marginal.log_prob(x.double()), self.loss(x.double()), self.gap()
        fault = _fault(float(loss.mean()), gap)
        told = f"{facts}; approximation gap {gap:.3g}, amortization gap {float(loss.mean()):.3g}"
        star = exact - gap
        return Case(kind, self.model(dtype), x, exact, told, star - loss, star, fault, **more)  # type: ignore[arg-type]


def _fault(loss: float, gap: float) -> str | None:
    """Where the larger part of the gap is; nowhere if there is none, and undecided if it is small but there."""
    if loss + gap < _SMALL:
        return "nothing" if loss + gap < _SMALL / 100 else None
    return "encoder" if loss > gap else "family"


def _random(size: int, latent: int, scale: float = 1.0) -> Tensor:
    return scale * noise(1, size, latent, dtype=DOUBLE)


def _small() -> Case:
    return Linear(_random(10, 3), 0.5).case("easy", "3 latents, good encoder")


def _exact_q() -> Case:
    return Linear(_random(10, 3), 0.5, width=None).case("easy", "the encoder gives the posterior itself")


def _biased_encoder() -> Case:
    return Linear(_random(10, 3), 0.5, factor=0.8, width=0.7).case("easy", "means and widths of the encoder are off")


def _good_tiny_noise() -> Case:
    return Linear(_random(784, 10), 0.01).case("easy", "784 outputs, noise 0.01, good encoder")


def _many_latents() -> Case:
    return Linear(_random(300, 200, 0.1), 1.0).case("easy", "200 latents, 300 outputs")


def _condition() -> Case:
    left = torch.linalg.qr(_random(20, 8)).Q
    right = torch.linalg.qr(noise(2, 8, 8, dtype=DOUBLE)).Q
    weight = left * torch.logspace(-1, 3, 8, dtype=DOUBLE) @ right.T
    return Linear(weight, 1.0).case("easy", "posterior variances from 1e-6 to 1, rotated")


def _null_directions() -> Case:
    weight = _random(20, 3) @ noise(2, 3, 10, dtype=DOUBLE)
    return Linear(weight, 0.5).case(
        "easy", "10 latents, a decoder of rank 3: the posterior is the prior in 7 directions"
    )


def _pixels() -> Case:
    facts = "10,000 outputs in float32, noise 0.3: the log-likelihood is a sum of very many terms"
    return Linear(_random(10_000, 2, 0.02), 0.3).case("resolution of numbers", facts, 20, dtype=torch.float32)


def _tiny_noise() -> Case:
    facts = "784 outputs, noise 0.01, encoder means half of the right ones"
    return Linear(_random(784, 10), 0.01, factor=0.5).case("far or narrow", facts, strict=True)


def _far() -> Case:
    facts = "prior N(0, 100^2), noise 0.1, encoder N(0, 1): a thousand posterior standard deviations and more away"
    linear = Linear(torch.eye(10, dtype=DOUBLE), 0.1, 100.0 * torch.eye(10, dtype=DOUBLE), factor=0.0, width=10.0)
    return linear.case("far or narrow", facts)


def _three_hundred() -> Case:
    facts = "300 latents, 400 outputs: beyond the limit of full-rank fits"
    return Linear(_random(400, 300, 0.1), 1.0).case("far or narrow", facts, strict=True)


def _few_outputs(latents: int, outputs: int) -> Case:
    facts = (
        f"{latents} latents in float32, noise 1e-4, outputs: {outputs}; the precision of what they do not fix is less "
        "than the rounding of the largest"
    )
    linear = Linear(_random(outputs, latents), 1e-4, factor=0.0, width=100.0)
    return linear.case("far or narrow", facts, dtype=torch.float32)


def _process(factor: float, width: float, facts: str) -> Case:
    grid = torch.arange(30, dtype=DOUBLE)
    covariance = torch.exp(-0.5 * ((grid[:, None] - grid) / 10.0) ** 2) + 1e-4 * torch.eye(30, dtype=DOUBLE)
    root = torch.linalg.cholesky(covariance)
    linear = Linear(torch.eye(30, dtype=DOUBLE), 1.0, root, factor, width)
    return linear.case("priors of their own", f"Gaussian-process prior of 30 latents, {facts} encoder", strict=True)


CASES = {
    "linear_small": _small,
    "linear_posterior_encoder": _exact_q,
    "linear_biased_encoder": _biased_encoder,
    "linear_noise_0.01": _good_tiny_noise,
    "linear_200_latents": _many_latents,
    "linear_condition_1e6": _condition,
    "linear_null_directions": _null_directions,
    "linear_noise_0.01_poor_encoder": _tiny_noise,
    "linear_far": _far,
    "linear_300_latents": _three_hundred,
    "linear_one_output": lambda: _few_outputs(3, 1),
    "linear_five_outputs": lambda: _few_outputs(20, 5),
    "process_prior_poor_encoder": lambda: _process(0.5, 0.5, "poor"),
    "process_prior_good_encoder": lambda: _process(1.0, 1.0, "good"),
    "linear_10000_pixels": _pixels,
}
