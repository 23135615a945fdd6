"""Inference over many data sets at once: doubly amortized encoders, their relatives, and the third gap.

    log p_i(x) - L[g(D_i, x)] = approximation gap + amortization gap (of the best encoder of data set i) + meta gap
"""

from gapkit.meta.config import MetaTrainConfig
from gapkit.meta.data import MetaData, Points, points_of, support_of
from gapkit.meta.exact import InclinedPlane, LinearGaussianMeta
from gapkit.meta.ladder import META, analyze_meta, meta_arguments
from gapkit.meta.objective import WithCondition, compiled, meta_elbo
from gapkit.meta.train import MetaTraining, fit_decoders, fit_each_dataset, train_meta
from gapkit.models.meta_vae import meta_vae, of_each_dataset

__all__ = [
    "META",
    "InclinedPlane",
    "LinearGaussianMeta",
    "MetaData",
    "MetaTrainConfig",
    "MetaTraining",
    "Points",
    "WithCondition",
    "analyze_meta",
    "compiled",
    "fit_decoders",
    "fit_each_dataset",
    "meta_arguments",
    "meta_elbo",
    "meta_vae",
    "of_each_dataset",
    "points_of",
    "support_of",
    "train_meta",
]
