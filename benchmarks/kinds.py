"""``python -m benchmarks.kinds --json FILE``: models of other kinds than a plain VAE, trained on MNIST and analysed.

A conditional VAE (labels), a ladder VAE of two groups, one of log-normal latents, a density log p(x, z) with a flow as
its guide, and one whose ten classes are summed out; each in its encoder's own family. Log p(x) of some images is held
against long annealed importance sampling from the prior, which owes nothing to encoder and fits.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent, LogNormal, Normal, kl_divergence

from gapkit import Ais, analyze, from_joint
from gapkit.inputs.data import binarize, load
from gapkit.models import LatentGroups, classes_summed_out, standard_normal
from gapkit.models.heads import make_head
from gapkit.models.nets import mlp
from gapkit.models.protocol import LatentModel

_PIXELS, _HIDDEN, _CLASSES = 784, 200, 10


def _net(inputs: int, outputs: int) -> nn.Module:
    return mlp((inputs, _HIDDEN, _HIDDEN, outputs), "elu")


def _normal(output: Tensor) -> Normal:
    mean, log_scale = output.chunk(2, -1)
    return Normal(mean, log_scale.clamp(-7.0, 4.0).exp())


def _pixels(logits: Tensor) -> Independent:
    return Independent(Bernoulli(logits=logits), 1)


class Plain(nn.Module):
    """784-200-200-20, Gaussian q; for comparison."""

    def __init__(self, beside: int = 0, latent: int = 20) -> None:
        super().__init__()
        self.latent = latent
        self.enc, self.dec = _net(_PIXELS + beside, 2 * latent), _net(latent + beside, _PIXELS)

    def encode(self, x: Tensor) -> Distribution:
        """Q(z|x)."""
        return Independent(_normal(self.enc(x)), 1)

    def decode(self, z: Tensor) -> Distribution:
        """P(x|z)."""
        return _pixels(self.dec(z))

    def prior(self) -> Distribution:
        """P(z)."""
        return standard_normal((self.latent,))

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Minus L[q]."""
        q = self.encode(x)
        return (kl_divergence(q, self.prior()) - self.decode(q.rsample()).log_prob(x)).mean()


class Labelled(Plain):
    """The same with the label beside x and z."""

    def __init__(self) -> None:
        super().__init__(_CLASSES)

    @staticmethod
    def _with(part: Tensor, c: Tensor) -> Tensor:
        return torch.cat([part, nn.functional.one_hot(c, _CLASSES).to(part)], -1)

    def encode(self, x: Tensor, c: Tensor) -> Distribution:  # type: ignore[override]
        """Q(z|x, c)."""
        return Independent(_normal(self.enc(self._with(x, c))), 1)

    def decode(self, z: Tensor, c: Tensor) -> Distribution:  # type: ignore[override]
        """P(x|z, c)."""
        return _pixels(self.dec(self._with(z, c)))

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Minus L[q]."""
        q = self.encode(x, labels)
        return (kl_divergence(q, self.prior()) - self.decode(q.rsample(), labels).log_prob(x)).mean()


class SummedOut(Labelled):
    """The same where the label is not known: q(y|x), and all ten summed over."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = _net(_PIXELS, _CLASSES)

    def model(self) -> LatentModel:
        """Of z alone."""
        return classes_summed_out(self, _CLASSES, self.classes)  # type: ignore[arg-type]

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Minus L[q] of z alone, with one draw from every component."""
        weights = torch.log_softmax(self.classes(x), -1)
        whole, total = self.model(), torch.zeros(())
        q = whole.encode(x)
        for k in range(_CLASSES):
            z = self.encode(x, torch.full((len(x),), k)).rsample()
            bound = whole.prior().log_prob(z) + whole.decode(z).log_prob(x) - q.log_prob(z)
            total = total - (weights[:, k].exp() * bound).mean()
        return total


class Ladder(LatentGroups):
    """Two groups: 5 latents above 20; q draws them in the order of p."""

    groups = {"z2": 5, "z1": 20}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.up, self.top = mlp((_PIXELS, _HIDDEN, 64), "elu"), mlp((64, 64, 10), "elu")
        self.low, self.down = mlp((64 + 5, 64, 40), "elu"), mlp((5, 64, 40), "elu")
        self.dec = _net(20, _PIXELS)

    def embed(self, x: Tensor) -> Tensor:
        """What both groups need of x."""
        return self.up(x)

    def infer(self, name: str, features: Any, drawn: Any) -> Normal:
        """Q of a group."""
        return _normal(self.top(features) if name == "z2" else self.low(torch.cat([features, drawn["z2"]], -1)))

    def generate(self, name: str, drawn: Any) -> Normal:
        """P of a group."""
        return Normal(torch.zeros(5), 1.0) if name == "z2" else _normal(self.down(drawn["z2"]))

    def likelihood(self, z: Any) -> Distribution:
        """P(x|z)."""
        return _pixels(self.dec(z["z1"]))

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Minus L[q]."""
        z, log_q = self.encode(x).rsample_and_log_prob()  # type: ignore[attr-defined]
        return (log_q - self.prior().log_prob(z) - self.decode(z).log_prob(x)).mean()


