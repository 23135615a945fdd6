"""Pairs of exported programs on the command line: as the modules that they were made of, or refused with the remedy."""

import copy
import hashlib
import json
import math
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from gapkit.core.errors import InputError
from gapkit.sources import ModelSource, Source
from tests.checkpoints import written

DATA = ["--data", "x.npz", "--likelihood", "bernoulli"]
QUICK = [*DATA, "--effort", "quick", "--format", "none"]
PAIR = ["--encoder-file", "enc.pt2", "--decoder-file", "dec.pt2"]

EAGER = """
from torch import nn
from tests.checkpoints.written import Decoder, Encoder


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = Encoder(), Decoder()

    def encode(self, x):
        return self.enc(x)

    def decode(self, z):
        return self.dec(z)
"""


@pytest.fixture
def modules(tmp_path):
    """An encoder and a decoder, their programs of both kinds, and data."""
    torch.manual_seed(0)
    encoder, decoder = written.Encoder().eval(), written.Decoder().eval()
    with torch.no_grad():
        decoder.net[-1].weight.mul_(4)
    written.export(encoder, 6, tmp_path / "enc.pt2")
    written.export(decoder, 2, tmp_path / "dec.pt2")
    written.script(encoder, tmp_path / "enc.pt")
    written.script(decoder, tmp_path / "dec.pt")
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).integers(0, 2, (12, 6)).astype(np.float32))
    return encoder, decoder


def table(folder):
    return pd.read_parquet(folder / "datapoints.parquet")


def exact_elbo(encoder, decoder, x, draws=4000):
    """By hand: KL in closed form, the rest by draws; and its standard error."""
    torch.manual_seed(1)
    with torch.no_grad():
        mean, logvar = encoder(x)
        q = Normal(mean, torch.exp(0.5 * logvar))
        logits = decoder(q.sample((draws,)).flatten(0, 1)).reshape(draws, *x.shape)
        values = Bernoulli(logits=logits).log_prob(x).sum(-1) - kl_divergence(q, Normal(0.0, 1.0)).sum(-1)
    return values.mean(0).double(), values.std(0).double() / math.sqrt(draws)


