"""Models: the contract, likelihoods and priors, pairs of networks, and the reference VAEs."""

from gapkit.models import distributions, likelihoods
from gapkit.models.classes import classes_summed_out
from gapkit.models.freeze import frozen
from gapkit.models.groups import LatentGroups
from gapkit.models.heads import HEADS
from gapkit.models.joint import JointModel, from_joint
from gapkit.models.likelihoods import LIKELIHOODS, Likelihood
from gapkit.models.native import load_model, read_payload, rebuild, save_model
from gapkit.models.pair import PairModel, from_pair
from gapkit.models.posterior import PosteriorEncoder
from gapkit.models.priors import GaussianMixturePrior, VampPrior, standard_normal
from gapkit.models.programs import PyroPair, SbiModel, ScviModel, from_pyro, from_sbi, from_scvi
from gapkit.models.protocol import LatentModel
from gapkit.models.reference import BUILDERS, build, conv_vae, mlp_vae
from gapkit.models.support import check_support

__all__ = [
    "BUILDERS",
    "HEADS",
    "LIKELIHOODS",
    "GaussianMixturePrior",
    "JointModel",
    "LatentGroups",
    "LatentModel",
    "Likelihood",
    "PairModel",
    "PosteriorEncoder",
    "PyroPair",
    "SbiModel",
    "ScviModel",
    "VampPrior",
    "build",
    "check_support",
    "classes_summed_out",
    "conv_vae",
    "distributions",
    "from_joint",
    "from_pair",
    "from_pyro",
    "from_sbi",
    "from_scvi",
    "frozen",
    "likelihoods",
    "load_model",
    "mlp_vae",
    "read_payload",
    "rebuild",
    "save_model",
    "standard_normal",
]
