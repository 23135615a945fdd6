"""Tempered SMC of BlackJAX on the same weights and data.

Cabezas et al., "BlackJAX: Composable Bayesian inference in JAX" (2024), https://arxiv.org/abs/2402.10797.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers.installed import peer
from gapkit.core.errors import InputError
from gapkit.models.pair import PairModel

__all__ = ["blackjax_smc"]


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
    jax, jnp, blackjax = peer("jax"), peer("jax.numpy"), peer("blackjax")
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


def _jax_decoder(model: PairModel, x: Tensor) -> tuple[Callable[[Any], Any], int]:
    """Write the decoder in JAX with the same weights, checked against the model: z of shape (D,) to logits (M,).

    Raises:
        InputError: it is no chain of linear maps and known activations, or the likelihood or the prior is another.
    """
    jax, jnp = peer("jax"), peer("jax.numpy")
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
