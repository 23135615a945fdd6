"""Auto-Encoding Variational Bayes (Kingma & Welling 2014): its experiments, and the gap split it could not show."""
