"""Summaries by hand, as files hold them: a sound one, to be changed one fault at a time or several together."""

import copy
from functools import cache

import numpy as np
import pandas as pd

from gapkit.ladder import STANDARD
from gapkit.results.records import AisCertificate
from gapkit.results.summary import summarise, summarise_values

_FURTHER = ("iwae", "pooled", "ais", "ais_upper", "mode_gap", "optimality_gap")
_ESTIMATES = (*STANDARD.names, *STANDARD.contrasts(), *_FURTHER)


def table(count=100, encoder=3.0, family=1.0, seed=0, spread=0.3, log_px=-90.0):
    """Rows of a sound run: gaps around the given means, all fits converged, a control subset that agrees."""
    rng = np.random.default_rng(seed)
    top = rng.normal(log_px, 5.0, count)
    star = top - np.abs(family + spread * family * rng.normal(size=count))
    elbo = star - np.abs(encoder + spread * encoder * rng.normal(size=count))
    frame = pd.DataFrame({"elbo": elbo, "elbo_star": star, "log_px": top, "iwae": elbo + 0.3, "pooled": top})
    control = np.arange(count) % 10 == 0
    frame = frame.assign(ais=np.where(control, top + 0.01 * rng.normal(size=count), np.nan), ais_upper=np.nan)
    frame = frame.assign(total_gap=top - elbo, amortization_gap=star - elbo, approximation_gap=top - star)
    frame = frame.assign(amortization_minus_approximation=2 * star - elbo - top, mode_gap=0.0, optimality_gap=0.001)
    frame = frame.assign(**{f"{name}_se": 0.02 for name in _ESTIMATES} | {"optimality_gap_se": 0.002})
    frame = frame.assign(fit="converged", start=0, log_px_source="mixture", ais_reason=np.where(control, "control", ""))
    return frame.assign(index=range(count), split="test", status="ok")


def sandwich(low, high, count=50):
    """A certificate whose interval has these ends."""
    mean, error = 0.5 * (low + high), (high - low) / 3.92
    gap = {"mean": mean, "se_monte_carlo": error, "se_datapoints": error, "ci95": [low, high]}
    gap |= {"count": count, "left_out": 0, "median": mean}
    level = {
        "mean": -91.0,
        "se_monte_carlo": 0.1,
        "se_datapoints": 0.5,
        "ci95": [-92.0, -90.0],
        "count": count,
        "left_out": 0,
    }
    return {"lower": level, "upper": {**level, "mean": -91.0 + mean}, "gap": gap}


def use(used, dimensions=10, datapoints=100):
    """Which latents q tells datapoints apart by: the first so many."""
    flags = [place < used for place in range(dimensions)]
    spread = [3.0 if flag else 0.0 for flag in flags]
    counts = {"dimensions": dimensions, "datapoints": datapoints, "left_out": 0, "threshold": 0.01, "missing": {}}
    counts |= dict.fromkeys(("kl", "kl_per_dimension", "active", "active_units", "mutual_information", "aggregate_kl"))
    return {**counts, "spread": spread, "used": flags, "used_units": used}


def beside(summary, level, name="factorised_bernoulli"):
    """A simple model whose log p(x) has that mean."""
    log_px = summary["quantities"]["log_px"]["mean"]
    values = np.random.default_rng(5).normal(size=100)
    values -= values.mean()
    return {
        "name": name,
        "log_px": summarise_values(level + values, np.zeros(100)).to_dict(),
        "difference": summarise_values(log_px - level + 0.5 * values, np.zeros(100)).to_dict(),
    }


def finished(frame, **further):
    """The summary of a table as an analysis makes it."""
    certificate = AisCertificate.of(further.pop("certificate", sandwich(0.001, 0.02)))
    summary = summarise(frame, certificate=certificate, effort="standard").to_dict()
    part = summary["splits"]["test"]
    part |= {"data": {"dimensions": 784, "discrete": True}, "latents": use(10), "latents_star": use(10)}
    models = [beside(summary, -206.0), beside(summary, -543.4, "coin_flips")]
    part["baselines"] = {"fitted_on": "train", "fitted_datapoints": 5000, "models": models}
    return {**summary, **further}


@cache
def _sound(*settings):
    return finished(table(**dict(settings)))


def sound(**settings):
    """A sound summary, to be changed at will."""
    return copy.deepcopy(_sound(*settings.items()))
