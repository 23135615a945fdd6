"""Weights of posteriors of sbi: state dicts, and pickles that are trusted."""

import pytest
import torch
from sbi.inference.posteriors import DirectPosterior

from gapkit.checkpoints import load
from gapkit.core.errors import GapkitWarning, InputError
from tests.models.simulators import GAUSSIAN, estimator, simulated

FILE = """
from sbi.inference.posteriors import DirectPosterior
from sbi.neural_nets import likelihood_nn

import gapkit
from tests.models.simulators import *


def build():
    return gapkit.models.from_sbi(DirectPosterior(estimator(), GAUSSIAN), likelihood)


def alone():
    return DirectPosterior(estimator(), GAUSSIAN)


def with_learned():
    theta, x = simulated(GAUSSIAN, 100, 3)
    return DirectPosterior(estimator(), GAUSSIAN), likelihood_nn("maf", hidden_features=5)(theta, x)
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "m.py").write_text(FILE)
    return tmp_path


def _log_q(model, x):
    return model.encode(x).log_prob(torch.zeros(len(x), 2)).detach()


def test_a_state_dict_and_a_trusted_pickle_give_the_same(file):
    posterior, x = DirectPosterior(estimator(seed=1), GAUSSIAN), simulated(GAUSSIAN, 4, 1)[1]
    torch.save(posterior.posterior_estimator.state_dict(), file / "state.pt")
    torch.save(posterior, file / "posterior.pt")
    spec = f"{file / 'm.py'}:build"
    state = load(file / "state.pt", model=spec)
    assert "an amortized posterior of sbi" in state.description
    with pytest.raises(InputError, match="would run code"):
        load(file / "posterior.pt", model=spec)
    trusted = load(file / "posterior.pt", model=spec, trust_pickle=True)
    own = posterior.log_prob_batched(torch.zeros(1, 4, 2), x, norm_posterior=False)[0]
    torch.testing.assert_close(_log_q(state.model, x), own, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(_log_q(trusted.model, x), own, rtol=1e-5, atol=1e-5)


def test_a_posterior_without_a_likelihood_says_what_is_missing(file):
    torch.save(estimator().state_dict(), file / "state.pt")
    with pytest.raises(InputError, match=r"return \(posterior, likelihood\)"):
        load(file / "state.pt", model=f"{file / 'm.py'}:alone")


def test_both_estimators_in_one_file(file):
    from sbi.neural_nets import likelihood_nn

    theta, x = simulated(GAUSSIAN, 100, 3)
    density = likelihood_nn("maf", hidden_features=5)(theta, x)
    torch.save({"posterior": estimator(seed=1).state_dict(), "likelihood": density.state_dict()}, file / "state.pt")
    with pytest.warns(GapkitWarning, match="posterior from posterior, likelihood from likelihood"):
        made = load(file / "state.pt", model=f"{file / 'm.py'}:with_learned").model
    own = density.log_prob(x[:4].unsqueeze(0), condition=theta[:4])[0]
    torch.testing.assert_close(made.decode(theta[:4]).log_prob(x[:4]), own)
