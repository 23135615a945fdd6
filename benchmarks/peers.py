"""Peers of gapkit on the same weights and data: importance sampling of pythae, tempered SMC of BlackJAX.

pythae: Chadebec, Vincent & Allassonniere, "Pythae: Unifying Generative Autoencoders in Python" (2022),
https://arxiv.org/abs/2206.08309. BlackJAX: Cabezas et al., "BlackJAX: Composable Bayesian inference in JAX" (2024),
https://arxiv.org/abs/2402.10797. Neither is needed by gapkit: ``pip install -r benchmarks/requirements.txt``.
"""

import contextlib
import importlib
import math
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import LowRankMultivariateNormal

from gapkit.checks import InputError
from gapkit.estimators import Estimate, Iwae
from gapkit.models.likelihoods import spec
from gapkit.models.pair import PairModel
from gapkit.models.reference import mlp_vae
from gapkit.randomness import seeded

__all__ = ["blackjax_smc", "pythae_against_gapkit", "pythae_on_the_exact_model"]

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


def blackjax_smc(
    model: PairModel,
    x: Tensor,
    gold: Tensor,
    *,
    num_particles: int = 100,
    num_mcmc_steps: int = 5,
    num_leapfrogs: int = 3,
    target_ess: float = 0.9,
    acceptance: float = 0.75,
    max_temperatures: int = 500,
    seed: int = 0,
) -> dict[str, list[float]]:
    """``blackjax.adaptive_tempered_smc`` with Hamiltonian moves from the prior to the posterior, in float32.

    Between temperatures the diagonal mass matrix is learned from the particles and the step size from the acceptance
    rate. Datapoints are done one after the other, because temperatures and steps are each one's own; the loop over
    temperatures is compiled, and the compilation is not timed.

    A move costs ``1 + num_mcmc_steps * num_leapfrogs`` gradients per particle (one to begin). The two values of
    log p(x|z) per particle and temperature, for the next temperature and for the weights, are not counted.

    Args:
        model: a chain of linear maps and activations as decoder, Bernoulli likelihood, standard normal prior.
        x: data, shape (B, *x_shape).
        gold: log p(x), shape (B,), in nats.
        num_particles: particles.
        num_mcmc_steps: transitions of each particle per temperature.
        num_leapfrogs: gradients per transition; 1 is the Metropolis-adjusted Langevin algorithm.
        target_ess: effective sample size of each temperature's weights that chooses the next, as a share.
        acceptance: the rate that the step size aims at.
        max_temperatures: where a run ends unfinished; its estimate is then NaN.
        seed: of the particles.

    Returns:
        Per datapoint: ``log_px``, ``error`` (log_px - gold), ``gradients``, ``temperatures``, mean ``acceptance``,
        ``seconds``, and ``cpu_seconds`` of all cores: JAX may use several.
    """
    jax, jnp, blackjax = _peer("jax"), _peer("jax.numpy"), _peer("blackjax")
    decoder, dim = _jax_decoder(model, x)
    hmc = blackjax.hmc.build_kernel()

    def log_prior(z: Any) -> Any:
        return -0.5 * (z @ z + dim * math.log(2.0 * math.pi))

    def move(*args: Any, **settings: Any) -> Any:
        return hmc(*args, num_integration_steps=num_leapfrogs, **settings)

    @jax.jit
    def run(key: Any, row: Any) -> Any:
        def log_likelihood(z: Any) -> Any:
            logits = decoder(z)
            return jnp.sum(row * logits - jax.nn.softplus(logits))

        smc = blackjax.adaptive_tempered_smc.build_kernel(
            log_prior, log_likelihood, move, blackjax.hmc.init, blackjax.smc.resampling.systematic, target_ess
        )

        def unfinished(carry: Any) -> Any:
            return (carry["state"].tempering_param < 1.0) & (carry["temperatures"] < max_temperatures)

        def temperature(carry: Any) -> Any:
            key, now = jax.random.split(carry["key"])
            scale = jnp.var(carry["state"].particles, axis=0)
            settings = blackjax.smc.extend_params({"step_size": carry["step"], "inverse_mass_matrix": scale})
            state, info = smc(now, carry["state"], num_mcmc_steps, settings)
            accepted = jnp.mean(info.update_info.acceptance_rate)
            return {
                "key": key,
                "state": state,
                "step": carry["step"] * jnp.exp(accepted - acceptance),
                "log_px": carry["log_px"] + info.log_likelihood_increment,
                "accepted": carry["accepted"] + accepted,
                "temperatures": carry["temperatures"] + 1,
            }

        key, first = jax.random.split(key)
        state = blackjax.adaptive_tempered_smc.init(jax.random.normal(first, (num_particles, dim)))
        start = {"step": dim**-0.25, "log_px": 0.0, "accepted": 0.0, "temperatures": 0}
        start = jax.tree.map(jnp.asarray, {"key": key, "state": state, **start})
        end = jax.lax.while_loop(unfinished, temperature, start)
        log_px = jnp.where(end["state"].tempering_param < 1.0, jnp.nan, end["log_px"])
        return log_px, end["temperatures"], end["accepted"] / end["temperatures"]

    rows = jnp.asarray(x.flatten(1).float().numpy())
    keys = jax.random.split(jax.random.key(seed), len(rows))
    jax.block_until_ready(run(keys[0], rows[0]))
    names = ("log_px", "error", "gradients", "temperatures", "acceptance", "seconds", "cpu_seconds")
    found: dict[str, list[float]] = {name: [] for name in names}
    for key, row, truth in zip(keys, rows, gold.tolist(), strict=True):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        log_px, count, accepted = (float(value) for value in jax.block_until_ready(run(key, row)))
        spent = time.perf_counter() - begin, time.process_time() - cpu_begin
        gradients = num_particles * count * (1 + num_mcmc_steps * num_leapfrogs)
        values = (log_px, log_px - truth, gradients, count, accepted, *spent)
        for name, value in zip(names, values, strict=True):
            found[name].append(value)
    return found


