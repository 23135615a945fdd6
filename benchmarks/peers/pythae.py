"""Importance sampling of pythae on the same weights and data.

Chadebec, Vincent & Allassonniere, "Pythae: Unifying Generative Autoencoders in Python" (2022),
https://arxiv.org/abs/2206.08309.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal

from benchmarks.peers.installed import peer
from gapkit.core.errors import InputError
from gapkit.core.randomness import seeded
from gapkit.estimators import Estimate, Iwae
from gapkit.models.likelihoods import spec
from gapkit.models.pair import PairModel
from gapkit.models.reference import mlp_vae

__all__ = ["pythae_against_gapkit", "pythae_by_samples", "pythae_on_the_exact_model"]

# What is asked of get_nll with batches of 100, to see how many samples it then draws.
_ASKED, _BATCH = (1, 50, 150, 250), 100


def pythae_against_gapkit(
    model: PairModel,
    x: Tensor,
    num_samples: int = 100,
    *,
    batch_size: int = 100,
    repeats: int = 3,
    num_threads: int | None = 1,
    seed: int = 0,
) -> dict[str, float]:
    """``pythae.models.VAE.get_nll`` and gapkit's ``Iwae``: the same networks, data and number of samples.

    The two are timed in turns; seconds are medians per datapoint and include the encoder. pythae takes one datapoint
    at a time and builds a graph for gradients that nobody asks for, so it is timed as published and under
    ``torch.no_grad``. Its number of samples is not what it is asked for but the decoder rows that were counted, and
    gapkit draws as many.

    Args:
        model: Bernoulli likelihood on logits, or a normal one with sigma = 1: pythae knows no other.
        x: data, shape (B, *x_shape).
        num_samples: what pythae is asked for.
        batch_size: pythae's rows per call.
        repeats: timed calls of each, after one that is not timed.
        num_threads: of torch for both; None leaves it as it is. With one, other work on the machine disturbs least.
        seed: of both.

    Returns:
        ``samples`` used by both; ``pythae_returned``; ``gapkit_mean`` and ``gapkit_std_error`` of the mean log p(x)
        over the data, in nats; ``*_seconds`` per datapoint; ``ratio`` and ``ratio_no_grad`` of pythae's seconds to
        gapkit's; ``samples_when_asked_*``: drawn for each of some ``n_samples`` with batches of 100.
    """
    vae = _pythae_vae(model, x)
    asked = {f"samples_when_asked_{n}": float(vae.rows_drawn(x[:1], n, _BATCH)) for n in _ASKED}
    samples = vae.rows_drawn(x[:1], num_samples, batch_size)

    def pythae() -> float:
        with seeded(seed, "pythae"):
            return float(vae.get_nll(x, n_samples=num_samples, batch_size=batch_size))

    def pythae_no_grad() -> float:
        with torch.no_grad():
            return pythae()

    def gapkit() -> Estimate:
        with torch.no_grad():
            return Iwae(num_samples=samples)(model, x, model.encode(x), seed)

    with _threads(num_threads):
        returned, estimate = pythae(), gapkit()
        seconds = _medians({"pythae": pythae, "pythae_no_grad": pythae_no_grad, "gapkit": gapkit}, repeats)
    return {
        "samples": float(samples),
        "pythae_returned": returned,
        "gapkit_mean": float(estimate.value.mean()),
        "gapkit_std_error": float(estimate.std_error.square().sum().sqrt()) / len(x),
        **{f"{name}_seconds": value / len(x) for name, value in seconds.items()},
        "ratio": seconds["pythae"] / seconds["gapkit"],
        "ratio_no_grad": seconds["pythae_no_grad"] / seconds["gapkit"],
        **asked,
    }


def pythae_by_samples(model: PairModel, x: Tensor, numbers: Sequence[int] = (1, 10, 100, 1000)) -> dict[str, float]:
    """Ratio of pythae's seconds to gapkit's for several numbers of samples, as ``ratio_at_N_samples``.

    With few samples pythae pays for its loop over datapoints, with many both pay for the decoder's matrix products,
    of which pythae needs twice as many: it encodes the datapoint anew for every sample.
    """
    found = {}
    for number in numbers:
        batch = min(number, _BATCH)
        found[number] = pythae_against_gapkit(model, x, number, batch_size=batch, num_threads=None)
    assert all(values["samples"] == number for number, values in found.items())
    return {f"ratio_at_{number}_samples": values["ratio"] for number, values in found.items()}


def pythae_on_the_exact_model(
    num_samples: int = 100, *, num_datapoints: int = 100, x_dim: int = 10, latent: int = 3, seed: int = 0
) -> dict[str, float]:
    """Both on probabilistic PCA with unit noise, where log p(x) is known: x = W z + e, so x ~ N(0, W W' + I).

    The encoder is the best factorised Gaussian. Beside the figures of :func:`pythae_against_gapkit` there is ``exact``,
    the mean log p(x), ``gapkit_error`` = gapkit - exact, and pythae's error if what it returns is read as the log
    likelihood (``pythae_error_as_log_px``) or, as its name says, the negative one (``pythae_error_as_nll``).
    """
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(x_dim, latent, generator=generator)
    z = torch.randn(num_datapoints, latent, generator=generator)
    x = z @ weight.mT + torch.randn(num_datapoints, x_dim, generator=generator)
    model = _linear_gaussian(weight)
    marginal = LowRankMultivariateNormal(torch.zeros(x_dim).double(), weight.double(), torch.ones(x_dim).double())
    exact = float(marginal.log_prob(x.double()).mean())
    found = pythae_against_gapkit(model, x, num_samples, seed=seed)
    return {
        "exact": exact,
        "gapkit_error": found["gapkit_mean"] - exact,
        "pythae_error_as_log_px": found["pythae_returned"] - exact,
        "pythae_error_as_nll": -found["pythae_returned"] - exact,
        **found,
    }


@contextlib.contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Let torch use so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _medians(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of each call: all in turns, so that what else the machine does hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            if turn:
                seconds[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _pythae_vae(model: PairModel, x: Tensor) -> Any:
    """Give pythae the model's own encoder and decoder; ``rows_drawn`` counts what get_nll asks of the decoder."""
    models, nets = peer("pythae.models"), peer("pythae.models.nn")
    output = peer("pythae.models.base.base_utils").ModelOutput
    kinds = {"bernoulli": "bce", "gaussian:sigma=1.0": "mse"}
    likelihood = spec(model.likelihood)
    if likelihood not in kinds:
        raise InputError("get_nll of pythae", f"likelihood {likelihood}", f"use {' or '.join(kinds)}")

    class Encoder(nets.BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.net = model.encoder

        def forward(self, rows: Tensor) -> Any:
            mean, logvar = self.net(rows)
            return output(embedding=mean, log_covariance=logvar)

    class Decoder(nets.BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.rows = model.decoder, 0

        def forward(self, z: Tensor) -> Any:
            self.rows += len(z)
            params = self.net(z)
            return output(reconstruction=params.sigmoid() if likelihood == "bernoulli" else params)

    class Vae(models.VAE):
        def rows_drawn(self, rows: Tensor, n_samples: int, batch_size: int) -> int:
            before = self.decoder.rows
            self.get_nll(rows, n_samples=n_samples, batch_size=batch_size)
            return self.decoder.rows - before

    latent = model.encode(x[:1]).event_shape[0]
    shape, loss = tuple(x.shape[1:]), kinds[likelihood]
    config = models.VAEConfig(input_dim=shape, latent_dim=latent, reconstruction_loss=loss)
    return Vae(config, Encoder(), Decoder()).eval()


def _linear_gaussian(weight: Tensor) -> PairModel:
    """Return x | z ~ N(W z, I) with the best factorised Gaussian as encoder."""
    x_dim, latent = weight.shape
    precision = torch.eye(latent) + weight.mT @ weight
    gain, logvar = torch.linalg.solve(precision, weight.mT), -precision.diagonal().log()
    model = mlp_vae((x_dim,), latent, hidden=(), likelihood="gaussian:sigma=1.0")
    encoder, decoder = (next(net.children())[0] for net in (model.encoder, model.decoder))
    with torch.no_grad():
        encoder.weight.copy_(torch.cat([gain, torch.zeros_like(gain)]))
        encoder.bias.copy_(torch.cat([torch.zeros_like(logvar), logvar]))
        decoder.weight.copy_(weight)
        decoder.bias.zero_()
    return model