class Positive(Plain):
    """20 log-normal latents under a log-normal prior."""

    def encode(self, x: Tensor) -> Distribution:
        """Q(z|x)."""
        q = _normal(self.enc(x))
        return Independent(LogNormal(q.loc, q.scale), 1)

    def prior(self) -> Distribution:
        """P(z)."""
        return Independent(LogNormal(torch.zeros(self.latent), torch.ones(self.latent)), 1)

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Minus L[q]."""
        q = self.encode(x)
        z = q.rsample()
        return (q.log_prob(z) - self.prior().log_prob(z) - self.decode(z).log_prob(x)).mean()


class FlowGuide(nn.Module):
    """log p(x, z) alone, and a coupling flow as q."""

    def __init__(self) -> None:
        super().__init__()
        self.head = make_head("flow", 20, {"num_layers": 4, "num_hidden": 32})
        self.enc, self.dec = _net(_PIXELS, self.head.size), _net(20, _PIXELS)

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """Log p(x, z)."""
        return standard_normal((20,)).log_prob(z) + _pixels(self.dec(z)).log_prob(x)

    def guide(self, x: Tensor) -> Distribution:
        """Q(z|x)."""
        q: Distribution = self.head(self.enc(x))
        return q

    def model(self) -> LatentModel:
        """As gapkit takes it."""
        return from_joint(self.log_joint, self.guide)

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Minus L[q]."""
        z, log_q = self.guide(x).rsample_and_log_prob()  # type: ignore[attr-defined]
        return (log_q - self.log_joint(x, z)).mean()


KINDS: dict[str, Callable[[], nn.Module]] = {
    "plain": Plain,
    "labels as a condition": Labelled,
    "two groups of latents": Ladder,
    "log-normal latents": Positive,
    "log p(x, z) and a flow": FlowGuide,
    "ten classes summed out": SummedOut,
}


def trained(kind: str, x: Tensor, labels: Tensor, epochs: int) -> nn.Module:
    """Adam on batches of 100 of dynamically binarised images, from a fixed seed."""
    torch.manual_seed(0)
    model: Any = KINDS[kind]()
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(100):
            optimiser.zero_grad()
            model.loss(torch.bernoulli(x[rows]), labels[rows]).backward()
            optimiser.step()
    return model.eval().requires_grad_(False)


def measured(own: Any, x: Tensor, labels: Tensor, effort: str, held: int) -> dict[str, Any]:
    """What an analysis says, and log p(x) of some images against a long way from the prior."""
    model = own.model() if hasattr(own, "model") else own
    condition = labels if isinstance(own, Labelled) and not isinstance(own, SummedOut) else None
    began = time.perf_counter()
    result = analyze(model, x, effort=effort, condition=condition)
    seconds, table = time.perf_counter() - began, result.to_frame()
    c = None if condition is None else condition[:held]
    long = Ais(num_chains=16, num_temperatures=3000)(model, x[:held], model.prior(), seed=1, condition=c)
    apart = table["log_px"].to_numpy()[:held] - long.value.numpy()
    means = result.summary_values.splits["test"].quantities
    names = ("log_px", "elbo_star", "elbo", "approximation_gap", "amortization_gap")
    return {
        "family": result.run["families"]["split"],
        "seconds": seconds,
        "images": len(x),
        "flagged": float((table["status"] != "ok").mean()),
        "held": held,
        "above_long_ais": float(apart.mean()),
        "above_long_ais_se": float(apart.std(ddof=1) / held**0.5),
        "least_above": float(apart.min()),
        **{name: {"mean": means[name].mean, "se": means[name].se_datapoints} for name in names},
    }


def main() -> None:
    """Train, analyse, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kinds", description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--held", type=int, default=20)
    parser.add_argument("--effort", default="quick")
    arguments = parser.parse_args()
    train, test = load(arguments.data, split="train"), load(arguments.data, limit=arguments.images)
    x = binarize(test.x, "sample", 0).reshape(len(test.x), -1)
    assert train.labels is not None
    assert test.labels is not None
    found: dict[str, Any] = {"epochs": arguments.epochs, "effort": arguments.effort, "kinds": {}}
    for kind in KINDS:
        own = trained(kind, train.x.reshape(len(train.x), -1), torch.as_tensor(train.labels), arguments.epochs)
        labels = torch.as_tensor(test.labels)
        found["kinds"][kind] = measured(own, x, labels, arguments.effort, arguments.held)
        print(kind, json.dumps(found["kinds"][kind]), flush=True)
    arguments.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
