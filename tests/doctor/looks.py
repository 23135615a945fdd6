"""What the checks find in a model, and what a refusal says."""

import pytest

import gapkit
from gapkit.core.datapoints import Loaded
from gapkit.core.errors import InputError
from gapkit.doctor import CHECKS, examine, prepare
from gapkit.models.freeze import frozen
from tests.doctor.vae import LATENT, trained


def looked_at(model, x, inputs=None, **options):
    with frozen(model):
        points = Loaded.of(prepare(model, x), inputs)
        return {finding.check: finding for finding in examine(model, points, **options).findings}


def pair(cls, kind="binary", likelihood="bernoulli", **options):
    model = trained(cls, kind)
    return gapkit.from_pair(model.encode, model.decode, likelihood, latent_shape=(LATENT,), **options)


def refused(model, x, check, *words):
    """The check refuses before any work, says its name, and lets those go on who give it."""
    with pytest.raises(InputError) as error:
        looked_at(model, x)
    for word in (f"--allow {check}", *words):
        assert word in str(error.value)
    assert looked_at(model, x, allow=CHECKS)[check].level == "allowed"
