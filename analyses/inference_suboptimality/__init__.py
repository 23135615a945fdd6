"""Analysis of "Inference Suboptimality in Variational Autoencoders" (Cremer, Li, Duvenaud, ICML 2018)."""