@pytest.mark.parametrize("ending", ["pt2", "pt"])
def test_the_numbers_are_those_of_the_modules(ending, gapkit, modules, tmp_path):
    code, _, err = gapkit(
        "analyze", "--encoder-file", f"enc.{ending}", "--decoder-file", f"dec.{ending}", *QUICK, "--out", "run"
    )
    assert code == 0, err
    found = table(tmp_path / "run")
    own, error = exact_elbo(*modules, torch.from_numpy(np.load(tmp_path / "x.npz")["x"]))
    off = (torch.tensor(found["elbo"].to_numpy()) - own) / (
        error.square() + torch.tensor(found["elbo_se"].to_numpy()) ** 2
    ).sqrt()
    assert off.abs().max() < 4.5
    (tmp_path / "both.py").write_text(EAGER)
    parts = zip(("enc", "dec"), modules, strict=True)
    torch.save({f"{name}.{key}": t for name, part in parts for key, t in part.state_dict().items()}, "both.weights.pt")
    code, _, err = gapkit("analyze", "both.weights.pt", "--model", "both.py:Both", *QUICK, "--out", "eager")
    assert code == 0, err
    eager = table(tmp_path / "eager")
    for name in ("elbo", "elbo_star", "log_px"):
        np.testing.assert_allclose(found[name], eager[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ending", ["pt2", "pt"])
@pytest.mark.filterwarnings("ignore:TorchScript, which torch calls deprecated")
def test_programs_travel_to_other_processes_and_are_copied(ending, modules, tmp_path):
    """As workers of Ray and twins of a model need it; in the type that they were turned to."""
    pair = {"checkpoint": tmp_path / f"enc.{ending}", "decoder": tmp_path / f"dec.{ending}"}
    model = ModelSource(**pair, likelihood="bernoulli").open().model.double()
    z, wanted = torch.randn(3, 2, dtype=torch.float64), modules[1].double()
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert torch.equal(again.decode(z).base_dist.logits, wanted(z))


def test_what_was_analysed_is_opened_again_and_told_where_it_changed(gapkit, modules, tmp_path):
    code, _, err = gapkit("analyze", *PAIR, *QUICK, "--out", "run")
    assert code == 0, err
    run = json.loads((tmp_path / "run/run.json").read_text())
    assert run["source"]["model"]["decoder"] == "dec.pt2"
    wanted = {name: hashlib.sha256(Path(f"{name[:3]}.pt2").read_bytes()).hexdigest() for name in ("encoder", "decoder")}
    assert run["checkpoint"]["files"] == wanted
    opened = Source.of(tmp_path / "run").open()
    assert opened.loaded.sha256 == run["checkpoint"]["sha256"]
    z = torch.zeros(1, 2)
    assert torch.equal(opened.model.decode(z).base_dist.logits, modules[1](z))
    written.export(written.Decoder(), 2, tmp_path / "dec.pt2")
    with pytest.raises(InputError, match="another file than was analysed"):
        Source.of(tmp_path / "run").open()


@pytest.mark.slow
def test_every_command_takes_a_pair(gapkit, modules, tmp_path):
    torch.manual_seed(5)
    written.export(written.Encoder(), 6, tmp_path / "other.pt2")
    code, out, err = gapkit("doctor", *PAIR, *DATA, "--limit", 6)
    assert code == 0, err
    assert "error" not in out
    assert gapkit("plan", *PAIR, *DATA, "--effort", "quick", "--probe", 0.5)[0] == 0
    assert (
        gapkit(
            "certify", *PAIR, "--likelihood", "bernoulli", "--latent-shape", 2, "--datapoints", 4, "--effort", "quick"
        )[0]
        == 0
    )
    assert gapkit("score", *PAIR, *DATA, "--out", "scored")[0] == 0
    code, _, err = gapkit("analyze", *PAIR, *QUICK, "--encoder", "other=other.pt2", "--out", "run")
    assert code == 0, err
    assert "elbo_other" in table(tmp_path / "run").columns
    code, _, err = gapkit("refit", *PAIR, *DATA, "--out", "refitted")
    assert code == 2
    assert "a graph, which is not trained" in err
    assert not (tmp_path / "refitted").exists()


class NoGradient(nn.Module):
    """A decoder that forbids gradients, in one of two ways."""

    def __init__(self, way):
        super().__init__()
        self.way, self.net = way, nn.Linear(2, 6)

    def forward(self, z):
        if self.way == "detach":
            return self.net(z).detach()
        with torch.no_grad():
            return self.net(z)


class TwoInputs(nn.Module):
    def forward(self, z, c):
        return z + c


def test_programs_that_cannot_be_analysed_are_refused_with_the_remedy(gapkit, modules, tmp_path):
    written.export(modules[1], 2, tmp_path / "static.pt2", dynamic_shapes=None)
    batch = torch.export.Dim("batch", max=64)
    written.export(modules[1], 2, tmp_path / "few.pt2", dynamic_shapes=({0: batch},))
    for way in ("detach", "no_grad"):
        written.export(NoGradient(way), 2, tmp_path / f"{way}.pt2")
    two, example = torch.export.Dim("batch"), (torch.zeros(2, 2), torch.zeros(2, 2))
    torch.export.save(
        torch.export.export(TwoInputs(), example, dynamic_shapes=({0: two}, {0: two})), tmp_path / "two.pt2"
    )
    torch.save(modules[1].state_dict(), tmp_path / "weights.pt")
    for decoder, words in {
        "static.pt2": ("it takes (2, 2)", 'dynamic_shapes=({0: torch.export.Dim("batch")},)'),
        "few.pt2": ("with 0 rows to 64", 'dynamic_shapes=({0: torch.export.Dim("batch")},)'),
        "detach.pt2": ("no gradient in z", "without detach()"),
        "no_grad.pt2": ("set_grad_enabled", "outside of torch.no_grad()"),
        "two.pt2": ("(any, 2) and (any, 2)", "one input"),
        "dec.pt": ("enc.pt2: a program of torch.export and dec.pt: a TorchScript program", "the same kind"),
        "weights.pt": ("weights.pt: an archive without a program", "the same kind"),
        "x.npz": ("x.npz: an archive without a program", "the same kind"),
        "absent.pt2": ("no such file",),
    }.items():
        code, _, err = gapkit("analyze", "--encoder-file", "enc.pt2", "--decoder-file", decoder, *QUICK)
        assert code == 2
        for word in words:
            assert word in err, (decoder, err)


def test_options_that_do_not_go_together_are_refused(gapkit, modules, tmp_path):
    no_likelihood = ["--data", "x.npz", "--effort", "quick"]
    for words, told in {
        ("analyze", *PAIR, *no_likelihood): "--likelihood",
        ("analyze", *PAIR[:2], *QUICK): "no --decoder-file",
        ("doctor", *PAIR[2:], *DATA): "no --encoder-file",
        ("analyze", "enc.pt2", *PAIR, *QUICK): "the checkpoint enc.pt2 as well",
        ("analyze", *PAIR, *QUICK, "--model", "absent.py:Encoder"): "no such file",
        ("analyze", *QUICK): "no CHECKPOINT",
        ("certify",): "no CHECKPOINT",
    }.items():
        code, _, err = gapkit(*words)
        assert code == 2
        assert "to do:" in err
        assert told in err
    (tmp_path / "net.py").write_text("Model = dict\n")
    code, _, err = gapkit("analyze", *PAIR, *QUICK, "--model", "net.py:Model")
    assert code == 2
    assert "drop --model" in err
    code, _, err = gapkit("analyze", "enc.pt2", *QUICK)
    assert code == 2
    assert "--encoder-file" in err


def test_inspect_tells_what_a_program_takes(gapkit, modules):
    code, out, _ = gapkit("inspect", "dec.pt2")
    assert code == 0
    assert "a program of torch.export" in out
    assert "(any, 2)" in out
    assert "next: gapkit analyze --encoder-file enc.pt2 --decoder-file dec.pt2 --likelihood" in out
    code, out, _ = gapkit("inspect", "dec.pt", "--json")
    assert json.loads(out)["kind"] == "a TorchScript program"
    assert gapkit("init", "dec.pt2")[0] == 2
