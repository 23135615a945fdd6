"""Conditional models from the command line: labels, and arrays that lie beside the data."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from gapkit import InputError
from gapkit.results import Result
from gapkit.sources import Source

MODEL = """
import numpy as np
import torch
from torch import nn
from torch.nn.functional import one_hot


class Conditional(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(6 + 3, 4), nn.Linear(2 + 3, 6)

    def encode(self, x, y):
        return self.enc(torch.cat([x.flatten(1), one_hot(y, 3)], 1)).chunk(2, 1)

    def decode(self, z, y):
        return self.dec(torch.cat([z, one_hot(y, 3)], 1))


class Two(Conditional):
    def encode(self, x, c):
        return super().encode(x, c["kind"] + (c["shift"] > 0).long())

    def decode(self, z, c):
        return super().decode(z, c["kind"] + (c["shift"] > 0).long())


def data(split):
    draws = np.random.default_rng(0)
    return {"x": draws.integers(0, 2, (9, 6)).astype(np.float32), "y": np.arange(9) % 3}
"""


class _Conditional(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(9, 4), nn.Linear(5, 6)


@pytest.fixture
def files(tmp_path):
    """A model file, its weights, and the same data in every form."""
    torch.manual_seed(0)
    (tmp_path / "m.py").write_text(MODEL)
    torch.save(_Conditional().state_dict(), tmp_path / "m.pt")
    x, y = np.random.default_rng(0).integers(0, 2, (9, 6)).astype(np.float32), np.arange(9) % 3
    np.savez(tmp_path / "x.npz", x=x, y=y, kind=y, kind_train=y[::-1], shift=np.zeros(9, np.float32), short=y[:3])
    torch.save({"x": torch.from_numpy(x), "kind": torch.from_numpy(y)}, tmp_path / "x.pt")
    frame = pd.DataFrame(x, columns=list("abcdef"))
    frame.assign(kind=y).to_csv(tmp_path / "x.csv", index=False)
    frame.assign(kind=np.array(["ant", "bee", "cat"])[y], label=y).to_csv(tmp_path / "words.csv", index=False)
    return tmp_path


WORDS = ("analyze", "m.pt", "--likelihood", "bernoulli", "--effort", "quick", "--format", "none", "--threads", 1)


def _run(gapkit, files, name, *further, model="m.py:Conditional"):
    code, _, err = gapkit(*WORDS, "--model", model, "--out", name, *further)
    assert code == 0, err
    return Result.load(files / name)


@pytest.mark.slow
def test_every_way_to_say_a_condition_gives_the_same(gapkit, files):
    whole = _run(gapkit, files, "labels", "--data", "x.npz", "--condition", "labels").to_frame()["log_px"]
    for number, (data, *further) in enumerate(
        (
            ("x.npz", "--condition", "kind"),
            ("x.pt", "--condition", "kind"),
            ("x.csv", "--label-column", "kind", "--condition", "labels"),
            ("x.csv", "--condition", "kind"),
            ("m.py:data", "--condition", "labels"),
        )
    ):
        found = _run(gapkit, files, f"run{number}", "--data", data, *further)
        pd.testing.assert_series_equal(found.to_frame()["log_px"], whole)
        assert found.run["condition"] == ("labels" if data in ("x.csv", "m.py:data") else "kind")
    two = _run(gapkit, files, "two", "--data", "x.npz", "--condition", "kind, shift", model="m.py:Two")
    pd.testing.assert_series_equal(two.to_frame()["log_px"], whole)


def test_a_split_has_its_own_array_and_a_limit_cuts_it(gapkit, files):
    plain = _run(gapkit, files, "a", "--data", "x.npz", "--condition", "kind", "--limit", 4).to_frame()
    assert len(plain) == 4
    own = _run(gapkit, files, "b", "--data", "x.npz", "--condition", "kind", "--split", "train").to_frame()
    assert not np.allclose(own["elbo"][:4], plain["elbo"])


@pytest.mark.slow
def test_a_run_is_opened_again_with_its_condition(gapkit, files):
    _run(gapkit, files, "a", "--data", "x.npz", "--condition", "kind")
    opened = Source.of(files / "a").open(trust=True)
    assert opened.arguments()["condition"]["test"].tolist() == [0, 1, 2] * 3
    text = Result.load(files / "a").report(files / "a.html").read_text("utf-8")
    assert "log p(x|c)" in text
    assert "log p(x)" not in text
    held = dict(np.load(files / "x.npz"))
    np.savez(files / "x.npz", **{**held, "kind": held["kind"][::-1]})
    with pytest.raises(InputError, match="another condition than was analysed"):
        Source.of(files / "a").open(trust=True)


@pytest.mark.parametrize(
    ("further", "words"),
    [
        (("--data", "words.csv", "--condition", "kind"), ["words (ant, bee", "whole numbers"]),
        (("--data", "x.csv", "--condition", "kind,a"), ["one column of a table can be set aside"]),
        (("--data", "x.csv", "--condition", "kind", "--label-column", "a"), ["leave --label-column out"]),
        (("--data", "m.py:data", "--condition", "kind"), ["may give other datapoints when it is called again"]),
        ((), ["encode needs a condition beside x", "--condition NAME"]),
        (("--condition", "absent"), ["x, y, kind", "name one of them with --condition"]),
        (("--condition", "short"), ["shape (3,) for 9 datapoints"]),
        (("--condition", " , "), ["no name"]),
    ],
)
def test_what_is_refused(gapkit, files, further, words):
    code, _, err = gapkit(
        *WORDS,
        "--model",
        "m.py:Conditional",
        "--out",
        "run",
        *(further if "--data" in further else ("--data", "x.npz", *further)),
    )
    assert code == 2
    for word in words:
        assert word in err


MODEL_WORDS = ("m.pt", "--model", "m.py:Conditional", "--likelihood", "bernoulli")


@pytest.mark.slow
@pytest.mark.parametrize("data", [("x.npz", "kind"), ("x.csv", "kind"), ("x.npz", "labels")])
def test_scores_take_a_condition(gapkit, files, data):
    """Of data of their own, without starts from elsewhere: the numbers are those of an analysis."""
    source, name = data
    words = ("--data", source, "--condition", name)
    code, out, err = gapkit("score", *MODEL_WORDS, *words, "--out", "s")
    assert code == 0, err
    table = pd.read_parquet(files / "s/scores.parquet")
    whole = _run(gapkit, files, "whole", *words).to_frame()
    np.testing.assert_allclose(-table["negative_log_px"], whole["log_px"], atol=4 * whole["log_px_se"].max() + 1e-3)
    assert json.loads((files / "s/score.json").read_text())["run"]["condition"] == name
    code, out, err = gapkit("score", *MODEL_WORDS, *words, "--reference", source, "--out", "both")
    assert code == 0, err
    assert "reference" in out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kind", "labels"])
def test_an_encoder_is_refitted_under_a_condition(gapkit, files, name):
    held = np.load(files / "x.npz")
    x, y = held["x"], held["y"]
    np.savez(files / "both.npz", x_train=x, x_test=x, y_train=y, y_test=y, kind_train=y, kind_test=y)
    words = ("--data", "both.npz", "--condition", name, "--epochs", 2)
    code, out, err = gapkit("refit", *MODEL_WORDS, *words, "--out", "new")
    assert code == 0, err
    assert "Fine-tuning the encoder" in out
    facts = json.loads((files / "new/refit.json").read_text())
    assert facts["condition"] == name
    again = Source.of(facts).open(trust=True)
    assert again.arguments()["condition"]["train"].tolist() == [0, 1, 2] * 3
    code, _, err = gapkit("analyze", "new/encoder.pt", *WORDS[2:], "--model", "m.py:Conditional", *words[:4])
    assert code == 0, err


@pytest.mark.slow
def test_a_conditional_model_is_certified_with_the_conditions_of_data(gapkit, files):
    words = ("certify", *MODEL_WORDS, "--latent-shape", 2, "--datapoints", 6, "--effort", "quick", "--out", "c.json")
    code, out, err = gapkit(*words, "--data", "x.npz", "--condition", "kind")
    assert code == 0, err
    assert "6 datapoints" in out
    facts = json.loads((files / "c.json").read_text())
    assert facts["condition"] == "kind"
    assert facts["source"]["data"]["source"] == "x.npz"
    assert abs(facts["summary"]["gap"]["mean"]) < 0.5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("score", *MODEL_WORDS, "--data", "x.npz", "--out", "s"), ["encode needs a condition", "--condition NAME"]),
        (("refit", *MODEL_WORDS, "--data", "digits", "--out", "r"), ["encode needs a condition", "--condition NAME"]),
        (("certify", *MODEL_WORDS), ["needs a condition", "--data DATA --condition NAME"]),
        (("certify", *MODEL_WORDS, "--condition", "kind"), ["--condition without --data"]),
        (("certify", *MODEL_WORDS, "--data", "x.npz"), ["--data without --condition"]),
    ],
)
def test_other_commands_say_how_to_give_one(gapkit, files, words, told):
    code, _, err = gapkit(*words)
    assert code == 2
    for word in told:
        assert word in err
