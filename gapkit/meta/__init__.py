"""Inference over many data sets at once: doubly amortized encoders, their relatives, and the third gap.

log p_i(x) - L[g(D_i, x)] = approximation gap + amortization gap (of the best encoder of data set i) + meta gap
"""

from gapkit.meta.checkpoint import require_context, save_meta, with_support
from gapkit.meta.config import MetaTrainConfig
from gapkit.meta.context import ContextPoint, context_curve
from gapkit.meta.data import MetaData, Points, points_of, support_of
from gapkit.meta.evidence import SetEvidence, set_evidence
from gapkit.meta.exact import InclinedPlane, LinearGaussianMeta
from gapkit.meta.families import FAMILIES, draw_sets
from gapkit.meta.hierarchical import SetVae, train_set_vae
from gapkit.meta.images import rotations, scales, shears, shifted_encoders, shifted_model, shifts
from gapkit.meta.ladder import META, analyze_meta, meta_arguments, over_datasets
from gapkit.meta.objective import compiled, meta_elbo
from gapkit.meta.probe import probe_accuracy
from gapkit.meta.single import fit_each_dataset
from gapkit.meta.train import MetaTraining, descend, fit_decoders, train_meta
from gapkit.models.meta_vae import meta_vae, of_each_dataset

__all__ = [
    "FAMILIES",
    "META",
    "ContextPoint",
    "InclinedPlane",
    "LinearGaussianMeta",
    "MetaData",
    "MetaTrainConfig",
    "MetaTraining",
    "Points",
    "SetEvidence",
    "SetVae",
    "analyze_meta",
    "compiled",
    "context_curve",
    "descend",
    "draw_sets",
    "fit_decoders",
    "fit_each_dataset",
    "meta_arguments",
    "meta_elbo",
    "meta_vae",
    "of_each_dataset",
    "over_datasets",
    "points_of",
    "probe_accuracy",
    "require_context",
    "rotations",
    "save_meta",
    "scales",
    "set_evidence",
    "shears",
    "shifted_encoders",
    "shifted_model",
    "shifts",
    "support_of",
    "train_meta",
    "train_set_vae",
    "with_support",
]
