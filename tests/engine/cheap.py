"""Settings of analyses that take little time, with details."""

from dataclasses import replace

from gapkit.engine import EFFORTS, spec_for
from gapkit.estimators import Ais
from gapkit.local import FitSettings


def spec(**changes):
    fit = FitSettings(num_starts=0, polish_steps=40, select_samples=32, certificate_samples=64, gradient_steps=60)
    quick = spec_for("quick", fit=fit)
    policy = replace(quick.evidence, ais=Ais(num_chains=4, num_temperatures=3))
    return replace(quick, **{"unit_size": 8, "evidence": policy, **changes})


def short(**changes):
    """Where the numbers do not matter."""
    fit = FitSettings(num_starts=0, polish_steps=6, select_samples=16, certificate_samples=16, gradient_steps=20)
    return spec(**{"fit": fit, **changes})


def make_quick_quicker(monkeypatch):
    """The effort ``quick`` without a search for modes, where it matters what is done and not how well."""
    brief = short(unit_size=200)
    monkeypatch.setitem(EFFORTS, "quick", lambda: brief)
