"""Peers of gapkit; none is needed by gapkit: ``pip install -r benchmarks/requirements.txt``."""

from benchmarks.peers.blackjax import blackjax_smc
from benchmarks.peers.pythae import pythae_against_gapkit, pythae_by_samples, pythae_on_the_exact_model

__all__ = ["blackjax_smc", "pythae_against_gapkit", "pythae_by_samples", "pythae_on_the_exact_model"]
