import pytest
import torch
from torch import nn

from gapkit.checkpoints import find_state_dict, load_strictly, strip_prefixes
from gapkit.core.errors import InputError


@pytest.fixture
def state():
    return dict(nn.Linear(3, 2).state_dict())


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_usual_places(state, key):
    assert find_state_dict({"epoch": 1, key: state}) == state
    assert find_state_dict(state) == state
    assert find_state_dict({"ema": {"net": state}}, "ema.net") == state


def test_modules_count_as_their_weights():
    module = nn.Linear(2, 2)
    assert set(find_state_dict(module)) == set(find_state_dict({"model": module})) == {"weight", "bias"}


@pytest.mark.parametrize(
    ("payload", "key", "expected"),
    [
        ({"epoch": 1, "weights": {"a": 1}}, None, "epoch (int), weights (dict of 1)"),
        ([1, 2], None, "list"),
        ({}, None, "an empty dict"),
        ({"ema": {"net": 1}}, "ema.nut", "there is no 'nut' there"),
        ({"ema": {"net": 1}}, "ema.net", "holds tensors"),
    ],
)
def test_no_weights(payload, key, expected):
    with pytest.raises(InputError) as caught:
        find_state_dict(payload, key)
    assert expected in str(caught.value)


def test_prefixes_go_only_when_all_names_carry_them(state):
    wrapped = {f"_orig_mod.module.{name}": value for name, value in state.items()}
    assert strip_prefixes(wrapped) == state
    mixed = {**{f"module.{name}": value for name, value in state.items()}, "head": torch.ones(1)}
    assert strip_prefixes(mixed) == mixed


@pytest.mark.parametrize(("saved", "own"), [(torch.float64, torch.float32), (torch.float32, torch.float64)])
def test_other_precisions_fit(state, saved, own):
    module = nn.Linear(3, 2, dtype=own)
    load_strictly(module, {name: value.to(saved) for name, value in state.items()})
    assert module.weight.dtype == own
    torch.testing.assert_close(module.weight.float(), state["weight"])


def refusal(module, state):
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(InputError) as caught:
        load_strictly(module, state)
    torch.testing.assert_close(dict(module.state_dict()), before)  # a refused load changes nothing
    return str(caught.value)


def test_misfits_are_named(state):
    assert "missing bias (1 in all)" in refusal(nn.Linear(3, 2), {"weight": state["weight"]})
    assert "unexpected extra" in refusal(nn.Linear(3, 2), {**state, "extra": torch.ones(1)})
    text = refusal(nn.Linear(4, 2), state)
    assert "weight: (2, 3) in the file, (2, 4) in the module" in text
    assert "bias" not in text
    many = refusal(nn.Linear(3, 2), {f"w{i}": torch.ones(1) for i in range(20)})
    assert "w7 and 12 more (20 in all)" in many


def test_weights_of_an_attribute_are_recognised(state):
    lightning = {f"vae.{name}": value for name, value in state.items()}
    assert "fit behind 'vae.'" in refusal(nn.Linear(3, 2), {**lightning, "metric": torch.ones(1)})


def test_weights_that_are_not_finite(state):
    state["bias"][0] = float("nan")
    assert "NaN or infinite values in bias" in refusal(nn.Linear(3, 2), state)
