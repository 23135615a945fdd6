"""Everything exported that must keep a contract; a test asserts that nothing exported is missing here."""

from gapkit.estimators import Ais, Elbo, Iwae

ESTIMATORS = {
    "ais": Ais(num_chains=16, num_temperatures=10),
    "elbo": Elbo(num_samples=200),
    "iwae": Iwae(num_samples=200),
}
