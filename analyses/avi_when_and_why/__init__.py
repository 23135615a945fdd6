"""Amortized variational inference: when and why? Margossian and Blei (2024), with exact values beside every fit."""
