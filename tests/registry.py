"""Everything exported that must keep a contract; a test asserts that nothing exported is missing here."""

from gapkit.estimators import Ais, Elbo, Iwae, ReciprocalIs
from gapkit.families import LogGamma, LogitBeta, LogRatioDirichlet, LogWeibull
from tests import object_cases
from tests.checkpoints import written
from tests.own_family import LaplaceMeanField

ESTIMATORS = {
    "ais": Ais(num_chains=16, num_temperatures=10),
    "elbo": Elbo(num_samples=200),
    "iwae": Iwae(num_samples=200),
    "reciprocal_is": ReciprocalIs(num_chains=16, num_warmup=50, num_draws=20),
}

# Those that bound log p(x) from above.
UPPER = {"reciprocal_is"}

# Families that are derived from ``gapkit.Family``, and can be made of a place and deviations alone.
OWN_FAMILIES = {
    "laplace": LaplaceMeanField,
    "gamma": LogGamma,
    "weibull": LogWeibull,
    "beta": LogitBeta,
    "dirichlet": LogRatioDirichlet,
}
# Those whose member of that place and those deviations is only near to them.
ROUGH = {"beta", "dirichlet"}
# Those whose members are made around an encoder's q: tests/models has models with such encoders.
AROUND_ENCODERS = {"groups"}


# For each kind of checkpoint or model that needs no code of the user's, or wraps what it returns, by the class of its
# adapter: writes one into a folder.
ADAPTERS = {
    "Native": written.native,
    "Pickled": written.pickled,
    "Pythae": written.pythae,
    "PythaeModel": written.pythae_object,
    "Diffusers": written.diffusers,
    "Exported": written.exported,
    "Scripted": written.scripted,
}

# For each kind of object that a factory may return, by the class of its adapter: such an object, and its file.
OBJECTS = {"PyroProgram": object_cases.pyro_program, "SbiPosterior": object_cases.sbi_posterior}

# Kinds of checkpoints whose library has an environment, and tests, of its own: tests/cli/test_scvi_cli.py.
ELSEWHERE = ("ScviFolder",)
