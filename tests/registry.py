"""Everything exported that must keep a contract; a test asserts that nothing exported is missing here."""

import torch

from gapkit.estimators import Ais, Elbo, Iwae, ReciprocalIs
from gapkit.models.native import save_model
from tests import object_cases
from tests.own_family import LaplaceMeanField

ESTIMATORS = {
    "ais": Ais(num_chains=16, num_temperatures=10),
    "elbo": Elbo(num_samples=200),
    "iwae": Iwae(num_samples=200),
    "reciprocal_is": ReciprocalIs(num_chains=16, num_warmup=50, num_draws=20),
}

# Those that bound log p(x) from above.
UPPER = {"reciprocal_is"}

# Families that are derived from ``gapkit.Family``.
OWN_FAMILIES = {"laplace": LaplaceMeanField}


def _native(path, model):
    save_model(model, path, extra={"epoch": 3})


def _pickled(path, model):
    torch.save(model, path)


# For each kind of self-describing checkpoint, by the class of its adapter: writes a model to such a file.
ADAPTERS = {"Native": _native, "Pickled": _pickled}

# For each kind of object that a factory may return, by the class of its adapter: such an object, and its file.
OBJECTS = {"PyroProgram": object_cases.pyro_program, "SbiPosterior": object_cases.sbi_posterior}

# Kinds of checkpoints whose library has an environment, and tests, of its own: tests/cli/test_scvi_cli.py.
ELSEWHERE = ("ScviFolder",)
