"""Checkpoints of one training, in their order."""

from dataclasses import replace

import pytest

from gapkit.comparison import compare, find_series, natural, numbers_of
from tests.comparison.runs import spread
from tests.results.by_hand import three


def checkpoint(name, **facts):
    return {"checkpoint": {"name": name, "description": "mlp_vae", **facts}}


def runs_of(*checkpoints):
    return {f"run {number}": three(run=run) for number, run in enumerate(checkpoints)}


@pytest.mark.parametrize(
    ("name", "facts", "expected"),
    [
        ("epoch-0004.pt", {}, {"epoch": 4}),
        ("epoch=9-step=1000.ckpt", {}, {"epoch": 9, "step": 1000}),
        ("VAE_Epoch10.pt", {}, {"epoch": 10}),
        ("model-iter_500.pth", {}, {"step": 500}),
        ("last.pt", {"epoch": 3, "step": 70}, {"epoch": 3, "step": 70}),
        ("checkpoint-120.pt", {}, {"number": 120}),
        ("deep2-7.safetensors", {}, {"number": 7}),
        ("model.pt", {"epoch": True}, {}),
        ("recipe9.pt", {}, {"number": 9}),
    ],
)
def test_how_far_a_training_was(name, facts, expected):
    assert numbers_of(checkpoint(name, **facts)) == expected


def test_checkpoints_of_one_training_are_found_and_ordered():
    runs = runs_of(*(checkpoint(f"epoch-{number:04d}.pt", training="x") for number in (8, 2, 10)))
    series = find_series(runs)
    assert (series.axis, list(series.numbers.values())) == ("epoch", [2, 8, 10])
    assert list(series.numbers) == ["run 1", "run 0", "run 2"]
    assert "configuration" in series.told_by
    assert "names" in find_series(runs_of(checkpoint("epoch-1.pt"), checkpoint("epoch-2.pt"))).told_by


def test_equal_epochs_are_told_apart_by_their_steps():
    runs = runs_of(*(checkpoint("a.pt", epoch=1, step=step, training="x") for step in (10, 30, 20)))
    assert find_series(runs).axis == "step"


@pytest.mark.parametrize(
    "checkpoints",
    [
        [checkpoint("epoch-1.pt", training="x"), checkpoint("epoch-2.pt", training="y")],
        [checkpoint("epoch-1.pt", training="x"), checkpoint("epoch-2.pt")],
        [checkpoint("epoch-1.pt", training="x"), checkpoint("epoch-1.pt", training="x")],
        [checkpoint("seed-1.pt", epoch=3), checkpoint("seed-2.pt", epoch=4)],
        [checkpoint("epoch-1.pt"), checkpoint("other-epoch-2.pt")],
        [checkpoint("epoch-1.pt"), {"checkpoint": {"name": "epoch-2.pt", "description": "conv_vae"}}],
        [{}, {}],
        [{"checkpoint": "epoch-1.pt"}, {}],
    ],
)
def test_other_runs_are_no_series(checkpoints):
    assert find_series(runs_of(*checkpoints)) is None


def test_a_series_tells_of_its_last_checkpoint_and_of_the_extremes():
    facts = [checkpoint(f"epoch-{n}.pt", training="x") for n in (1, 2, 3)]
    results = [spread(seed=n, encoder=shift, model=n) for n, shift in enumerate((0.0, -0.8, -0.3))]
    comparison = compare({name: replace(r, run=run) for name, r, run in zip("abc", results, facts, strict=True)})
    said = comparison.sentences()
    assert said[0].startswith("c against a: log p(x) is 2.0")
    assert said[1].startswith("c against a: the amortization gap")
    assert not any("b against" in sentence for sentence in said)
    levels = comparison.summary_values.splits["test"].levels
    assert f"highest mean L[q] is that of epoch 3 ({levels['c']['elbo'].mean:.2f} nats)" in said[-1]
    assert f"amortization gap that of epoch 2 ({levels['b']['amortization_gap'].mean:.2f} nats)" in said[-1]


def test_people_count_in_a_natural_order():
    names = ["epoch-10", "epoch-9", "a", "epoch-9b", "10", "9"]
    assert sorted(names, key=natural) == ["9", "10", "a", "epoch-9", "epoch-9b", "epoch-10"]
