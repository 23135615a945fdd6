"""The flows of pythae's posteriors as transforms with an inverse: those of VAE_IAF and VAE_LinNF.

pythae evaluates log q only at its own draws. An analysis asks for it anywhere, so each flow is inverted here:

    inverse autoregressive   z_i = y_i exp(s_i(y_<i)) + m_i(y_<i)    exact after D passes, as many as there are latents
    planar                   z = y + u tanh(w'y + b)                 one number, by bisection; only where w'u > -1
    radial                   z = y + beta (y - c) / (a + |y - c|)    one number, in closed form

Sources: Kingma et al., "Improving variational inference with inverse autoregressive flow" (2016),
https://arxiv.org/abs/1606.04934; Rezende & Mohamed, "Variational inference with normalizing flows" (2015),
https://arxiv.org/abs/1505.05770, equations 10 and 14 and appendix A.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Transform, constraints
from torch.nn.functional import softplus

__all__ = ["Autoregressive", "Planar", "Radial", "transform_of"]

_HALVINGS = 60


class _Flow(Transform):
    """A bijection of vectors; layers are those of pythae, whose parameters stay theirs."""

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, layer: Any) -> None:
        super().__init__(cache_size=1)
        self.layer = layer

    def with_cache(self, cache_size: int = 1) -> "_Flow":
        """The same: one result is always kept, because all steps ask for it twice."""
        return self

    def _call(self, x: Tensor) -> Tensor:
        return self._moved(x)[0]

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Log |det dy/dx|, shape (...), at x of shape (..., D)."""
        return self._moved(x)[1]

    def _moved(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The image and log |det|."""
        raise NotImplementedError


class Autoregressive(_Flow):
    """The layers of pythae's IAF in the direction of sampling: the last first, each after a reversal of the latents."""

    def _moved(self, x: Tensor) -> tuple[Tensor, Tensor]:
        flat, change = x.reshape(-1, x.shape[-1]), x.new_zeros(x.shape[:-1].numel())
        for made in reversed(list(self.layer.net)):
            flat = flat.flip(-1)
            out = made(flat)
            # pythae's name for a log scale: its own Jacobian counts it once, not by half.
            flat, change = flat * out.log_var.exp() + out.mu, change + out.log_var.sum(-1)
        return flat.reshape(x.shape), change.reshape(x.shape[:-1])

    def _inverse(self, y: Tensor) -> Tensor:
        flat = y.reshape(-1, y.shape[-1])
        for made in self.layer.net:
            wanted, flat = flat, torch.zeros_like(flat)
            for _ in range(y.shape[-1]):  # every pass makes one more latent exact
                out = made(flat)
                flat = (wanted - out.mu) * torch.exp(-out.log_var)
            flat = flat.flip(-1)
        return flat.reshape(y.shape)


class Planar(_Flow):
    """z = y + u tanh(w'y + b): a bijection where w'u > -1 (:attr:`slope`)."""

    @property
    def slope(self) -> float:
        """w'u."""
        return float((self.layer.w * self.layer.u).detach().sum())

    def _moved(self, x: Tensor) -> tuple[Tensor, Tensor]:
        w, u = self.layer.w[0], self.layer.u[0]
        bent = torch.tanh(x @ w + self.layer.b)
        return x + u * bent.unsqueeze(-1), torch.log1p((1 - bent.square()) * (w @ u))

    def _inverse(self, y: Tensor) -> Tensor:
        """Solve a + w'u tanh(a + b) = w'y for a = w'x: it rises in a, and tanh keeps a within |w'u| of w'y."""
        w, u, b = self.layer.w[0], self.layer.u[0], self.layer.b
        slope, wanted = w @ u, y @ w
        with torch.no_grad():
            low, high = wanted - slope.abs(), wanted + slope.abs()
            for _ in range(_HALVINGS):
                middle = 0.5 * (low + high)
                above = middle + slope * torch.tanh(middle + b) > wanted
                low, high = torch.where(above, low, middle), torch.where(above, middle, high)
            root = 0.5 * (low + high)
            steep = 1 + slope * (1 - torch.tanh(root + b).square())
        # One step of Newton's method: hardly a change of the value, and the gradient of the root.
        root = root - (root + slope * torch.tanh(root + b) - wanted) / steep
        return y - u * torch.tanh(root + b).unsqueeze(-1)


class Radial(_Flow):
    """z = y + beta (y - c) / (a + |y - c|), which pythae keeps a bijection: beta > -a."""

    def _parts(self) -> tuple[Tensor, Tensor, Tensor]:
        spread = self.layer.log_alpha.exp()
        return self.layer.x0[0], spread, softplus(self.layer.beta) - spread

    def _moved(self, x: Tensor) -> tuple[Tensor, Tensor]:
        center, spread, beta = self._parts()
        away = x - center
        far = away.norm(dim=-1)
        pull = beta / (spread + far)
        change = (x.shape[-1] - 1) * torch.log1p(pull) + torch.log1p(pull * spread / (spread + far))
        return x + pull.unsqueeze(-1) * away, change

    def _inverse(self, y: Tensor) -> Tensor:
        """The distance r from the centre solves r + beta r / (a + r) = R: a quadratic equation with one root r >= 0."""
        center, spread, beta = self._parts()
        away = y - center
        image = away.norm(dim=-1)
        half = 0.5 * (image - spread - beta)
        far = half + (half.square() + spread * image).sqrt()
        return center + away / (1 + beta / (spread + far)).unsqueeze(-1)


def transform_of(layer: nn.Module) -> _Flow:
    """The transform of a layer of pythae, by the name of its class."""
    return {"IAF": Autoregressive, "PlanarFlow": Planar, "RadialFlow": Radial}[type(layer).__name__](layer)
