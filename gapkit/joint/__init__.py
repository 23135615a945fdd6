"""Models with latents that all datapoints share: amortized against factorized variational inference."""
