"""The summary as values: written and read back it is the same, and files that are not one are refused in words."""

import copy
import json

import pytest
import torch

import gapkit
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.means import Mean
from gapkit.engine import spec_for
from gapkit.estimators import ReciprocalIs
from gapkit.ladder import STANDARD
from gapkit.models.reference import build
from gapkit.results import Result
from gapkit.results.records import AisCertificate, Latents, LocalSteps, Skipped, Summary


class Broken(ReciprocalIs):
    """A bound that has no values."""

    def on(self, target, q, key):
        raise ValueError("no such thing")


@pytest.fixture(scope="module")
def whole():
    """An analysis with everything that a summary holds: splits, classes, families, an encoder, curves, bounds."""
    torch.manual_seed(0)
    model, other = (build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)) for _ in range(2))
    other.decoder.load_state_dict(model.decoder.state_dict())
    x = (torch.rand(30, 6, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    settings = {"semi_amortized": 12, "certificate": 6, "details": 0, "convergence": 2}
    with pytest.warns(GapkitWarning, match="the bound broken has no value"):
        return gapkit.analyze(
            model,
            {"test": x[:16], "train": x[16:]},
            spec_for("quick", families=("full_rank", "mean_field"), **settings),
            labels={"test": [place % 3 for place in range(16)], "train": ["a", "b"] * 7},
            encoders={"other": other},
            bounds={"reciprocal": ReciprocalIs(), "broken": Broken()},
        )


def test_the_analysis_has_every_part(whole):
    summary = whole.summary_values
    assert list(summary.generalisation) == ["test minus train"]
    assert isinstance(summary.certificate, AisCertificate)
    assert isinstance(summary.semi_amortized, LocalSteps)
    assert [len(part.classes) for part in summary.splits.values()] == [3, 2]
    assert summary.first.convergence.ais.curve
    assert summary.first.convergence.fit.curve
    assert summary.first.iwae_curve.curve
    assert isinstance(summary.first.latents, Latents)
    assert summary.first.latents_star.used is not None
    assert summary.first.baselines.models
    assert summary.first.skipped == {"broken": "ValueError: no such thing"}
    assert {"elbo_star_full_rank", "gain_other", "reciprocal"} <= set(summary.quantities)
    assert summary.ladder.further
    assert summary.search.simulated


def test_written_and_read_back_it_is_the_same(whole, tmp_path):
    summary = whole.summary_values
    text = json.dumps(summary.to_dict(), allow_nan=False)
    assert Summary.of(json.loads(text)) == summary
    assert json.dumps(Summary.of(json.loads(text)).to_dict()) == text
    folder = whole.save(tmp_path / "run")
    again = Result.load(folder).save(tmp_path / "again")
    assert (again / "summary.json").read_bytes() == (folder / "summary.json").read_bytes()


def test_the_means_of_the_first_split_stand_in_front(whole):
    stored = whole.summary_values.to_dict()
    assert list(stored)[:3] == ["ladder", "quantities", "splits"]
    assert stored["quantities"] == stored["splits"]["test"]["quantities"]
    assert whole.summary_values.quantities is whole.summary_values.first.quantities


def test_what_is_read_is_typed(whole, tmp_path):
    found = Result.load(whole.save(tmp_path / "run")).summary_values
    elbo = found.quantities["elbo"]
    assert isinstance(elbo, Mean)
    assert elbo.ci95 == whole.summary_values.quantities["elbo"].ci95
    assert isinstance(found.ladder, type(STANDARD))


def test_parts_that_earlier_versions_lack_are_empty():
    part = {"datapoints": 3, "other_start": 0, "quantities": {}, "latents": {"skipped": "no"}}
    summary = Summary.of({"splits": {"test": part}})
    assert summary.ladder == STANDARD
    assert (summary.findings, summary.generalisation, summary.search, summary.effort) == ((), {}, None, None)
    assert summary.first.latents == Skipped("no")
    assert (summary.first.unsound, summary.first.fit, summary.first.classes) == (None, None, ())


def without(stored, *path):
    part = stored
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]


DAMAGES = {
    "no means of a split": (lambda s: without(s, "splits", "test", "quantities"), "quantities"),
    "a mean that is text": (lambda s: s["splits"]["test"]["quantities"]["elbo"].update(mean="x"), "mean"),
    "a range of one end": (lambda s: s["splits"]["train"]["quantities"]["elbo"].update(range=[1.0]), "range"),
    "sources that are a list": (lambda s: s["splits"]["test"].update(log_px_source=[1]), "log_px_source"),
    "a curve without points": (lambda s: s["splits"]["test"]["iwae_curve"].update(curve=[]), "curve"),
    "families that are words": (lambda s: s["families"].update(fitted="flow"), "fitted"),
    "a concentration of nothing": (lambda s: without(s, "splits", "test", "concentration", "spread"), "spread"),
    "one number for two latents": (lambda s: s["splits"]["test"]["latents"].update(active=[True]), "2 dimensions"),
    "a curve of another split": (lambda s: s["semi_amortized"].update(split="other"), "unknown split other"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused_in_words(whole, tmp_path, damage):
    folder = whole.save(tmp_path / "run")
    stored = json.loads((folder / "summary.json").read_text())
    change, words = DAMAGES[damage]
    change(stored)
    (folder / "summary.json").write_text(json.dumps(stored))
    with pytest.raises(InputError, match=words) as refused:
        Result.load(folder)
    assert "summary.json" in refused.value.asked


def test_what_the_schema_lets_pass_and_is_no_value_is_refused_in_words(whole, tmp_path):
    """Of a curve over no datapoint the schema asks for less than a value has."""
    folder = whole.save(tmp_path / "run")
    stored = json.loads((folder / "summary.json").read_text())
    curve = copy.deepcopy(stored["semi_amortized"])
    stored["semi_amortized"] = {**curve, "datapoints": 0}
    without(stored, "semi_amortized", "curve", 0, "steps")
    (folder / "summary.json").write_text(json.dumps(stored))
    with pytest.raises(InputError, match="not what a summary holds: no steps"):
        Result.load(folder)
