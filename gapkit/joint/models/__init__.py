"""Models of Margossian and Blei (2024) and their like, each of which a user could have written."""

from gapkit.joint.models.bayesian_vae import BayesianVae
from gapkit.joint.models.chain import Chain, Saw
from gapkit.joint.models.hierarchical import Linear, Nonlinear
from gapkit.joint.models.process import GaussianProcess

__all__ = ["BayesianVae", "Chain", "GaussianProcess", "Linear", "Nonlinear", "Saw"]