def _peer(name: str) -> Any:
    """Import a module of a peer, or say how to install it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as err:
        do = "pip install -r benchmarks/requirements.txt"
        raise ImportError(f"this benchmark needs {name}, but {err.name} is not installed: {do}") from err


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
    models, nets = _peer("pythae.models"), _peer("pythae.models.nn")
    output = _peer("pythae.models.base.base_utils").ModelOutput
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


def _jax_decoder(model: PairModel, x: Tensor) -> tuple[Callable[[Any], Any], int]:
    """Write the decoder in JAX with the same weights, checked against the model: z of shape (D,) to logits (M,).

    Raises:
        InputError: it is no chain of linear maps and known activations, or the likelihood or the prior is another.
    """
    jax, jnp = _peer("jax"), _peer("jax.numpy")
    activations = {nn.ELU: jax.nn.elu, nn.ReLU: jax.nn.relu, nn.Tanh: jnp.tanh, nn.Softplus: jax.nn.softplus}
    layers: list[Callable[[Any], Any]] = []
    asked, do = "write the decoder in JAX", "use a reference model of mlp_vae with a bernoulli likelihood"
    if model.likelihood.name != "bernoulli" or model.latent_prior != "standard_normal":
        raise InputError(asked, f"likelihood {model.likelihood.name}, prior {model.latent_prior}", do)
    for module in model.decoder.modules():
        if isinstance(module, nn.Linear):
            weight = jnp.asarray(module.weight.detach().float().numpy())
            bias = 0.0 if module.bias is None else jnp.asarray(module.bias.detach().float().numpy())
            layers.append(lambda h, weight=weight, bias=bias: weight @ h + bias)
        elif type(module) in activations:
            layers.append(activations[type(module)])
        elif not list(module.children()):
            raise InputError(asked, f"a layer {type(module).__name__}", do)

    def decoder(z: Any) -> Any:
        for layer in layers:
            z = layer(z)
        return z

    z = model.encode(x[:2]).mean.detach()
    ours = model.decode(z).base_dist.logits.detach().flatten(1)
    theirs = torch.tensor(jax.vmap(decoder)(jnp.asarray(z.float().numpy())).tolist())
    if not torch.allclose(ours.float(), theirs, rtol=1e-3, atol=1e-3):
        raise InputError(asked, f"logits that differ by up to {(ours - theirs).abs().max():.3g}", do)
    return decoder, z.shape[1]
