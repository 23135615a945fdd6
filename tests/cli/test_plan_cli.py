"""`gapkit plan` tells what an analysis will take, and writes nothing."""

import re

import torch

from gapkit.engine import Given, plan, spec_for
from gapkit.models.reference import build


def test_time_memory_and_cost_for_some_numbers_of_processes(gapkit, three_units, tmp_path):
    before = sorted(tmp_path.iterdir())
    words = ("--data", "x.npz", "--effort", "quick", "--price", 3600, "--probe", 0.5, "--threads", 1)
    code, out, err = gapkit("plan", three_units, *words)
    assert code == 0, err
    assert "440 datapoints in 3 units of 200" in out
    rows = re.findall(r"(\d+) │ +(\d+) (s|min) │ +([\d.]+) GB │ +([\d.]+)", out)
    assert [int(row[0]) for row in rows] == [1, 2]
    assert float(rows[0][3]) < float(rows[1][3])
    assert sorted(tmp_path.iterdir()) == before


def test_what_cannot_be_planned_is_refused(gapkit, three_units):
    for words, told in ((("--price", -1), "--price"), (("--probe", 0), "--probe"), (("--data", "no.npz"), "no.npz")):
        code, _, err = gapkit("plan", three_units, *words)
        assert code == 2
        assert told in err


def test_the_probe_goes_on_until_the_time_is_spent_or_a_unit_is_whole():
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    given, spec = Given(x=torch.bernoulli(torch.full((40, 6), 0.5))), spec_for("quick", unit_size=16)
    whole = plan(model, given, spec, seconds=600)
    assert [size for size, _ in whole.probed] == [4, 8, 16]
    assert (whole.units, whole.unit_size, whole.datapoints) == (3, 16, 40)
    assert whole.per_unit == whole.probed[-1][1]
    short = plan(model, given, spec, seconds=1e-9)
    assert [size for size, _ in short.probed] == [4]
    assert short.seconds(3) < short.seconds(1)
