"""Latents of an encoder made by hand: noise, and the use of some of them."""

import numpy as np

from gapkit.results.latent_use import summarise_latents


def noise(draws, count, dim, seed=1):
    return np.random.default_rng(seed).normal(size=(draws, count, dim))


def with_active(variances, count=4000):
    rng = np.random.default_rng(0)
    loc = rng.normal(size=(count, len(variances))) * np.sqrt(variances)
    scale = np.full_like(loc, 0.9)
    return summarise_latents(loc, scale, np.log(scale).sum(1), noise(2, 50, len(variances)))
